using System.Buffers;

namespace Gatehouse.Guardrails.Pii.Numbers;

/// <summary>
/// Finds telephone numbers: groups of digits joined by what people put between them, 6 to 15 digits in all. An international prefix, a
/// bracketed area code or the North American shape is enough; anything else needs a word nearby, or a line of its own.
/// </summary>
internal sealed class PhoneScanner(float minScore)
{
    private const int MaxGroups = 9;

    private static readonly SearchValues<char> Starts = SearchValues.Create("0123456789");

    private static readonly ContextWords Words = new(
        "phone", "call", "tel", "mobile", "cell", "fax", "number", "desk", "office", "contact", "reach", "dial", "whatsapp", "sms",
        "text me", "answering", "registered", "ring",
        "telefon", "teléfono", "numéro", "handy", "hotline", "ext", "voicemail", "landline", "line", "home", "work", "direct", "ph:", "ph.",
        "tel.", "móvil", "portable", "cep");

    private static readonly ContextWords NotWords = new(
        "card", "iban", "ssn", "social security", "license", "licence", "account", "zip", "invoice", "order", "version", "isbn", "routing",
        "passport", "id:", "born", "birth", "date",
        "page", "section", "chapter", "$", "€", "£", "usd", "eur", "price", "bytes", "mb", "postcode", "p.o.", "box", "apt", "suite",
        "coordinates", "score", "ticket");

    /// <summary>Country calling codes; one digit, two digits, and the first two of the three-digit ones.</summary>
    private static readonly SearchValues<string> Codes = SearchValues.Create(
        [
            "1", "7", "20", "27", "30", "31", "32", "33", "34", "36", "39", "40", "41", "43", "44", "45", "46", "47", "48", "49", "51",
            "52", "53", "54", "55", "56", "57", "58", "60", "61", "62",
            "63", "64", "65", "66", "81", "82", "84", "86", "90", "91", "92", "93", "94", "95", "98", "21", "22", "23", "24", "25", "26",
            "29", "35", "37", "38", "42", "50", "59", "67", "68", "69",
            "80", "85", "87", "88", "96", "97", "99",
        ],
        StringComparison.Ordinal);

    public void Find(ReadOnlySpan<char> text, FindingList findings)
    {
        Span<(int Start, int End)> groups = stackalloc (int, int)[MaxGroups];
        for (var at = 0; at < text.Length;)
        {
            var next = text[at..].IndexOfAny(Starts);
            if (next < 0)
            {
                return;
            }

            at = ReadNumber(text, at, at + next, groups, findings);
        }
    }

    private int ReadNumber(ReadOnlySpan<char> text, int from, int digit, Span<(int Start, int End)> groups, FindingList findings)
    {
        var (count, total) = (0, 0);
        var position = digit;
        var end = digit;
        while (position < text.Length && count < MaxGroups && total <= 16)
        {
            var stop = position;
            while (stop < text.Length && char.IsAsciiDigit(text[stop]))
            {
                stop++;
            }

            if (stop == position)
            {
                break;
            }

            groups[count++] = (position, stop);
            total += stop - position;
            end = stop;
            position = stop + SeparatorLength(text[stop..]);
            if (position == stop)
            {
                break;
            }
        }

        var start = digit;
        if (start > from && text[start - 1] == '(')
        {
            start--;
        }

        if (start > from && text[start - 1] == '+')
        {
            start--;
            if (start > from && text[start - 1] == '(')
            {
                start--;
            }
        }

        var extension = total is >= 7 and <= 15 ? ExtensionLength(text[end..]) : 0;
        var score = Score(text, start, end, groups[..count], total);
        if (score > 0 && score < .9f && score + .35f >= minScore)
        {
            score += Context.Has(text, start, end, Words) ? .35f : 0;
            score -= Context.Has(text[Math.Max(0, start - 24)..start], Math.Min(24, start), Math.Min(24, start), NotWords) ? .3f : 0;
        }

        if (score < .7f && end + 2 < text.Length && text[end] == ' ' && char.IsUpper(text[end + 1]))
        {
            score -= .25f; // a house number and a street
        }

        if (score >= minScore && score > 0)
        {
            findings.Add(new(DetectorKind.Pii, "pii.phone", PiiTypes.Phone, start, end + extension - start, Math.Clamp(score, .01f, .95f)));
            return end + Math.Max(extension, 1);
        }

        // Another number may start at the next group of a chain that was none.
        return count > 1 ? groups[1].Start : Math.Max(end, digit + 1);
    }

    private static float Score(ReadOnlySpan<char> text, int start, int end, ReadOnlySpan<(int Start, int End)> groups, int total)
    {
        if (total is < 6 or > 15 || !IsBounded(text, start, end) || Checks.AllSame(text, groups))
        {
            return 0;
        }

        var first = text[groups[0].Start..groups[0].End];
        var isInternational = text[start] == '+' || text[start..].StartsWith("(+");
        if (isInternational)
        {
            return total >= 7 && first[0] != '0' && StartsWithCode(first) ? .9f : .4f;
        }

        if (first is "00" or "001" && total >= 9 && groups.Length > 1)
        {
            return .8f;
        }

        if (groups.Length == 1)
        {
            return total is >= 10 and <= 11 && first[0] == '0' ? .45f : total is >= 7 and <= 11 ? .2f : 0;
        }

        if (IsNorthAmerican(text, start, groups))
        {
            return .75f;
        }

        if (IsDate(text, groups) || IsDecimal(text, groups))
        {
            return 0;
        }

        if (IsThousands(text, groups))
        {
            return total >= 8 && text[groups[0].End] == ' ' ? .2f : 0;
        }

        if (text[start] == '(' || text[groups[0].End..groups[1].Start].Contains(')'))
        {
            return total >= 7 ? .7f : .4f;
        }

        foreach (var (s, e) in groups)
        {
            if (e - s is 1 && s != groups[0].Start && e != groups[^1].End)
            {
                return .1f;
            }
        }

        var isTrunk = first[0] == '0';
        return (isTrunk && total >= 8 ? .55f : total >= 7 ? .35f : .3f) + (IsOwnLine(text, start, end) ? .2f : 0);
    }

