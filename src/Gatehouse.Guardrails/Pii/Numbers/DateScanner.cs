using System.Buffers;

namespace Gatehouse.Guardrails.Pii.Numbers;

/// <summary>
/// Finds dates and times: ISO 8601, numeric dates, dates with a month's name, weekdays, and years after words like <c>in</c> and
/// <c>since</c>.
/// </summary>
internal sealed class DateScanner(float minScore)
{
    private static readonly string[] Months =
        ["january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december"];

    private static readonly string[] Weekdays = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

    private static readonly string[] BeforeYear =
        ["in", "since", "of", "until", "till", "from", "by", "before", "after", "during", "year", "around", "circa", "early", "late", "mid",
            "for", "to", "than", "summer", "winter", "spring", "autumn", "fall", "a"];

    private static readonly SearchValues<char> Digits = SearchValues.Create("0123456789");

    private static readonly SearchValues<string> Names = SearchValues.Create(
        [
            "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday", "jan", "feb", "mar", "apr", "may", "jun", "jul",
            "aug", "sep", "oct", "nov", "dec",
        ],
        StringComparison.OrdinalIgnoreCase);

    // Fewer words to look for, and none that others begin with.
    private static readonly SearchValues<string> Days = SearchValues.Create(Weekdays, StringComparison.OrdinalIgnoreCase);

    /// <summary>All that is to be found in a text without a digit.</summary>
    public void FindWeekdays(ReadOnlySpan<char> text, FindingList findings) => FindNamed(text, Days, findings);

    public void Find(ReadOnlySpan<char> text, FindingList findings)
    {
        // Named dates end and start in order, as the digits do that are looked at.
        var next = findings.Count;
        FindNamed(text, Names, findings);
        var named = findings.Count;
        for (var at = 0; at < text.Length;)
        {
            var digit = text[at..].IndexOfAny(Digits);
            if (digit < 0)
            {
                return;
            }

            at += digit;
            while (next < named && findings[next].End <= at)
            {
                next++;
            }

            var end = next < named && findings[next].Start <= at ? findings[next].End : FindNumeric(text, at, findings);
            at = Math.Max(end, at + 1);
            while (at < text.Length && char.IsAsciiDigit(text[at]))
            {
                at++;
            }
        }
    }

    private int FindNumeric(ReadOnlySpan<char> text, int start, FindingList findings)
    {
        if (start > 0 && (char.IsLetterOrDigit(text[start - 1]) || text[start - 1] is '_' or '$' or '#' or '+'
            || (text[start - 1] is '.' or '/' or '-' or ':' && start > 1 && char.IsLetterOrDigit(text[start - 2]))))
        {
            return 0;
        }

        var (a, i) = ReadNumber(text, start);
        var digits = i - start;
        if (digits == 4 && a is >= 1900 and < 2100)
        {
            return FindFromYear(text, start, i, a, findings);
        }

        if (digits is < 1 or > 2 || i >= text.Length || text[i] is not ('/' or '.' or '-'))
        {
            return 0;
        }

        var separator = text[i];
        var (b, j) = ReadNumber(text, i + 1);
        if (j == i + 5 && separator != '.' && a is >= 1 and <= 12 && b is >= 1900 and < 2100 && IsEnd(text, j))
        {
            return Add(findings, "pii.date.month", start, j, .5f);
        }

        if (j - i - 1 is < 1 or > 2 || j >= text.Length || text[j] != separator)
        {
            return 0;
        }

        var (c, k) = ReadNumber(text, j + 1);
        var isDate = (a is >= 1 and <= 12 && b is >= 1 and <= 31) || (a is >= 1 and <= 31 && b is >= 1 and <= 12);
        var isYear = k - j - 1 == 4 ? c is >= 1800 and < 2200 : k - j - 1 == 2;
        return isDate && isYear && IsEnd(text, k)
            ? Add(findings, "pii.date.numeric", start, ReadTime(text, k), k - j - 1 == 4 ? .8f : .55f)
            : 0;
    }

