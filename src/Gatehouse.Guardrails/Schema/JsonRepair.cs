using System.Buffers;
using System.Text;
using System.Text.Json;

namespace Gatehouse.Guardrails.Schema;

/// <summary>
/// Makes JSON of what models write instead of it: fences and prose around it, comments, single or typographic quotes, bare keys, trailing
/// and missing commas, Python and JavaScript literals, raw line breaks in strings, an end that is cut off. One pass, linear.
/// </summary>
public static class JsonRepair
{
    private const int MaxDepth = 64;
    private static readonly SearchValues<char> Hex = SearchValues.Create("0123456789abcdefABCDEF");

    /// <returns>Valid JSON, or null when there is no value to be found or it is nested too deep.</returns>
    public static string? TryRepair(string text)
    {
        if (text.AsSpan().IndexOfAnyInRange('\uD800', '\uDFFF') >= 0)
        {
            text = Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text)); // halves of characters become replacement characters
        }

        if (IsJson(text))
        {
            return text;
        }

        foreach (var start in Starts(text))
        {
            var writer = new Writer(text, start);
            if (writer.Value(0) && IsJson(writer.Result))
            {
                return writer.Result;
            }
        }

        return null;
    }

    private static bool IsJson(string text)
    {
        try
        {
            using var document = JsonDocument.Parse(text);
            return true;
        }
        catch (Exception e) when (e is JsonException or ArgumentException)
        {
            return false; // not JSON, or cut within a character
        }
    }

    /// <summary>After a code fence first, else at the first bracket of either kind.</summary>
    private static IEnumerable<int> Starts(string text)
    {
        var fence = text.IndexOf("```", StringComparison.Ordinal);
        if (fence >= 0 && text.AsSpan(fence).IndexOfAny('{', '[') is var inside and >= 0)
        {
            yield return fence + inside;
        }

        var first = text.AsSpan().IndexOfAny('{', '[');
        if (first >= 0)
        {
            yield return first;
        }
    }

    private sealed class Writer(string text, int start)
    {
        private readonly StringBuilder _json = new(text.Length - start);
        private int _at = start;

        public string Result => _json.ToString();

        public bool Value(int depth)
        {
            Space();
            if (depth > MaxDepth || _at >= text.Length)
            {
                _json.Append(depth > MaxDepth ? "" : "null");
                return depth <= MaxDepth;
            }

            switch (text[_at])
            {
                case '{':
                    return Members(depth, '}', isObject: true);
                case '[':
                    return Members(depth, ']', isObject: false);
                case '"' or '\'' or '“' or '‘' or '`':
                    String();
                    return true;
                default:
                    return Bare();
            }
        }

        private bool Members(int depth, char close, bool isObject)
        {
            _json.Append(text[_at++]);
            var first = true;
            while (true)
            {
                Space();
                while (_at < text.Length && text[_at] is ',' or ';')
                {
                    _at++;
                    Space();
                }

                if (_at >= text.Length || text[_at] is '}' or ']')
                {
                    // The wrong bracket closes what is open, so that one slip does not lose the rest.
                    _at += _at < text.Length ? 1 : 0;
                    _json.Append(close);
                    return true;
                }

                if (!first)
                {
                    _json.Append(',');
                }

                first = false;
                if (isObject && !Key())
                {
                    return false;
                }

                if (!Value(depth + 1))
                {
                    return false;
                }
            }
        }

        private bool Key()
        {
            if (text[_at] is '"' or '\'' or '“' or '‘' or '`')
            {
                String();
            }
            else
            {
                var from = _at;
                while (_at < text.Length && text[_at] is not (':' or '=' or ',' or '{' or '}' or '[' or ']' or '\n'))
                {
                    _at++;
                }

                if (_at == from)
                {
                    return false;
                }

                Quoted(text.AsSpan(from, _at - from).Trim());
            }

            Space();
            _at += _at < text.Length && text[_at] is ':' or '=' ? 1 : 0;
            _at += _at < text.Length && text[_at] == '>' ? 1 : 0;
            _json.Append(':');
            return true;
        }

        private void String()
        {
            var quote = text[_at++] switch { '“' => '”', '‘' => '’', var q => q };
            _json.Append('"');
            while (_at < text.Length && text[_at] != quote)
            {
                var c = text[_at++];
                if (c == '\\' && _at < text.Length)
                {
                    Escape();
                    continue;
                }

                Character(c);
            }

            _at++;
            _json.Append('"');
        }

        private void Escape()
        {
            var c = text[_at++];
            if (c is '"' or '\\' or '/' or 'b' or 'f' or 'n' or 'r' or 't'
                || (c == 'u' && _at + 4 <= text.Length && text.AsSpan(_at, 4).IndexOfAnyExcept(Hex) < 0))
            {
                _json.Append('\\').Append(c);
            }
            else
            {
                Character(c);
            }
        }

        private void Character(char c)
        {
            _ = c switch
            {
                '"' => _json.Append("\\\""),
                '\\' => _json.Append("\\\\"),
                '\n' => _json.Append("\\n"),
                '\r' => _json.Append("\\r"),
                '\t' => _json.Append("\\t"),
                < ' ' => _json.Append(System.Globalization.CultureInfo.InvariantCulture, $"\\u{(int)c:x4}"),
                _ => _json.Append(c),
            };
        }

        private void Quoted(ReadOnlySpan<char> word)
        {
            _json.Append('"');
            foreach (var c in word)
            {
                Character(c);
            }

            _json.Append('"');
        }

        private bool Bare()
        {
            var from = _at;
            while (_at < text.Length && text[_at] is not (',' or '}' or ']' or '\n' or ';') && !IsComment())
            {
                _at++;
            }

            var word = text.AsSpan(from, _at - from).Trim();
            if (word.IsEmpty)
            {
                _json.Append("null");
                return true;
            }

            if (word is "true" or "True" or "TRUE")
            {
                _json.Append("true");
            }
            else if (word is "false" or "False" or "FALSE")
            {
                _json.Append("false");
            }
            else if (word is "null" or "None" or "NULL" or "undefined" or "NaN")
            {
                _json.Append("null");
            }
            else if (IsNumber(word))
            {
                _json.Append(word.TrimStart('+'));
            }
            else
            {
                Quoted(word);
            }

            return true;
        }

        private bool IsComment() =>
            char.IsWhiteSpace(text[_at]) && _at + 1 < text.Length
                && (text[_at + 1] == '#' || (text[_at + 1] == '/' && _at + 2 < text.Length && text[_at + 2] is '/' or '*'));

        private static bool IsNumber(ReadOnlySpan<char> word)
        {
            word = word.TrimStart('+');
            return word.Length is > 0 and < 64 && (char.IsAsciiDigit(word[^1]) || word[^1] == '0') && IsJson(word.ToString());
        }

        /// <summary>White space and comments.</summary>
        private void Space()
        {
            while (_at < text.Length)
            {
                if (char.IsWhiteSpace(text[_at]) || text[_at] == '\uFEFF')
                {
                    _at++;
                }
                else if (text[_at] == '#' || (text[_at] == '/' && _at + 1 < text.Length && text[_at + 1] == '/'))
                {
                    var end = text.IndexOf('\n', _at);
                    _at = end < 0 ? text.Length : end + 1;
                }
                else if (text[_at] == '/' && _at + 1 < text.Length && text[_at + 1] == '*')
                {
                    var end = text.IndexOf("*/", _at + 2, StringComparison.Ordinal);
                    _at = end < 0 ? text.Length : end + 2;
                }
                else if (text[_at] == '.' && _at + 2 < text.Length && text[_at + 1] == '.' && text[_at + 2] == '.')
                {
                    _at += 3;
                }
                else
                {
                    break;
                }
            }
        }
    }
}
