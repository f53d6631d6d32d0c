using System.Numerics;

namespace Gatehouse.Guardrails.Pii.Identifiers;

/// <summary>Tells whether an identifier in the right format is a real one; sees it without separators and in upper case.</summary>
internal delegate bool IdentifierCheck(ReadOnlySpan<char> compact);

/// <summary>How one kind of identifier looks.</summary>
/// <param name="Type">The type of the finding.</param>
/// <param name="Formats">
/// <c>d</c> a digit, <c>a</c> a letter, <c>x</c> either, <c>h</c> a hex digit, an upper-case letter or digit itself, <c>{2,4}</c> a
/// repetition of the one before, <c>_</c> an optional separator (space, dash, dot, slash, colon; all the same when present), any other
/// character itself.
/// </param>
/// <param name="Score">Confidence without a word of context nearby; below one half a context word is needed by default.</param>
/// <param name="Check">Refuses what only looks like it.</param>
/// <param name="Context">Words that make it likely, in lower case; up to four letters are a whole word, more the beginning of one.</param>
internal sealed record IdentifierRule(string Type, string[] Formats, float Score, IdentifierCheck? Check, string[] Context)
{
    public string Id { get; } = "pii." + Type.ToLowerInvariant();

    public ContextWords Words { get; } = new(Context) { ShortAreWhole = true };

    /// <summary>May start in the middle of a word: the check is strong and people forget the space.</summary>
    public bool Embedded { get; init; }

    /// <summary>Written in groups of any length.</summary>
    public bool IsGrouped { get; init; }

    /// <summary>A plus sign in front belongs to it.</summary>
    public bool TakesPlus { get; init; }

    /// <summary>The check sees letters as they were written.</summary>
    public bool KeepsCase { get; init; }
}

/// <summary>One format of a rule with its repetitions spelled out, indexed by its number of letters and digits.</summary>
internal sealed class IdentifierFormat
{
    private const char Optional = '_';
    private readonly char[] _classes;
    private readonly char[] _separators;
    private readonly ulong _digits;
    private readonly ulong _letters;

    private IdentifierFormat(IdentifierRule rule, List<char> classes, List<char> separators)
    {
        Rule = rule;
        _classes = [.. classes];
        _separators = [.. separators];
        for (var i = 0; i < _classes.Length; i++)
        {
            _digits |= _classes[i] == 'd' || char.IsAsciiDigit(_classes[i]) ? 1UL << i : 0;
            _letters |= _classes[i] == 'a' || char.IsAsciiLetterUpper(_classes[i]) ? 1UL << i : 0;
        }
    }

    public IdentifierRule Rule { get; }

    public int Length => _classes.Length;

    public int LeastDigits => BitOperations.PopCount(_digits);

    public static IEnumerable<IdentifierFormat> Compile(IdentifierRule rule)
    {
        foreach (var format in rule.Formats.SelectMany(Expand))
        {
            List<char> classes = [];
            List<char> separators = [];
            var separator = '\0';
            foreach (var c in format)
            {
                if (char.IsAsciiLetterOrDigit(c))
                {
                    classes.Add(c);
                    separators.Add(separator);
                    separator = '\0';
                }
                else
                {
                    separator = c;
                }
            }

            yield return new IdentifierFormat(rule, classes, separators);
        }
    }

    /// <summary>Whether digits and letters stand where they must: settles most comparisons.</summary>
    /// <param name="digits">One bit for each digit.</param>
    public bool MayMatch(ulong digits) => (_digits & ~digits) == 0 && (_letters & digits) == 0;

    /// <param name="compact">Letters in upper case and digits.</param>
    /// <param name="separators">What stood before each of them; the first is ignored.</param>
    public bool Matches(ReadOnlySpan<char> compact, ReadOnlySpan<char> separators)
    {
        for (var i = 0; i < _classes.Length; i++)
        {
            if (!Is(compact[i], _classes[i]))
            {
                return false;
            }
        }

        var seen = '\0';
        for (var i = 1; i < _separators.Length; i++)
        {
            var (want, have) = (_separators[i], separators[i]);
            if (want == have)
            {
                continue;
            }

            var isAllowed = want == Optional || (Rule.IsGrouped && want == '\0' && (have is ' ' or '-'));
            if (!isAllowed || (seen != '\0' && have != '\0' && have != seen))
            {
                return false;
            }

            seen = have == '\0' ? seen : have;
        }

        return true;
    }

    private static bool Is(char c, char wanted) => wanted switch
    {
        'd' => char.IsAsciiDigit(c),
        'a' => char.IsAsciiLetterUpper(c),
        'x' => true,
        'h' => char.IsAsciiHexDigit(c),
        _ => c == wanted,
    };

    private static IEnumerable<string> Expand(string format)
    {
        var open = format.IndexOf('{', StringComparison.Ordinal);
        if (open < 0)
        {
            return [format];
        }

        var close = format.IndexOf('}', open);
        var bounds = format[(open + 1)..close].Split(',');
        var (least, most) = (int.Parse(bounds[0], null), int.Parse(bounds[^1], null));
        return Enumerable.Range(least, most - least + 1)
            .SelectMany(n => Expand(format[..(open - 1)] + new string(format[open - 1], n) + format[(close + 1)..]));
    }
}
