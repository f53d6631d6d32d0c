using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Gatehouse.Gateway.Calls;
using Gatehouse.Gateway.Streaming;

namespace Gatehouse.Gateway.Caching;

/// <summary>
/// Makes the keys under which answers are kept. A key is a hash over parts that each say their kind and length, so that no two different
/// sequences of parts are the same bytes. It begins with the scope of the tenant: there is no hasher without one.
/// </summary>
internal sealed class KeyHasher : IDisposable
{
    private const int FlushAt = 8 << 10;

    // Everything else that chooses or shapes an answer is in the body, or in the route's revision.
    private static readonly string[] Headers = ["anthropic-version", "anthropic-beta"];

    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private readonly PooledBuffer _buffer = new(FlushAt + 1024);

    /// <param name="kind">Keys of different kinds are never the same.</param>
    /// <param name="canary">The canary that the call belongs to, or -1: its answers are kept apart from the others'.</param>
    public KeyHasher(CacheScope scope, Call call, CachePolicy policy, char kind, int canary)
    {
        Number(kind);
        Id(scope.Team);
        Number(scope.System is null ? 0 : 1);
        Id(scope.System ?? default);
        Number((long)scope.Environment);
        Text(scope.EndUser);
        Terms(call, policy, canary);
    }

    /// <summary>
    /// Everything outside the body that an answer depends on. Whatever changes answers by a rule of its own, as the guards do, adds the
    /// revision of its rules here.
    /// </summary>
    private void Terms(Call call, CachePolicy policy, int canary)
    {
        Number((long)policy.Revision);
        Number(canary);
        Guards(call);
        Text(call.Surface.Name);
        Text(call.Record.Route);
        Text(call.Peek.Stream ? call.Surface.StreamType : null);
        var headers = call.Http.Request.Headers;
        foreach (var name in Headers)
        {
            Text(headers[name].ToString());
        }

        Text(call.Route.IsConditional ? headers[CallMetadata.Header].ToString() : null);
    }

    /// <summary>
    /// The policy, and what is accepted at this moment for this system: an answer that a gap let through is not for others.
    /// </summary>
    private void Guards(Call call)
    {
        Text(call.Guard?.Session.Policy.Revision);
        if (call.Guard is null)
        {
            return;
        }

        foreach (var gap in call.Table.Policies.ExceptionsOf(call.Principal.SystemId))
        {
            if (gap.Until > call.Now)
            {
                Number(gap.Detector is { } detector ? (long)detector : -1);
                Number(gap.Types.Count);
                foreach (var type in gap.Types)
                {
                    Text(type);
                }
            }
        }
    }

    /// <summary>
    /// Adds a body in a canonical form: white space, the order of members and the way a character is written do not matter. The order of a
    /// schema's <c>properties</c> does: models answer in it.
    /// </summary>
    /// <param name="ignore">Members of the body that do not count.</param>
    /// <param name="hole">A value of it that does not count, or none.</param>
    /// <returns><see langword="false"/> when an object has a member twice, or half a character: nobody knows how a provider reads
    /// it.</returns>
    public bool TryAdd(JsonElement body, IReadOnlyList<string> ignore, JsonElement? hole = null)
    {
        try
        {
            return TryAddObject(body, ordered: false, ignore, hole);
        }
        catch (InvalidOperationException)
        {
            return false; // half of a surrogate pair
        }
    }

    public void Text(string? text)
    {
        if (text is null)
        {
            Tag('0', 0);
            return;
        }

        var length = Encoding.UTF8.GetByteCount(text);
        Tag('t', length);
        _buffer.Advance(Encoding.UTF8.GetBytes(text, _buffer.GetSpan(length)));
        Flush(FlushAt);
    }

    public void Number(long number)
    {
        Tag('n', sizeof(long));
        BinaryPrimitives.WriteInt64LittleEndian(_buffer.GetSpan(sizeof(long)), number);
        _buffer.Advance(sizeof(long));
    }

