using System.Buffers;

namespace Gatehouse.Guardrails.Evaluation;

/// <summary>Compares findings with marked spans: each pairs with the one it overlaps most, if they overlap enough.</summary>
internal static class SpanMatching
{
    private static readonly SearchValues<char> Between = SearchValues.Create(" \t\r\n,.;>?#*-:");

    /// <param name="marked">What is right.</param>
    /// <param name="found">What was found.</param>
    /// <param name="least">Least intersection over union.</param>
    /// <param name="sameType">Whether types must agree.</param>
    /// <param name="count">Called with the type and whether it was a hit, a miss (marked only) or a false alarm (found only).</param>
    public static void Compare(
        IReadOnlyList<LabelledSpan> marked, IReadOnlyList<LabelledSpan> found, double least, bool sameType, Action<string, Outcome> count)
    {
        var used = new bool[found.Count];
        foreach (var span in marked)
        {
            var (best, at) = (0.0, -1);
            for (var i = 0; i < found.Count; i++)
            {
                var overlap = used[i] || (sameType && found[i].Type != span.Type) ? 0 : Overlap(span, found[i]);
                (best, at) = overlap > best ? (overlap, i) : (best, at);
            }

            var isHit = at >= 0 && best >= least;
            if (isHit)
            {
                used[at] = true;
            }

            count(span.Type, isHit ? Outcome.Hit : Outcome.Miss);
        }

        for (var i = 0; i < found.Count; i++)
        {
            if (!used[i])
            {
                count(found[i].Type, Outcome.FalseAlarm);
            }
        }
    }

    /// <summary>
    /// Neighbours with nothing but blanks and punctuation between them become one span, as in presidio's span evaluator: whether a house
    /// number is a span of its own, or a city part of the address, is a convention and no fault.
    /// </summary>
    public static List<LabelledSpan> Merge(string text, IEnumerable<LabelledSpan> spans, bool sameType)
    {
        List<LabelledSpan> merged = [];
        foreach (var span in spans.OrderBy(s => s.Start))
        {
            if (merged.Count > 0 && merged[^1] is var last && (!sameType || last.Type == span.Type)
                && (span.Start <= last.End || text.AsSpan(last.End, span.Start - last.End).IndexOfAnyExcept(Between) < 0))
            {
                merged[^1] = last with { End = Math.Max(last.End, span.End) };
            }
            else
            {
                merged.Add(span);
            }
        }

        return merged;
    }

    private static double Overlap(in LabelledSpan a, in LabelledSpan b)
    {
        var both = Math.Min(a.End, b.End) - Math.Max(a.Start, b.Start);
        return both <= 0 ? 0 : (double)both / (Math.Max(a.End, b.End) - Math.Min(a.Start, b.Start));
    }
}

/// <summary>What came of a marked or found span.</summary>
internal enum Outcome
{
    Hit,
    Miss,
    FalseAlarm,
}