    private int FindFromYear(ReadOnlySpan<char> text, int start, int at, int year, FindingList findings)
    {
        if (at < text.Length && text[at] is '-' or '/' or '.')
        {
            var separator = text[at];
            var (month, j) = ReadNumber(text, at + 1);
            if (j - at - 1 is 1 or 2 && month is >= 1 and <= 12 && j < text.Length && text[j] == separator)
            {
                var (day, k) = ReadNumber(text, j + 1);
                var end = ReadTime(text, k);
                if (k - j - 1 is 1 or 2 && Identifiers.Checksums.IsDate(year, month, day) && IsEnd(text, end))
                {
                    return Add(findings, "pii.date.iso", start, end, .85f);
                }
            }

            if (separator != '.' || (at + 1 < text.Length && char.IsLetterOrDigit(text[at + 1])))
            {
                return 0;
            }
        }

        return IsEnd(text, at) && IsAfterYearWord(text, start) ? Add(findings, "pii.date.year", start, at, .5f) : 0;
    }

    /// <summary>Time of day and zone after a date, when there.</summary>
    private static int ReadTime(ReadOnlySpan<char> text, int at)
    {
        if (at + 5 >= text.Length || text[at] is not ('T' or ' ') || !char.IsAsciiDigit(text[at + 1]))
        {
            return at;
        }

        var (hour, i) = ReadNumber(text, at + 1);
        if (i - at - 1 is < 1 or > 2 || hour > 24 || i >= text.Length || text[i] != ':')
        {
            return at;
        }

        var (minute, j) = ReadNumber(text, i + 1);
        if (j != i + 3 || minute > 59)
        {
            return at;
        }

        if (j + 2 < text.Length && text[j] == ':' && char.IsAsciiDigit(text[j + 1]))
        {
            (_, j) = ReadNumber(text, j + 1);
            if (j + 1 < text.Length && text[j] is '.' or ',' && char.IsAsciiDigit(text[j + 1]))
            {
                (_, j) = ReadNumber(text, j + 1);
            }
        }

        if (j < text.Length && text[j] == 'Z')
        {
            return j + 1;
        }

        if (j + 5 < text.Length + 0 && text[j] is '+' or '-' && char.IsAsciiDigit(text[j + 1]) && text[j + 3] == ':')
        {
            return Math.Min(text.Length, j + 6);
        }

        return j;
    }

    private void FindNamed(ReadOnlySpan<char> text, SearchValues<string> names, FindingList findings)
    {
        for (var at = 0; at < text.Length;)
        {
            var next = text[at..].IndexOfAny(names);
            if (next < 0)
            {
                return;
            }

            at += next;
            var end = at;
            while (end < text.Length && end < at + 12 && char.IsAsciiLetter(text[end]))
            {
                end++;
            }

            var isWord = (at == 0 || !char.IsLetter(text[at - 1])) && (end >= text.Length || !char.IsLetterOrDigit(text[end]));
            at = isWord ? FindAtName(text, at, end, findings) : at + 3;
        }
    }

