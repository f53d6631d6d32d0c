using Gatehouse.Guardrails;

namespace Gatehouse.Console.Guards;

/// <summary>A piece of a text between two borders of findings.</summary>
/// <param name="Finding">The surest one that covers it, with the name of its detector; <see langword="null"/> for none.</param>
internal sealed record Segment(string Text, (string Detector, Finding Finding)? Finding)
{
    /// <summary>Cuts a text at the borders of its findings. Pieces in order; together they are the text.</summary>
    public static IReadOnlyList<Segment> Of(string text, IReadOnlyList<(string Detector, Finding Finding)> findings)
    {
        var borders = findings.SelectMany(f => new[] { f.Finding.Start, f.Finding.End }).Append(0).Append(text.Length).Distinct().Order()
            .ToList();
        List<Segment> segments = [];
        foreach (var (from, to) in borders.Zip(borders.Skip(1)))
        {
            var covering = findings.Where(f => f.Finding.Start <= from && f.Finding.End >= to)
                .OrderByDescending(f => f.Finding.Score)
                .ThenBy(f => f.Finding.Length)
                .Select(f => ((string, Finding)?)f)
                .FirstOrDefault();
            segments.Add(new Segment(text[from..to], covering));
        }

        return segments;
    }
}