    private static bool StartsWithCode(ReadOnlySpan<char> digits) =>
        digits[0] is '1' or '7' || (digits.Length >= 2 && digits[..2].IndexOfAny(Codes) == 0);

    /// <summary>Three, three and four digits, perhaps after a 1.</summary>
    private static bool IsNorthAmerican(ReadOnlySpan<char> text, int start, ReadOnlySpan<(int Start, int End)> groups)
    {
        var skip = groups.Length == 4 && text[groups[0].Start..groups[0].End] is "1" or "001" ? 1 : 0;
        return groups.Length == 3 + skip
            && Length(groups[skip]) == 3 && Length(groups[skip + 1]) == 3 && Length(groups[skip + 2]) == 4;
    }

    private static bool IsThousands(ReadOnlySpan<char> text, ReadOnlySpan<(int Start, int End)> groups)
    {
        var thousands = Length(groups[0]) <= 3 && text[groups[0].Start] != '0';
        for (var i = 1; i < groups.Length; i++)
        {
            thousands &= Length(groups[i]) == 3 && groups[i].Start == groups[i - 1].End + 1 && text[groups[i - 1].End] is ' ' or '.' or ',';
        }

        return thousands;
    }

    private static bool IsDate(ReadOnlySpan<char> text, ReadOnlySpan<(int Start, int End)> groups)
    {
        // 2018-01-14, 14.01.2018, 2018-2019, 2019 2020
        if (groups.Length >= 3 && IsYear(text, groups[0]) && Length(groups[1]) <= 2 && Length(groups[2]) <= 2)
        {
            return true;
        }

        if (groups.Length >= 3 && Length(groups[0]) <= 2 && Length(groups[1]) <= 2 && IsYear(text, groups[2]))
        {
            return true;
        }

        foreach (var group in groups)
        {
            if (!IsYear(text, group))
            {
                return false;
            }
        }

        return true;
    }

    private static bool IsDecimal(ReadOnlySpan<char> text, ReadOnlySpan<(int Start, int End)> groups) =>
        groups.Length == 2 && text[groups[0].End] is '.' or ',' && groups[1].Start == groups[0].End + 1;

    private static bool IsYear(ReadOnlySpan<char> text, (int Start, int End) group) =>
        Length(group) == 4 && text[group.Start..group.End] is ['1', '9' or '8', ..] or ['2', '0', ..];

    private static int Length((int Start, int End) group) => group.End - group.Start;

    private static bool IsOwnLine(ReadOnlySpan<char> text, int start, int end)
    {
        var before = start == 0 || text[start - 1] is '\n' || (start > 1 && text[start - 1] == ' ' && text[start - 2] is '\n' or ':');
        return before && (end == text.Length || text[end] is '\n' or '\r' or ' ' or '-' or '.');
    }

    private static bool IsBounded(ReadOnlySpan<char> text, int start, int end)
    {
        if (start > 0 && (char.IsAsciiLetterOrDigit(text[start - 1]) || text[start - 1] is '_' or '=' or '#' or '$' or '@'
            || (text[start - 1] is '.' or ',' or '-' or '/' && start > 1 && char.IsAsciiLetterOrDigit(text[start - 2]))))
        {
            return false;
        }

        if (end >= text.Length)
        {
            return true;
        }

        return text[end] is 'x' or 'X' || !(char.IsAsciiLetterOrDigit(text[end]) || text[end] is '%' or '_' or '@'
            || (text[end] is '-' or '/' or ',' or ':' && end + 1 < text.Length && char.IsAsciiDigit(text[end + 1])));
    }

    /// <summary>One space, dot, dash or slash; or brackets around the trunk prefix, with a space on either side.</summary>
    private static int SeparatorLength(ReadOnlySpan<char> text)
    {
        var at = 0;
        if (at < text.Length && text[at] is ' ' or '\u00A0')
        {
            at++;
        }

        var marked = false;
        while (at < text.Length && at < 3 && text[at] is '.' or '-' or '/' or '(' or ')' or '\u2011' or '\u2013')
        {
            marked = true;
            at++;
        }

        if (marked && at < text.Length && text[at] is ' ')
        {
            at++;
        }

        return at < text.Length && char.IsAsciiDigit(text[at]) ? at : 0;
    }

    private static int ExtensionLength(ReadOnlySpan<char> text)
    {
        var at = text.StartsWith("x")
            ? 1
            : text.StartsWith(" x") ? 2 : text.StartsWith(" ext. ") ? 6 : text.StartsWith(" ext ") ? 5 : text.StartsWith(" ext.") ? 5 : 0;
        if (at == 0)
        {
            return 0;
        }

        var end = at;
        while (end < text.Length && end < at + 6 && char.IsAsciiDigit(text[end]))
        {
            end++;
        }

        return end > at ? end : 0;
    }

    private static class Checks
    {
        public static bool AllSame(ReadOnlySpan<char> text, ReadOnlySpan<(int Start, int End)> groups)
        {
            foreach (var (start, end) in groups)
            {
                if (text[start..end].IndexOfAnyExcept(text[groups[0].Start]) >= 0)
                {
                    return false;
                }
            }

            return true;
        }
    }
}
