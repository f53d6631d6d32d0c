using System.Collections.Frozen;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using Gatehouse.Contracts;

namespace Gatehouse.Gateway.Routing;

/// <summary>Who calls, as the key says.</summary>
/// <param name="StoreContent">Whether this system and environment keep prompt and answer text.</param>
public sealed record Principal(
    Guid KeyId,
    Guid TeamId,
    Guid SystemId,
    string System,
    SystemEnvironment Environment,
    SystemStage Stage,
    bool StoreContent,
    DateTimeOffset? ExpiresAt,
    bool Revoked)
{
    /// <summary>Where the system's data must stay: a region that providers state; <see langword="null"/>: anywhere.</summary>
    public string? Residency { get; init; }

    /// <summary>Why the system's or the key's calls are refused; <see langword="null"/> when both are switched on.</summary>
    public string? Off { get; init; }

    /// <summary>How sensitive the system's data is; <see langword="null"/>: nobody has said.</summary>
    public DataClassification? DataClassification { get; init; }

    /// <summary>The guard policy that was chosen for the system in this environment; <see langword="null"/>: nobody has chosen.</summary>
    public string? GuardPolicy { get; init; }
}

/// <summary>A keyed hash of a presented key: 32 bytes held by value, so that a lookup allocates nothing.</summary>
[StructLayout(LayoutKind.Sequential)]
public readonly record struct KeyHash(ulong A, ulong B, ulong C, ulong D)
{
    /// <summary>
    /// HMAC-SHA-256 under the installation's secret: a stolen table cannot be tried against other installations or offline.
    /// </summary>
    /// <param name="secret">The installation's secret, 32 bytes.</param>
    /// <param name="key">The key as presented, UTF-8.</param>
    public static KeyHash Of(ReadOnlySpan<byte> secret, ReadOnlySpan<byte> key)
    {
        Span<byte> hash = stackalloc byte[HMACSHA256.HashSizeInBytes];
        HMACSHA256.HashData(secret, key, hash);
        return FromBytes(hash);
    }

    /// <param name="hash">32 bytes.</param>
    public static KeyHash FromBytes(ReadOnlySpan<byte> hash) => MemoryMarshal.Read<KeyHash>(hash);

    public byte[] ToBytes()
    {
        var bytes = new byte[HMACSHA256.HashSizeInBytes];
        MemoryMarshal.Write(bytes, in this);
        return bytes;
    }
}

/// <summary>Every key of the installation, revoked ones included so that their refusal can say why.</summary>
public sealed class KeyTable
{
    public static readonly KeyTable Empty = new(new byte[32], new Dictionary<KeyHash, Principal>());

    [ThreadStatic]
    private static (byte[] Secret, IncrementalHash Hash)? t_hash; // half the cost of one made for each call

    private readonly byte[] _secret;
    private readonly FrozenDictionary<KeyHash, Principal> _keys;
    private Dictionary<Guid, Principal>? _byId; // only batches ask

    public KeyTable(byte[] secret, IReadOnlyDictionary<KeyHash, Principal> keys)
    {
        _secret = secret;
        _keys = keys.ToFrozenDictionary();
    }

    /// <summary>Longest key that is looked at, in characters; longer ones are unknown.</summary>
    public const int MaxKeyChars = 128;

    /// <summary>Finds the principal of a presented key; the caller checks expiry, revocation and stage. Allocates nothing.</summary>
    public bool TryFind(ReadOnlySpan<char> presented, [NotNullWhen(true)] out Principal? principal)
    {
        principal = null;
        Span<byte> bytes = stackalloc byte[MaxKeyChars * 3];
        return presented.Length is > 0 and <= MaxKeyChars
            && Encoding.UTF8.TryGetBytes(presented, bytes, out var length)
            && _keys.TryGetValue(HashOf(bytes[..length]), out principal);
    }

    /// <summary>Finds the principal of a key by its id, where nobody presents the key itself.</summary>
    public bool TryFind(Guid keyId, [NotNullWhen(true)] out Principal? principal)
    {
        if (_byId is not { } byId)
        {
            byId = [];
            foreach (var known in _keys.Values)
            {
                byId[known.KeyId] = known;
            }

            _byId = byId;
        }

        return byId.TryGetValue(keyId, out principal);
    }

    private KeyHash HashOf(ReadOnlySpan<byte> key)
    {
        if (t_hash is not { } kept || kept.Secret != _secret)
        {
            t_hash?.Hash.Dispose();
            t_hash = kept = (_secret, IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, _secret));
        }

        Span<byte> hash = stackalloc byte[HMACSHA256.HashSizeInBytes];
        kept.Hash.AppendData(key);
        kept.Hash.GetHashAndReset(hash);
        return KeyHash.FromBytes(hash);
    }
}
