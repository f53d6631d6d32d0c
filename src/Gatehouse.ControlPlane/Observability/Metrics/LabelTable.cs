using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Numerics;
using System.Runtime.InteropServices;

namespace Gatehouse.Observability.Metrics;

/// <summary>
/// Values by a set of tags. A lookup compares the tags where they are and allocates nothing; tags in another order find the same value.
/// </summary>
internal sealed class LabelTable<T>
    where T : class
{
    private readonly ConcurrentDictionary<KeyValuePair<string, object?>[], T> _asGiven;
    private readonly ConcurrentDictionary<KeyValuePair<string, object?>[], T>
        .AlternateLookup<ReadOnlySpan<KeyValuePair<string, object?>>> _lookup;
    private readonly ConcurrentDictionary<string, T> _sorted = new(StringComparer.Ordinal);

    public LabelTable()
    {
        _asGiven = new(new TagsComparer());
        _lookup = _asGiven.GetAlternateLookup<ReadOnlySpan<KeyValuePair<string, object?>>>();
    }

    public int Count => _asGiven.Count;

    public IEnumerable<T> Values => _sorted.Values;

    public bool TryFind(ReadOnlySpan<KeyValuePair<string, object?>> tags, [NotNullWhen(true)]
        out T? value) => _lookup.TryGetValue(tags, out value);

    public T FindOrAdd(ReadOnlySpan<KeyValuePair<string, object?>> tags, Func<KeyValuePair<string, string>[], T> make)
    {
        var labels = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var (name, value) in tags)
        {
            // A tag without a value is a tag that is not there.
            if (value is not null)
            {
                labels[name] = value is bool flag ? (flag ? "true" : "false") : Convert.ToString(value, CultureInfo.InvariantCulture) ?? "";
            }
        }

        var canonical = string.Join('\u0001', labels.Select(l => $"{l.Key}\u0002{l.Value}"));
        var found = _sorted.GetOrAdd(canonical, _ => make([.. labels]));
        return _asGiven.GetOrAdd(tags.ToArray(), found);
    }

    private sealed class TagsComparer
        : IEqualityComparer<KeyValuePair<string, object?>[]>,
            IAlternateEqualityComparer<ReadOnlySpan<KeyValuePair<string, object?>>, KeyValuePair<string, object?>[]>
    {
        public bool Equals(KeyValuePair<string, object?>[]? x, KeyValuePair<string, object?>[]? y) => Equals(x.AsSpan(), y!);

        public int GetHashCode(KeyValuePair<string, object?>[] tags) => GetHashCode(tags.AsSpan());

        public bool Equals(ReadOnlySpan<KeyValuePair<string, object?>> alternate, KeyValuePair<string, object?>[] other)
        {
            if (alternate.Length != other.Length)
            {
                return false;
            }

            for (var i = 0; i < other.Length; i++)
            {
                if (alternate[i].Key != other[i].Key || !Equals(alternate[i].Value, other[i].Value))
                {
                    return false;
                }
            }

            return true;
        }

        public int GetHashCode(ReadOnlySpan<KeyValuePair<string, object?>> alternate)
        {
            var hash = 0u;
            foreach (var (_, value) in alternate)
            {
                // the names of one instrument's tags hardly ever differ: hashing them too would double the cost
                hash = value is string text ? Add(hash, text) : BitOperations.Crc32C(hash, (uint)(value?.GetHashCode() ?? 0));
            }

            return (int)hash;
        }

        /// <summary>
        /// A few instructions for a name. Whoever makes names that meet in it gains nothing: a family has few series, and then gives up.
        /// </summary>
        private static uint Add(uint hash, string text)
        {
            hash = BitOperations.Crc32C(hash, (uint)text.Length);
            var bytes = MemoryMarshal.AsBytes(text.AsSpan());
            foreach (var word in MemoryMarshal.Cast<byte, ulong>(bytes))
            {
                hash = BitOperations.Crc32C(hash, word);
            }

            return bytes.Length >= sizeof(ulong)
                ? BitOperations.Crc32C(hash, BinaryPrimitives.ReadUInt64LittleEndian(bytes[^sizeof(ulong)..]))
                : AddShort(hash, text);
        }

        private static uint AddShort(uint hash, string text)
        {
            foreach (var c in text)
            {
                hash = BitOperations.Crc32C(hash, c);
            }

            return hash;
        }

        public KeyValuePair<string, object?>[] Create(ReadOnlySpan<KeyValuePair<string, object?>> alternate) => alternate.ToArray();
    }
}
