using Gatehouse.Console.Shared;
using Gatehouse.Contracts;

namespace Gatehouse.Console.Reviews;

/// <summary>How reviews read.</summary>
internal static class ReviewWords
{
    private static readonly string[] Detectors = ["pii", "secrets", "injection", "links", "prompt_leak"];

    public static Status StateOf(Review review) => review.State switch
    {
        ReviewState.Waiting => Status.Warning,
        ReviewState.Open => Status.Notice,
        ReviewState.Approved => Status.Ok,
        ReviewState.Denied => Status.Failing,
        _ => Status.Unknown,
    };

    public static string Of(ReviewState state) => state switch
    {
        ReviewState.Waiting => "a call waits",
        ReviewState.Open => "asked afterwards",
        ReviewState.TimedOut => "timed out",
        _ => state.ToString().ToLowerInvariant(),
    };

    /// <summary>What was found: <c>2 × credit card</c>.</summary>
    public static string Found(Review review)
    {
        var types = review.Findings
            .Select(f => (f.Count > 1 ? $"{f.Count} × " : "") + f.Type.Replace('_', ' ').ToLowerInvariant())
            .Distinct().ToList();
        return types.Count == 0 ? "handed over by a breaker" : string.Join(", ", types);
    }

    /// <summary>The colour of a mark's detector.</summary>
    public static string ClassOf(ReviewMark mark, Review review)
    {
        var detector = review.Findings.FirstOrDefault(f => f.Rule == mark.Rule && f.Type == mark.Type)?.Detector ?? "";
        return "found found-" + (Detectors.Contains(detector) ? detector : "content");
    }

    /// <summary>A text cut at the borders of its marks; the pieces together are the text.</summary>
    public static IReadOnlyList<(string Text, ReviewMark? Mark)> Pieces(ReviewText text)
    {
        List<(string, ReviewMark?)> pieces = [];
        var at = 0;
        foreach (var mark in text.Marks.OrderBy(m => m.Start).Where(m => m.Start + m.Length <= text.Text.Length))
        {
            if (mark.Start < at)
            {
                continue;
            }

            pieces.Add((text.Text[at..mark.Start], null));
            pieces.Add((text.Text.Substring(mark.Start, mark.Length), mark));
            at = mark.Start + mark.Length;
        }

        pieces.Add((text.Text[at..], null));
        return pieces;
    }
}