    /// <summary>The key of all that was added.</summary>
    public CacheKey Finish()
    {
        Flush(1);
        Span<byte> hash = stackalloc byte[CacheKey.Bytes];
        _hash.GetCurrentHash(hash);
        return MemoryMarshal.Read<CacheKey>(hash);
    }

    public void Dispose()
    {
        _hash.Dispose();
        _buffer.Dispose();
    }

    private bool TryAdd(JsonElement value, bool ordered, JsonElement? hole)
    {
        if (hole is { } left && value.ValueKind == left.ValueKind && IsSame(value, left))
        {
            Tag('h', 0);
            return true;
        }

        switch (value.ValueKind)
        {
            case JsonValueKind.Object:
                return TryAddObject(value, ordered, [], hole);
            case JsonValueKind.Array:
                Tag('a', value.GetArrayLength());
                foreach (var item in value.EnumerateArray())
                {
                    if (!TryAdd(item, ordered: false, hole))
                    {
                        return false;
                    }
                }

                return true;
            case JsonValueKind.String:
                AddString(value);
                return true;
            default:
                Raw('v', JsonMarshal.GetRawUtf8Value(value));
                return true;
        }
    }

    private bool TryAddObject(JsonElement value, bool ordered, IReadOnlyList<string> ignore, JsonElement? hole)
    {
        var members = new List<JsonProperty>(value.GetPropertyCount());
        foreach (var member in value.EnumerateObject())
        {
            if (!ignore.Contains(member.Name))
            {
                members.Add(member);
            }
        }

        var names = members.ConvertAll(static m => m.Name);
        if (ordered ? names.Distinct(StringComparer.Ordinal).Count() != names.Count : !TrySort(members))
        {
            return false;
        }

        Tag(ordered ? 'p' : 'o', members.Count);
        foreach (var member in members)
        {
            Text(member.Name);
            if (!TryAdd(member.Value, ordered: !ordered && member.NameEquals("properties"u8), hole))
            {
                return false;
            }
        }

        return true;
    }

    /// <returns><see langword="false"/> when a name stands twice.</returns>
    private static bool TrySort(List<JsonProperty> members)
    {
        members.Sort(static (a, b) => string.CompareOrdinal(a.Name, b.Name));
        for (var i = 1; i < members.Count; i++)
        {
            if (members[i].Name == members[i - 1].Name)
            {
                return false;
            }
        }

        return true;
    }

    private void AddString(JsonElement value)
    {
        var raw = JsonMarshal.GetRawUtf8Value(value)[1..^1];
        if (raw.Contains((byte)'\\'))
        {
            Text(value.GetString());
        }
        else
        {
            Raw('t', raw);
        }
    }

    /// <summary>Of one document: the same value, not an equal one.</summary>
    private static bool IsSame(JsonElement a, JsonElement b) => Unsafe.AreSame(
        ref MemoryMarshal.GetReference(JsonMarshal.GetRawUtf8Value(a)), ref MemoryMarshal.GetReference(JsonMarshal.GetRawUtf8Value(b)));

    private void Id(Guid id)
    {
        Tag('g', 16);
        id.TryWriteBytes(_buffer.GetSpan(16));
        _buffer.Advance(16);
    }

    private void Raw(char kind, ReadOnlySpan<byte> bytes)
    {
        Tag(kind, bytes.Length);
        if (bytes.Length > FlushAt)
        {
            Flush(1);
            _hash.AppendData(bytes);
            return;
        }

        _buffer.Write(bytes);
        Flush(FlushAt);
    }

    private void Tag(char kind, int length)
    {
        var span = _buffer.GetSpan(5);
        span[0] = (byte)kind;
        BinaryPrimitives.WriteInt32LittleEndian(span[1..], length);
        _buffer.Advance(5);
    }

    private void Flush(int least)
    {
        if (_buffer.Length >= least)
        {
            _hash.AppendData(_buffer.Span);
            _buffer.Clear();
        }
    }
}
