using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Gatehouse.Gateway.Calls;

/// <summary>
/// Ids of calls: version 7, as the platform makes them, but from random bytes fetched for 64 ids at a time: one system call less.
/// </summary>
internal static class CallIds
{
    private const int IdBytes = 16;
    private const int KeptBytes = 64 * IdBytes;

    [ThreadStatic]
    private static byte[]? t_random;

    [ThreadStatic]
    private static int t_left;

    public static Guid Next(DateTimeOffset now)
    {
        var random = t_random ??= new byte[KeptBytes];
        if (t_left == 0)
        {
            RandomNumberGenerator.Fill(random);
            t_left = KeptBytes;
        }

        t_left -= IdBytes;
        Span<byte> id = stackalloc byte[IdBytes];
        random.AsSpan(t_left, IdBytes).CopyTo(id);
        var millis = now.ToUnixTimeMilliseconds();
        BinaryPrimitives.WriteInt32BigEndian(id, (int)(millis >> 16));
        BinaryPrimitives.WriteInt16BigEndian(id[4..], (short)millis);
        id[6] = (byte)(0x70 | (id[6] & 0x0F)); // the version
        id[8] = (byte)(0x80 | (id[8] & 0x3F)); // the variant
        return new Guid(id, bigEndian: true);
    }
}
