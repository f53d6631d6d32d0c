using System.Buffers;
using System.Numerics;
using System.Runtime.CompilerServices;

namespace Gatehouse.Guardrails.Pii.Identifiers;

/// <summary>
/// Finds identifiers around digits. A run is a chain of groups of ASCII letters and digits joined by single separators; every stretch of a
/// run that has a digit is compared with the formats of its length. Runs are cut at <see cref="MaxGroups"/>, so the work per character is
/// bounded.
/// </summary>
internal sealed class IdentifierScanner
{
    private const int MaxGroups = 10;
    private const int MaxLength = 60;
    private const int MaxLeadingGroups = 2;
    private const int MaxLetters = 4;

    private static readonly SearchValues<char> Digits = SearchValues.Create("0123456789");

    private readonly IdentifierFormat[][] _byLength = new IdentifierFormat[MaxLength + 1][];

    /// <summary>The fewest digits of any format of each length, one at least: most stretches of prose have fewer.</summary>
    private readonly int[] _leastDigits = new int[MaxLength + 1];
    private readonly float _minScore;
    private readonly bool _embedded;

    /// <param name="rules">The rules to apply.</param>
    /// <param name="minScore">Findings below are not reported.</param>
    public IdentifierScanner(IEnumerable<IdentifierRule> rules, float minScore)
    {
        _minScore = minScore;
        var formats = rules.SelectMany(IdentifierFormat.Compile).ToList();
        _embedded = formats.Any(f => f.Rule.Embedded);
        for (var i = 0; i <= MaxLength; i++)
        {
            _byLength[i] = [.. formats.Where(f => f.Length == i)];
            _leastDigits[i] = Math.Max(1, _byLength[i].Select(f => f.LeastDigits).DefaultIfEmpty(int.MaxValue).Min());
        }
    }

    public void Find(ReadOnlySpan<char> text, FindingList findings)
    {
        Span<(int Start, int End)> groups = stackalloc (int, int)[MaxGroups];
        for (var at = 0; at < text.Length;)
        {
            var next = text[at..].IndexOfAny(Digits);
            if (next < 0)
            {
                return;
            }

            at = ReadRun(text, at, at + next, groups, out var count);
            Compare(text, groups[..count], findings);
        }
    }

    /// <returns>Where to look for the next digit.</returns>
    private static int ReadRun(ReadOnlySpan<char> text, int from, int digit, Span<(int Start, int End)> groups, out int count)
    {
        var start = digit;
        while (start > from && char.IsAsciiLetterOrDigit(text[start - 1]))
        {
            start--;
        }

        // Short groups of letters may stand in front: B AB 1234, DE 136 695 976.
        Span<int> starts = stackalloc int[MaxLeadingGroups + 1];
        starts[0] = start;
        var leading = 0;
        while (leading < MaxLeadingGroups && starts[leading] - 1 > from && IsSeparator(text[starts[leading] - 1]))
        {
            var end = starts[leading] - 1;
            var begin = end;
            while (begin > from && char.IsAsciiLetter(text[begin - 1]))
            {
                begin--;
            }

            if (end - begin is 0 or > MaxLetters || (begin > 0 && char.IsLetterOrDigit(text[begin - 1]) && char.IsAscii(text[begin - 1])))
            {
                break;
            }

            starts[++leading] = begin;
        }

        count = 0;
        var position = starts[leading];
        var hasDigit = true;
        while (count < MaxGroups && position < text.Length)
        {
            var end = position;
            var digits = 0;
            while (end < text.Length && char.IsAsciiLetterOrDigit(text[end]))
            {
                digits += char.IsAsciiDigit(text[end]) ? 1 : 0;
                end++;
            }

            hasDigit = digits > 0;
            if (end == position || (!hasDigit && end - position > MaxLetters))
            {
                break;
            }

            groups[count++] = (position, end);
            position = end + 1;
            if (end >= text.Length || !IsSeparator(text[end]))
            {
                break;
            }
        }

        var last = groups[count - 1].End;
        if (count < MaxGroups)
        {
            return Math.Max(last, digit + 1);
        }

        // A chain that was cut is read again from its middle, so that nothing is lost at the cut.
        return Math.Max(groups[count / 2].Start, digit + 1);
    }

