using System.Runtime.CompilerServices;

namespace Gatehouse.Configuration;

/// <summary>Where each value of the bound options stood in the file, and how it was written there.</summary>
internal sealed class Sources
{
    private readonly Dictionary<(object Owner, string Key), (Place Place, string? Raw)> _values = new(new ByReference());

    /// <param name="raw">The text as it stood there; <see langword="null"/> for sections and lists.</param>
    public void Add(object owner, string key, Place place, string? raw) => _values[(owner, key)] = (place, raw);

    /// <summary>Where the value stands; the owner's own place is under the key <c>""</c>.</summary>
    public Place Of(object owner, string key = "") =>
        _values.TryGetValue((owner, key), out var value) || _values.TryGetValue((owner, ""), out value) ? value.Place : default;

    public bool IsSet(object owner, string key) => _values.ContainsKey((owner, key));

    public string? Raw(object owner, string key) => _values.TryGetValue((owner, key), out var value) ? value.Raw : null;

    private sealed class ByReference : IEqualityComparer<(object Owner, string Key)>
    {
        public bool Equals((object Owner, string Key) x, (object Owner, string Key) y) =>
            ReferenceEquals(x.Owner, y.Owner) && x.Key == y.Key;

        public int GetHashCode((object Owner, string Key) o) => HashCode.Combine(RuntimeHelpers.GetHashCode(o.Owner), o.Key);
    }
}
