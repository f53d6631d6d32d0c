using System.Diagnostics;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text.Json;
using Gatehouse.Contracts;

namespace Gatehouse.Gateway.Calls;

/// <summary>
/// The sampling parameters of a request while they are read. Calls of one program mostly repeat them, so a thread keeps the last ones: they
/// are shared, and never changed.
/// </summary>
internal ref struct AttributeSet
{
    /// <summary>What is said to bound the output and cannot be read; no model makes so many tokens.</summary>
    public const long Unreadable = 100_000_000;

    private const int Most = 16; // names are few: RequestPeek has nine
    private const int LongestNumber = 32;

    [ThreadStatic]
    private static Dictionary<string, string>? t_last;

    private Pairs _pairs;
    private int _count;

    /// <summary>
    /// Takes the value at which the reader stands, if it is a number: the last one of a name; of what bounds the output the largest, since
    /// which one the provider takes is its own, and how it reads a text.
    /// </summary>
    public void Read(string name, ref Utf8JsonReader reader)
    {
        var bounds = name is TelemetryNames.RequestMaxTokens or TelemetryNames.RequestChoiceCount;
        if (reader.TokenType == JsonTokenType.Number && reader.ValueSpan.Length <= LongestNumber)
        {
            Set(name, RepeatedTexts.Here.TextOf(reader.ValueSpan), bounds);
        }
        else if (bounds && reader.TokenType != JsonTokenType.Null)
        {
            var isRead = (reader.TokenType is JsonTokenType.Number or JsonTokenType.String)
                & double.TryParse(reader.ValueSpan, NumberStyles.Float, CultureInfo.InvariantCulture, out var number);
            Set(name, (isRead ? number : Unreadable).ToString(CultureInfo.InvariantCulture), true);
        }
    }

    private void Set(string name, string value, bool largest)
    {
        var at = 0;
        while (at < _count && !ReferenceEquals(_pairs[at].Name, name))
        {
            at++;
        }

        if (largest && at < _count && Bound(name, _pairs[at].Value) > Bound(name, value))
        {
            return;
        }

        _pairs[at] = (name, value);
        _count = Math.Max(_count, at + 1);
        Debug.Assert(_count <= Most);
    }

    public readonly Dictionary<string, string>? ToDictionary() => _count == 0 ? null : t_last is { } last && Equals(last) ? last : Make();

    /// <summary>No tokens at all, or fewer, are as many as the model makes.</summary>
    private static double Bound(string name, string value) => double.TryParse(value, CultureInfo.InvariantCulture, out var number)
        && (number >= 1 || name != TelemetryNames.RequestMaxTokens) ? number : Unreadable;

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
