using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Gatehouse.Gateway.Calls;

/// <summary>
/// Ids of calls, version 7 as the platform makes them, and of their spans; from random bytes fetched for 64 calls at a time: one system
/// call less.
/// </summary>
internal static class CallIds
{
    private const int IdBytes = 16;
    private const int KeptBytes = 64 * (IdBytes + sizeof(ulong));

    [ThreadStatic]
    private static byte[]? t_random;

    [ThreadStatic]
    private static int t_left;

    public static Guid Next(DateTimeOffset now)
    {
        Span<byte> id = stackalloc byte[IdBytes];
        Take(IdBytes).CopyTo(id);
        var millis = now.ToUnixTimeMilliseconds();
        BinaryPrimitives.WriteInt32BigEndian(id, (int)(millis >> 16));
        BinaryPrimitives.WriteInt16BigEndian(id[4..], (short)millis);
        id[6] = (byte)(0x70 | (id[6] & 0x0F)); // the version
        id[8] = (byte)(0x80 | (id[8] & 0x3F)); // the variant
        return new Guid(id, bigEndian: true);
    }

    /// <summary>The id of a span, which is never zero.</summary>
    public static ulong NextSpan()
    {
        while (true)
        {
            if (BinaryPrimitives.ReadUInt64LittleEndian(Take(sizeof(ulong))) is var span and not 0)
            {
                return span;
            }
        }
    }

    private static ReadOnlySpan<byte> Take(int bytes)
    {
        var random = t_random ??= new byte[KeptBytes];
        if (t_left < bytes)
        {
            RandomNumberGenerator.Fill(random);
            t_left = KeptBytes;
        }

        t_left -= bytes;
        return random.AsSpan(t_left, bytes);
    }
}
