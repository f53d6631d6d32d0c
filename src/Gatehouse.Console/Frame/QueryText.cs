using System.Text;
using Microsoft.AspNetCore.WebUtilities;

namespace Gatehouse.Console.Frame;

/// <summary>The query part of an address in the order it was written; the address is the state of a page.</summary>
internal sealed class QueryText
{
    private readonly List<KeyValuePair<string, string>> _parts = [];

    public static QueryText Parse(string? query)
    {
        var text = new QueryText();
        foreach (var pair in new QueryStringEnumerable(query))
        {
            var value = pair.DecodeValue().ToString();
            if (value.Length > 0)
            {
                text._parts.Add(new(pair.DecodeName().ToString(), value));
            }
        }

        return text;
    }

    public QueryText Set(string name, string? value)
    {
        var at = _parts.FindIndex(p => p.Key == name);
        _parts.RemoveAll(p => p.Key == name);
        if (!string.IsNullOrEmpty(value))
        {
            _parts.Insert(at < 0 ? _parts.Count : Math.Min(at, _parts.Count), new(name, value));
        }

        return this;
    }

    public override string ToString()
    {
        var text = new StringBuilder();
        foreach (var (name, value) in _parts)
        {
            text.Append(text.Length == 0 ? '?' : '&').Append(Uri.EscapeDataString(name)).Append('=').Append(Uri.EscapeDataString(value));
        }

        return text.ToString();
    }
}
