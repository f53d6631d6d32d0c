using System.Diagnostics;
using System.Globalization;
using System.Runtime.CompilerServices;

namespace Gatehouse.Gateway.Calls;

/// <summary>
/// The sampling parameters of a request while they are read. Calls of one program mostly repeat them, so a thread keeps the last ones: they
/// are shared, and never changed.
/// </summary>
internal ref struct AttributeSet
{
    private const int Most = 16; // names are few: RequestPeek has nine

    [ThreadStatic]
    private static Dictionary<string, string>? t_last;

    private Pairs _pairs;
    private int _count;

    /// <summary>The last value of a name counts; the largest of what bounds the output, since which one the provider takes is its own.
    /// </summary>
    public void Set(string name, string value, bool largest = false)
    {
        var at = 0;
        while (at < _count && !ReferenceEquals(_pairs[at].Name, name))
        {
            at++;
        }

        if (largest && at < _count && Number(_pairs[at].Value) > Number(value))
        {
            return;
        }

        _pairs[at] = (name, value);
        _count = Math.Max(_count, at + 1);
        Debug.Assert(_count <= Most);
    }

    public readonly Dictionary<string, string>? ToDictionary() => _count == 0 ? null : t_last is { } last && Equals(last) ? last : Make();

    private static double Number(string value) => double.TryParse(value, CultureInfo.InvariantCulture, out var number) ? number : 0;

    private readonly bool Equals(Dictionary<string, string> other)
    {
        for (var i = 0; i < _count; i++)
        {
            if (!other.TryGetValue(_pairs[i].Name, out var value) || value != _pairs[i].Value)
            {
                return false;
            }
        }

        return other.Count == _count;
    }

    private readonly Dictionary<string, string> Make()
    {
        var made = new Dictionary<string, string>(_count, StringComparer.Ordinal);
        foreach (var (name, value) in ((ReadOnlySpan<(string Name, string Value)>)_pairs)[.._count])
        {
            made.Add(name, value);
        }

        return t_last = made;
    }

    [InlineArray(Most)]
    private struct Pairs
    {
        private (string Name, string Value) _first;
    }
}
