using Gatehouse.Guardrails.Exfiltration;

namespace Gatehouse.Guardrails.Policies;

/// <summary>
/// Where the end of an unfinished text may still become something: a word that goes on, a number in groups, a name, an address, a key.
/// </summary>
internal static class OpenText
{
    /// <summary>Most UTF-16 units that groups of digits and capitalised words hold back.</summary>
    private const int MaxGroups = 64;

    /// <param name="from">What stands before has been let go.</param>
    /// <param name="margin">UTF-16 units at the end that are held in any case.</param>
    /// <returns>The offset up to which the text may be let go, at least <paramref name="from"/>.</returns>
    public static int Releasable(ReadOnlySpan<char> text, int from, int margin)
    {
        var end = LastBreak(text, from, text.Length - margin);
        end = Math.Min(end, Groups(text, from));
        end = Math.Min(end, LinkDetector.Releasable(text));
        var key = text[from..].LastIndexOf("-----BEGIN", StringComparison.Ordinal);
        if (key >= 0 && !IsClosed(text[(from + key)..]))
        {
            end = Math.Min(end, from + key);
        }

        return Math.Max(from, Math.Min(end, LastBreak(text, from, end)));
    }

    /// <summary>The block's last line has its five closing dashes.</summary>
    private static bool IsClosed(ReadOnlySpan<char> block)
    {
        var last = block.IndexOf("-----END", StringComparison.Ordinal);
        return last >= 0 && block[(last + 8)..].IndexOf("-----", StringComparison.Ordinal) >= 0;
    }

    /// <summary>
    /// The start of the groups at the end that may belong together: <c>4111 1111</c>, <c>DE89 3704 00</c>, <c>Maria von</c>, <c>password:
    /// </c>.
    /// </summary>
    private static int Groups(ReadOnlySpan<char> text, int from)
    {
        var start = LastBreak(text, from, text.Length);
        var least = Math.Max(from, text.Length - MaxGroups);
        while (start > least)
        {
            var wordEnd = start;
            while (wordEnd > least && IsBreak(text[wordEnd - 1]))
            {
                wordEnd--;
            }

            if (start - wordEnd > 2 || wordEnd == least)
            {
                break;
            }

            var wordStart = LastBreak(text, least, wordEnd);
            if (!GoesOn(text[wordStart..wordEnd]))
            {
                break;
            }

            start = wordStart;
        }

        return start;
    }

    private static bool GoesOn(ReadOnlySpan<char> word) =>
        !word.IsEmpty
            && (char.IsDigit(word[0]) || char.IsUpper(word[0]) || word[0] is '+' or '(' or '"' or '\'' || word[^1] is ':' or '='
                || char.IsDigit(word[^1])
            || word is "de" or "del" or "der" or "den" or "van" or "von" or "zu" or "di" or "da" or "la" or "le" or "of" or "and" or "is"
                or "-" or "/" or "&");

    /// <summary>The offset behind the last break before <paramref name="end"/>.</summary>
    private static int LastBreak(ReadOnlySpan<char> text, int from, int end)
    {
        end = Math.Max(from, end);
        var at = end;
        while (at > from && !IsBreak(text[at - 1]))
        {
            at--;
        }

        return at;
    }

    /// <summary>White space, punctuation that nothing sought holds, or a letter of a script that is written without white space.</summary>
    private static bool IsBreak(char c) => char.IsWhiteSpace(c) || c is '"' or ',' or ';' or '{' or '}' or '[' or ']' or '<' or '>' or '|'
        ||
        c is >= '\u0E00' and <= '\u0EFF' or >= '\u1000' and <= '\u109F' or >= '\u2E80' and <= '\uD7FF' or >= '\uF900' and <= '\uFAFF';
}
