using System.Buffers.Binary;

namespace Gatehouse.Gateway.Breakers;

/// <summary>Tells texts apart, quickly and not against an attacker.</summary>
internal static class Fingerprint
{
    private const ulong Prime = 0x9FB2_1C65_1E98_DF25;

    public static ulong Of(ReadOnlySpan<byte> bytes, ulong seed = 0)
    {
        var hash = (seed ^ (ulong)bytes.Length) * Prime;
        for (; bytes.Length >= sizeof(ulong); bytes = bytes[sizeof(ulong)..])
        {
            hash = Mix(hash, BinaryPrimitives.ReadUInt64LittleEndian(bytes));
        }

        foreach (var b in bytes)
        {
            hash = Mix(hash, b);
        }

        return hash == 0 ? 1 : hash; // 0 stands for nothing
    }

    private static ulong Mix(ulong hash, ulong with)
    {
        hash = (hash ^ with) * Prime;
        return hash ^ (hash >> 32);
    }
}
