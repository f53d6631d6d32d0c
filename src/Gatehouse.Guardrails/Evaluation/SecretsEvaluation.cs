using Gatehouse.Guardrails.Secrets;

namespace Gatehouse.Guardrails.Evaluation;

/// <summary>Measures the secrets detector on texts that hold a secret or only look like it.</summary>
public static class SecretsEvaluation
{
    /// <summary>
    /// Whole texts, then texts in which a finding must overlap the marked secret, then false alarms by kind of look-alike.
    /// </summary>
    public static IEnumerable<Figure> Of(
        string set, IReadOnlyList<LabelledText> rows, SecretDetector detector, Action<LabelledText, Finding?>? onWrong = null)
    {
        var (whole, spans) = (new Tally(), new Tally());
        Dictionary<string, (int Wrong, int Of)> kinds = new(StringComparer.Ordinal);
        foreach (var row in rows)
        {
            using var findings = FindingList.Rent();
            detector.Find(row.Text, new DetectionContext(DetectionSide.Input), findings);
            var isFound = findings.Count > 0;
            var isHit = row.Spans.Count == 0
                ? isFound
                : findings.Items.ToArray().Any(f => row.Spans.Any(s => f.Start < s.End && s.Start < f.End));
            Count(whole, row.Label, isFound);
            Count(spans, row.Label, row.Label ? isHit : isFound);
            if (isFound != row.Label)
            {
                onWrong?.Invoke(row, isFound ? findings[0] : null);
            }

            if (!row.Label)
            {
                var kind = row.Source == "hard_negative" ? row.Type : row.Source;
                var (wrong, of) = kinds.GetValueOrDefault(kind);
                kinds[kind] = (wrong + (isFound ? 1 : 0), of + 1);
            }
        }

        yield return Figure.Of(set, "texts", rows.Count, whole, hasNegatives: true);
        yield return Figure.Of(set, "texts, right place", rows.Count, spans, hasNegatives: true);
        foreach (var (kind, (wrong, of)) in kinds.OrderBy(k => k.Key, StringComparer.Ordinal))
        {
            yield return new Figure(set, $"no secret: {kind}", of) { FalsePositiveRate = (double)wrong / of };
        }
    }

    private static void Count(Tally tally, bool label, bool found)
    {
        tally.TruePositives += label && found ? 1 : 0;
        tally.FalseNegatives += label && !found ? 1 : 0;
        tally.FalsePositives += !label && found ? 1 : 0;
        tally.TrueNegatives += !label && !found ? 1 : 0;
    }
}