    [SkipLocalsInit]
    private void Compare(ReadOnlySpan<char> text, ReadOnlySpan<(int Start, int End)> groups, FindingList findings)
    {
        Span<char> compact = stackalloc char[MaxLength];
        Span<char> separators = stackalloc char[MaxLength];
        for (var first = 0; first < groups.Length; first++)
        {
            var length = 0;
            var digits = 0UL;
            for (var last = first; last < groups.Length; last++)
            {
                var (start, end) = groups[last];
                if (length + end - start > MaxLength)
                {
                    break;
                }

                separators[length] = last == first ? '\0' : text[start - 1];
                for (var i = start; i < end; i++)
                {
                    if (i > start)
                    {
                        separators[length] = '\0';
                    }

                    var c = text[i]; // a letter or a digit of ASCII
                    digits |= (c <= '9' ? 1UL : 0) << length;
                    compact[length++] = (char)(c >= 'a' ? c - ('a' - 'A') : c);
                }

                if (length >= 4 && MayMatch(length, digits))
                {
                    Match(text, groups[first].Start, end, compact[..length], separators[..length], digits, embedded: false, findings);
                }
            }
        }

        if (_embedded)
        {
            MatchEmbedded(text, groups, findings);
        }
    }

    /// <summary>The same from the first digit of a word that starts with letters, for rules that allow it.</summary>
    [SkipLocalsInit]
    private void MatchEmbedded(ReadOnlySpan<char> text, ReadOnlySpan<(int Start, int End)> groups, FindingList findings)
    {
        Span<char> compact = stackalloc char[MaxLength];
        Span<char> separators = stackalloc char[MaxLength];
        for (var g = 0; g < groups.Length; g++)
        {
            var digit = text[groups[g].Start..groups[g].End].IndexOfAny(Digits);
            if (digit <= 0)
            {
                continue;
            }

            var length = 0;
            var digits = 0UL;
            for (var last = g; last < Math.Min(g + 2, groups.Length); last++)
            {
                var start = last == g ? groups[g].Start + digit : groups[last].Start;
                if (length + groups[last].End - start > MaxLength)
                {
                    break;
                }

                for (var i = start; i < groups[last].End; i++)
                {
                    separators[length] = i == start && last > g ? text[start - 1] : '\0';
                    digits |= (char.IsAsciiDigit(text[i]) ? 1UL : 0) << length;
                    compact[length++] = char.ToUpperInvariant(text[i]);
                }

                if (MayMatch(length, digits))
                {
                    Match(
                        text, groups[g].Start + digit, groups[last].End, compact[..length], separators[..length], digits, embedded: true,
                        findings);
                }
            }
        }
    }

    private bool MayMatch(int length, ulong digits) => BitOperations.PopCount(digits) >= _leastDigits[length];

    /// <param name="digits">One bit for each of the compact characters that is a digit.</param>
    private void Match(
        ReadOnlySpan<char> text, int start, int end, ReadOnlySpan<char> compact, ReadOnlySpan<char> separators, ulong digits, bool embedded,
        FindingList findings)
    {
        foreach (var format in _byLength[compact.Length])
        {
            if (!format.MayMatch(digits))
            {
                continue;
            }

            var rule = format.Rule;
            if ((embedded && !rule.Embedded) || !format.Matches(compact, separators))
            {
                continue;
            }

            var score = rule.Score;
            if (IsGlued(text, start, end))
            {
                score -= .3f;
            }

            if (score + Context.Boost < _minScore || (rule.Check is { } check && !Passes(check, rule, compact, text[start..end])))
            {
                continue;
            }

            if (score < 1 && Context.Has(text, start, end, rule.Words))
            {
                score += Context.Boost;
            }

            if (score >= _minScore)
            {
                var from = rule.TakesPlus && start > 0 && text[start - 1] == '+' ? start - 1 : start;
                findings.Add(new(DetectorKind.Pii, rule.Id, rule.Type, from, end - from, Math.Clamp(score, .01f, 1)));
            }
        }
    }

    private static bool Passes(IdentifierCheck check, IdentifierRule rule, ReadOnlySpan<char> compact, ReadOnlySpan<char> original) =>
        check(rule.KeepsCase ? original : compact);

    /// <summary>Part of something longer: a decimal, a path, a version.</summary>
    private static bool IsGlued(ReadOnlySpan<char> text, int start, int end) =>
        (start >= 2 && text[start - 1] is '-' or '.' or '/' or '_' or '=' && char.IsAsciiDigit(text[start - 2]))
        || (end + 1 < text.Length && text[end] is '-' or '.' or '/' or '_' && char.IsAsciiLetterOrDigit(text[end + 1]));

    private static bool IsSeparator(char c) => c is ' ' or '-' or '.' or '/' or ':' or '+' or '_';
}
