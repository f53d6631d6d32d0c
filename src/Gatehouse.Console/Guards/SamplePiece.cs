using Gatehouse.Guards;

namespace Gatehouse.Console.Guards;

/// <summary>A piece of a sample's text between two borders of findings.</summary>
/// <param name="Mark">The surest one that covers it; <see langword="null"/> for none.</param>
internal sealed record SamplePiece(string Text, SampleMark? Mark)
{
    /// <summary>Pieces in order; together they are the text.</summary>
    public static IReadOnlyList<SamplePiece> Of(SampleText text)
    {
        var borders = text.Marks.SelectMany(m => new[] { m.Start, m.End }).Append(0).Append(text.Text.Length).Distinct().Order().ToList();
        return
        [
            .. borders.Zip(borders.Skip(1)).Select(b => new SamplePiece(
                text.Text[b.First..b.Second],
                text.Marks.Where(m => m.Start <= b.First && m.End >= b.Second).OrderByDescending(m => m.Score).FirstOrDefault())),
        ];
    }
}
