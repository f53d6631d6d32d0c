using System.Buffers;
using System.Collections;
using System.Globalization;
using System.Text;

namespace Gatehouse.Storage;

/// <summary>A statement as both databases take it: text with <c>$1</c>, <c>$2</c> … and the values of these.</summary>
/// <param name="Values">Only null, string, long, double, bool, Guid and byte[].</param>
internal readonly record struct Statement(string Text, object?[] Values)
{
    private static readonly SearchValues<char> _uncertain = SearchValues.Create(
        [.. "\0", .. Enumerable.Range(0xD800, 0x800).Select(c => (char)c)]);

    /// <summary>Turns each hole of an interpolated string into a parameter.</summary>
    public static Statement From(FormattableString sql)
    {
        var text = new StringBuilder(sql.Format.Length + 16);
        var values = new List<object?>(sql.ArgumentCount);
        Append(sql, text, values);
        return new Statement(text.ToString(), [.. values]);
    }

    /// <summary>The value as the drivers get it.</summary>
    /// <exception cref="ArgumentException">A type that columns cannot hold: a bug of the caller.</exception>
    public static object? Normalize(object? value) => value switch
    {
        null => null,
        string text => Clean(text),
        long or double or bool or Guid or byte[] => value,
        int number => (long)number,
        DateTimeOffset instant => Micros(instant),
        _ => throw new ArgumentException($"A value of type {value.GetType().Name} cannot be stored; convert it first."),
    };

    /// <summary>Unix time in microseconds, as every column ending in <c>_at</c> holds it.</summary>
    public static long Micros(DateTimeOffset instant) => (instant.UtcTicks - DateTimeOffset.UnixEpoch.Ticks) / TimeSpan.TicksPerMicrosecond;

    /// <summary>Names cannot be parameters, so only the shape of a name passes.</summary>
    public static void CheckName(string name)
    {
        foreach (var c in name)
        {
            if (!char.IsAsciiLetterLower(c) && !char.IsAsciiDigit(c) && c != '_')
            {
                throw new ArgumentException($"'{name}' is not the name of a table or column.", nameof(name));
            }
        }
    }

    private static void Append(FormattableString sql, StringBuilder text, List<object?> values)
    {
        var format = sql.Format;
        for (var i = 0; i < format.Length; i++)
        {
            var c = format[i];
            if (c is '{' or '}' && i + 1 < format.Length && format[i + 1] == c)
            {
                text.Append(c);
                i++;
            }
            else if (c == '{')
            {
                var end = format.IndexOf('}', i);
                AppendHole(sql.GetArgument(int.Parse(format.AsSpan(i + 1, end - i - 1), CultureInfo.InvariantCulture)), text, values);
                i = end;
            }
            else
            {
                text.Append(c);
            }
        }
    }

    private static void AppendHole(object? value, StringBuilder text, List<object?> values)
    {
        if (value is FormattableString fragment)
        {
            Append(fragment, text, values);
        }
        else if (value is IEnumerable list and not (string or byte[]))
        {
            var before = text.Append('(').Length;
            foreach (var item in list)
            {
                text.Append(text.Length == before ? "" : ", ");
                AppendHole(item, text, values);
            }

            text.Append(text.Length == before ? "NULL)" : ")"); // IN (NULL) is true for no row
        }
        else
        {
            values.Add(Normalize(value));
            text.Append('$').Append(values.Count);
        }
    }

    /// <summary>The text as both databases hold it.</summary>
    public static string Clean(string text)
    {
        if (!text.AsSpan().ContainsAnyExceptInRange('\u0001', '\uD7FF') || !text.AsSpan().ContainsAny(_uncertain))
        {
            return text;
        }

        var clean = new StringBuilder(text.Length);
        foreach (var rune in text.EnumerateRunes()) // gives U+FFFD for a lone surrogate
        {
            clean.Append(rune.Value == 0 ? "\uFFFD" : rune.ToString());
        }

        return clean.ToString();
    }
}