    private int FindAtName(ReadOnlySpan<char> text, int start, int end, FindingList findings)
    {
        var word = text[start..end];
        foreach (var day in Weekdays)
        {
            if (word.Equals(day, StringComparison.OrdinalIgnoreCase))
            {
                Add(findings, "pii.date.weekday", start, end, .6f);
                return end;
            }
        }

        if (!IsMonth(word))
        {
            return end;
        }

        // 29 March 2017, 05-May, 1st of May
        var from = start;
        var separator = start > 0 ? text[start - 1] : '\0';
        if (separator is ' ' or '-' or '/' or '.' && start >= 2)
        {
            var last = start - 1;
            if (last >= 3 && text[(last - 3)..last] is " of")
            {
                last -= 3;
            }

            if (last >= 2 && text[(last - 2)..last] is "st" or "nd" or "rd" or "th")
            {
                last -= 2;
            }

            var begin = last;
            while (begin > 0 && last - begin < 2 && char.IsAsciiDigit(text[begin - 1]))
            {
                begin--;
            }

            if (begin < last && (begin == 0 || !(char.IsLetterOrDigit(text[begin - 1]) || text[begin - 1] is '.' or ','))
                && ReadNumber(text[..last], begin).Value is >= 1 and <= 31)
            {
                from = begin;
            }
        }

        var to = end < text.Length && text[end] == '.' && word.Length <= 4 ? end + 1 : end;
        var stop = to;
        if (to + 1 < text.Length && text[to] is ' ' or '-' or '/' or ',' && char.IsAsciiDigit(text[to + 1]))
        {
            var (value, i) = ReadNumber(text, to + 1);
            var digits = i - to - 1;
            if (digits == 4 && value is >= 1000 and < 2200 && IsEnd(text, i))
            {
                stop = i;
            }
            else if (digits <= 2 && value is >= 1 and <= 31 && from == start)
            {
                stop = ReadDay(text, i, text[to]);
            }
        }

        if (from == start && stop == to)
        {
            return end;
        }

        var isAmbiguous = char.IsLower(word[0]) && word is "may" or "march" or "mar" or "dec" or "jun" or "jan" or "sun" or "sat";
        return Add(findings, "pii.date.named", from, ReadTime(text, stop), isAmbiguous ? .3f : .75f) is > 0 and var added ? added : stop;
    }

    /// <summary>After the day: an ordinal, then a year.</summary>
    private static int ReadDay(ReadOnlySpan<char> text, int at, char separator)
    {
        if (at + 2 <= text.Length && text[at..(at + 2)] is "st" or "nd" or "rd" or "th")
        {
            at += 2;
        }

        if (!IsEnd(text, at) && !(at < text.Length && text[at] == separator))
        {
            return at;
        }

        var next = at;
        while (next < text.Length && next < at + 2 && text[next] is ',' or ' ' or '-' or '/')
        {
            next++;
        }

        var (value, end) = ReadNumber(text, next);
        return next > at && end - next == 4 && value is >= 1000 and < 2200 && IsEnd(text, end) ? end : at;
    }

    private static bool IsMonth(ReadOnlySpan<char> word)
    {
        if (word.Length is < 3 or > 9)
        {
            return false;
        }

        foreach (var month in Months)
        {
            if (word.Equals(month, StringComparison.OrdinalIgnoreCase)
                || (word.Length <= 4 && month.AsSpan().StartsWith(word, StringComparison.OrdinalIgnoreCase)))
            {
                return true;
            }
        }

        return false;
    }

    private static bool IsAfterYearWord(ReadOnlySpan<char> text, int start)
    {
        var end = start;
        if (end > 0 && text[end - 1] == ' ')
        {
            end--;
        }

        var begin = end;
        while (begin > 0 && end - begin < 8 && char.IsAsciiLetter(text[begin - 1]))
        {
            begin--;
        }

        if (begin == end || (begin > 0 && char.IsLetter(text[begin - 1])))
        {
            return false;
        }

        foreach (var word in BeforeYear)
        {
            if (text[begin..end].Equals(word, StringComparison.OrdinalIgnoreCase))
            {
                return true;
            }
        }

        return false;
    }

    private static (int Value, int End) ReadNumber(ReadOnlySpan<char> text, int at)
    {
        var (value, end) = (0, at);
        while (end < text.Length && end < at + 9 && char.IsAsciiDigit(text[end]))
        {
            value = (value * 10) + text[end++] - '0';
        }

        return (value, end);
    }

    private static bool IsEnd(ReadOnlySpan<char> text, int at) =>
        at >= text.Length || !(char.IsLetterOrDigit(text[at]) || text[at] is '_' or '%'
            || (text[at] is '.' or '-' or '/' or ':' or ',' && at + 1 < text.Length && char.IsAsciiDigit(text[at + 1])));

    private int Add(FindingList findings, string rule, int start, int end, float score)
    {
        if (score < minScore)
        {
            return 0;
        }

        findings.Add(new(DetectorKind.Pii, rule, PiiTypes.DateTime, start, end - start, score));
        return end;
    }
}
