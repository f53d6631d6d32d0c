using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;

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
            var hash = default(HashCode);
            foreach (var (_, value) in alternate)
            {
                hash.Add(value); // the names of one instrument's tags hardly ever differ: hashing them too would double the cost
            }

            return hash.ToHashCode();
        }

        public KeyValuePair<string, object?>[] Create(ReadOnlySpan<KeyValuePair<string, object?>> alternate) => alternate.ToArray();
    }
}
