using System.Text.RegularExpressions;
using Gatehouse.Guardrails.Pii.Identifiers;

namespace Gatehouse.Guardrails.Pii;

/// <summary>The checks that a custom recogniser may name.</summary>
public enum CustomCheck
{
    None,
    Luhn,
    Mod97,
    Verhoeff,
    Iso7064,
}

/// <summary>A recogniser of an organisation's own identifiers, given by configuration.</summary>
/// <param name="Type">The type of its findings, for example <c>EMPLOYEE_ID</c>.</param>
/// <param name="Pattern">A regular expression without look-around or back-references: it must run in linear time.</param>
public sealed record CustomRecogniser(string Type, string Pattern)
{
    /// <summary>Confidence of a match without context. Default 0.6.</summary>
    public float Score { get; init; } = .6f;

    /// <summary>Confidence of a match with one of <see cref="Context"/> nearby. Default 0.9.</summary>
    public float ScoreWithContext { get; init; } = .9f;

    /// <summary>Words that make a match likely, in any case.</summary>
    public IReadOnlyList<string> Context { get; init; } = [];

    /// <summary>The check digit: Luhn, Verhoeff and ISO 7064 over the digits of the match, mod 97 over its letters and digits.</summary>
    public CustomCheck Check { get; init; }

    /// <summary>Texts in which it must find something. Checked when the detector is built.</summary>
    public IReadOnlyList<string> Finds { get; init; } = [];

    /// <summary>Texts in which it must find nothing. Checked when the detector is built.</summary>
    public IReadOnlyList<string> Ignores { get; init; } = [];
}

/// <summary>A custom recogniser that cannot be used; the message says which and what to change.</summary>
/// <param name="type">Of the recogniser.</param>
public sealed class CustomRecogniserException(string type, string message) : Exception(message)
{
    public string Type => type;
}

/// <summary>A custom recogniser made ready: compiled, and proved on its own examples.</summary>
internal sealed class CustomScanner
{
    private const int MaxMatch = 256;

    private readonly Regex _pattern;
    private readonly CustomRecogniser _recogniser;
    private readonly ContextWords _context;
    private readonly string _id;

    /// <exception cref="CustomRecogniserException">The pattern is malformed or not linear, or an example fails.</exception>
    public CustomScanner(CustomRecogniser recogniser)
    {
        _recogniser = recogniser;
        _context = new ContextWords([.. recogniser.Context]);
        _id = "pii.custom." + recogniser.Type.ToLowerInvariant();
        try
        {
            _pattern = new Regex(recogniser.Pattern, RegexOptions.NonBacktracking | RegexOptions.CultureInvariant);
        }
        catch (Exception e) when (e is ArgumentException or NotSupportedException)
        {
            throw new CustomRecogniserException(recogniser.Type, $"The pattern of '{recogniser.Type}' cannot be used: {e.Message}");
        }

        if (_pattern.IsMatch(""))
        {
            throw new CustomRecogniserException(recogniser.Type, $"The pattern of '{recogniser.Type}' matches the empty text.");
        }

        foreach (var text in recogniser.Finds.Where(t => !FindsIn(t)))
        {
            var check = recogniser.Check.ToString().ToLowerInvariant();
            var why = _pattern.IsMatch(text) ? $": the pattern matches, but the check '{check}' fails" : "";
            throw new CustomRecogniserException(recogniser.Type, $"'{recogniser.Type}' finds nothing in its example '{text}'{why}.");
        }

        foreach (var text in recogniser.Ignores.Where(FindsIn))
        {
            throw new CustomRecogniserException(recogniser.Type, $"'{recogniser.Type}' finds something in '{text}', which it should ignore.");
        }
    }

    public void Find(ReadOnlySpan<char> text, float minScore, FindingList findings)
    {
        foreach (var match in _pattern.EnumerateMatches(text))
        {
            if (match.Length is 0 or > MaxMatch || !Passes(text.Slice(match.Index, match.Length)))
            {
                continue;
            }

            var score = Context.Has(text, match.Index, match.Index + match.Length, _context)
                ? _recogniser.ScoreWithContext
                : _recogniser.Score;
            if (score >= minScore)
            {
                findings.Add(new(DetectorKind.Pii, _id, _recogniser.Type, match.Index, match.Length, score));
            }
        }
    }

    private bool FindsIn(string text)
    {
        using var findings = FindingList.Rent();
        Find(text, 0, findings);
        return findings.Count > 0;
    }

    private bool Passes(ReadOnlySpan<char> match)
    {
        if (_recogniser.Check == CustomCheck.None)
        {
            return true;
        }

        Span<char> compact = stackalloc char[MaxMatch];
        var length = 0;
        foreach (var c in match)
        {
            // A prefix of letters is no part of a number that a digit checks.
            if (char.IsAsciiDigit(c) || (_recogniser.Check == CustomCheck.Mod97 && char.IsAsciiLetter(c)))
            {
                compact[length++] = char.ToUpperInvariant(c);
            }
        }

        var value = compact[..length];
        return _recogniser.Check switch
        {
            CustomCheck.Luhn => length > 1 && Checksums.Luhn(value),
            CustomCheck.Verhoeff => length > 1 && Checksums.Verhoeff(value),
            CustomCheck.Iso7064 => length > 1 && Checksums.Iso7064Mod11x10(value),
            _ => length > 4 && Checksums.Mod97(value),
        };
    }
}
