using Gatehouse.Guardrails;
using Gatehouse.Guardrails.Checks;

namespace Gatehouse.Guards;

/// <summary>What the detectors said about one text. Holds places, never the text.</summary>
/// <param name="Index">Which of the texts of the request, from 0.</param>
/// <param name="Language">ISO 639-1, or <c>und</c> when it cannot be told.</param>
/// <param name="Findings">In the order of the text.</param>
/// <param name="Detectors">Each detector that ran, in the order in which they ran.</param>
public sealed record CheckedText(
    int Index, DetectionSide Side, string Language, bool Flagged, IReadOnlyList<CheckedFinding> Findings,
    IReadOnlyList<CheckedDetector> Detectors)
{
    public static CheckedText Of(int index, string text, DetectionSide side, TextVerdict verdict)
    {
        var findings = verdict.Detectors
            .SelectMany(d => d.Findings.Select(f => (d.Name, Finding: f)))
            .OrderBy(f => f.Finding.Start)
            .ThenByDescending(f => f.Finding.Length)
            .Select(f => CheckedFinding.Of(f.Name, f.Finding, text))
            .ToList();
        return new(
            index,
            side,
            verdict.Language,
            verdict.Flagged,
            findings,
            [.. verdict.Detectors.Select(d => new CheckedDetector(d.Name, d.Findings.Count, Round(d.Score), Math.Round(d.Micros, 1)))]);
    }

    internal static double Round(float score) => Math.Round(score, 3);
}

/// <summary>A place in a text that a detector marked.</summary>
/// <param name="Rule">Stable id of the rule that matched, such as <c>pii.card.luhn</c>.</param>
/// <param name="Type">What it is, such as <c>CREDIT_CARD</c>.</param>
/// <param name="Start">In UTF-16 units, as JavaScript, Java and .NET count.</param>
/// <param name="End">Just past the finding, in UTF-16 units.</param>
/// <param name="StartCodePoint">In Unicode code points, as Python and Rust's characters count.</param>
/// <param name="EndCodePoint">Just past the finding, in Unicode code points.</param>
/// <param name="Score">From 0 to 1.</param>
/// <param name="Owasp">Ids of the OWASP Top 10 for LLM applications, 2025.</param>
/// <param name="Atlas">Ids of MITRE ATLAS techniques.</param>
public sealed record CheckedFinding(
    string Detector,
    string Rule,
    string Type,
    int Start,
    int End,
    int StartCodePoint,
    int EndCodePoint,
    double Score,
    IReadOnlyList<string> Owasp,
    IReadOnlyList<string> Atlas)
{
    internal static CheckedFinding Of(string detector, in Finding finding, string text)
    {
        var standards = Standards.Of(finding);
        var before = CodePoints(text.AsSpan(0, finding.Start));
        return new(
            detector,
            finding.Rule,
            finding.Type,
            finding.Start,
            finding.End,
            before,
            before + CodePoints(text.AsSpan(finding.Start, finding.Length)),
            CheckedText.Round(finding.Score),
            standards.Owasp,
            standards.Atlas);
    }

    private static int CodePoints(ReadOnlySpan<char> text)
    {
        var count = 0;
        foreach (var _ in text.EnumerateRunes())
        {
            count++;
        }

        return count;
    }
}

/// <summary>How one detector judged a text.</summary>
/// <param name="Score">Of its surest finding; of <c>injection</c> also when that lies below the threshold.</param>
/// <param name="Micros">What the detector took, in microseconds.</param>
public sealed record CheckedDetector(string Name, int Findings, double Score, double Micros);
