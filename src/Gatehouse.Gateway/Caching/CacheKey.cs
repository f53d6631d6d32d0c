using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;

namespace Gatehouse.Gateway.Caching;

/// <summary>SHA-256 of a scope and of everything that an answer depends on; begun by <see cref="KeyHasher"/> only.</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly record struct CacheKey(ulong A, ulong B, ulong C, ulong D)
{
    public const int Bytes = 32;

    /// <summary>The key of one of several things that share everything but this text.</summary>
    public CacheKey Of(string text)
    {
        Span<byte> hash = stackalloc byte[Bytes];
        using var all = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        MemoryMarshal.Write(hash, in this);
        all.AppendData(hash);
        all.AppendData(Encoding.UTF8.GetBytes(text));
        all.GetHashAndReset(hash);
        return MemoryMarshal.Read<CacheKey>(hash);
    }
}
