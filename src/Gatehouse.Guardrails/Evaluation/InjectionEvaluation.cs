using Gatehouse.Guardrails.Content;
using Gatehouse.Guardrails.Injection;

namespace Gatehouse.Guardrails.Evaluation;

/// <summary>
/// Measures the injection detector on labelled texts. On rows that the weights were trained on this shows fit, not skill: the
/// cross-validated figures come from bench/Gatehouse.GuardTraining.
/// </summary>
public static class InjectionEvaluation
{
    /// <summary>Whole texts: by source, all at the shipped threshold, and recall where one in a hundred benign rows is flagged.</summary>
    public static IEnumerable<Figure> Texts(string set, IReadOnlyList<LabelledText> rows, DetectionSide side)
    {
        var context = new DetectionContext(side);
        var scored = rows.Select(r => (Row: r, Score: InjectionDetector.Score(r.Text, context))).ToList();
        foreach (var source in scored.GroupBy(s => s.Row.Source).OrderBy(g => g.Key, StringComparer.Ordinal))
        {
            yield return Summary(set, source.Key, [.. source], 0.5f);
        }

        var benign = scored.Where(s => !s.Row.Label).Select(s => s.Score).OrderDescending().ToList();
        yield return Summary(set, "all", scored, 0.5f) with { Auc = Auc(scored) };
        if (benign.Count > 0)
        {
            yield return Summary(set, "all at 1 % FPR", scored, MathF.BitIncrement(benign[benign.Count / 100]));
        }
    }

    /// <summary>The same attacks and benign twins in many disguises, by disguise, which the set gives as the type.</summary>
    public static IEnumerable<Figure> Disguises(string set, IReadOnlyList<LabelledText> rows)
    {
        var context = new DetectionContext(DetectionSide.Input);
        var scored = rows.Select(r => (Row: r, Score: InjectionDetector.Score(r.Text, context))).ToList();
        foreach (var disguise in scored.GroupBy(s => s.Row.Type).OrderBy(g => g.Key, StringComparer.Ordinal))
        {
            yield return Summary(set, disguise.Key, [.. disguise], 0.5f);
        }

        yield return Summary(set, "all", scored, 0.5f);
    }

    /// <summary>Requests that a content policy may refuse: what the lexical categories see of them.</summary>
    public static Figure Harm(string set, IReadOnlyList<LabelledText> rows)
    {
        var detector = new ContentDetector(new ContentOptions { Categories = HarmCategories.All });
        var tally = new Tally();
        foreach (var row in rows)
        {
            using var findings = FindingList.Rent();
            detector.Find(row.Text, new DetectionContext(DetectionSide.Input), findings);
            Count(tally, row.Label, findings.Count > 0);
        }

        return Figure.Of(set, "lexical categories", rows.Count, tally, hasNegatives: true);
    }

    private static Figure Summary(string set, string slice, List<(LabelledText Row, float Score)> scored, float threshold)
    {
        var tally = new Tally();
        foreach (var (row, score) in scored)
        {
            Count(tally, row.Label, score >= threshold);
        }

        var hasPositives = tally.TruePositives + tally.FalseNegatives > 0;
        var hasNegatives = tally.FalsePositives + tally.TrueNegatives > 0;
        return hasPositives
            ? Figure.Of(set, slice, scored.Count, tally, hasNegatives)
            : new Figure(set, slice, scored.Count) { FalsePositiveRate = tally.FalsePositiveRate, Right = 1 - tally.FalsePositiveRate };
    }

    private static void Count(Tally tally, bool label, bool flagged)
    {
        tally.TruePositives += label && flagged ? 1 : 0;
        tally.FalseNegatives += label && !flagged ? 1 : 0;
        tally.FalsePositives += !label && flagged ? 1 : 0;
        tally.TrueNegatives += !label && !flagged ? 1 : 0;
    }

    /// <summary>The chance that an attack scores above a benign text.</summary>
    private static double Auc(List<(LabelledText Row, float Score)> scored)
    {
        var benign = scored.Where(s => !s.Row.Label).Select(s => s.Score).Order().ToArray();
        var attacks = scored.Where(s => s.Row.Label).Select(s => s.Score).ToList();
        if (benign.Length == 0 || attacks.Count == 0)
        {
            return 0;
        }

        var wins = 0.0;
        foreach (var score in attacks)
        {
            var (below, upTo) = (Position(benign, score, orEqual: false), Position(benign, score, orEqual: true));
            wins += below + ((upTo - below) / 2.0);
        }

        return wins / ((double)benign.Length * attacks.Count);
    }

    /// <summary>How many of the sorted values are less than <paramref name="value"/>, or not more.</summary>
    private static int Position(float[] sorted, float value, bool orEqual)
    {
        var (low, high) = (0, sorted.Length);
        while (low < high)
        {
            var middle = (low + high) / 2;
            (low, high) = sorted[middle] < value || (orEqual && sorted[middle] == value) ? (middle + 1, high) : (low, middle);
        }

        return low;
    }
}
