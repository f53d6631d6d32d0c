using Gatehouse.Guardrails.Pii;

namespace Gatehouse.Guardrails.Evaluation;

/// <summary>Measures the PII detector on marked sentences and on identifiers with check digits.</summary>
public static class PiiEvaluation
{
    private const double Strict = .9;

    private static readonly string[] Structured =
        [PiiTypes.Email, PiiTypes.Card, PiiTypes.Iban, PiiTypes.Ip, PiiTypes.Url, PiiTypes.Ssn, PiiTypes.Phone];

    /// <summary>
    /// Sentences with personal data of many types: by type, structured types, all types, and all without regard to the type.
    /// </summary>
    public static IEnumerable<Figure> Sentences(string set, IReadOnlyList<LabelledText> rows, PiiDetector detector)
    {
        var types = rows.SelectMany(r => r.Spans).Select(s => s.Type).ToHashSet(StringComparer.Ordinal);
        var byType = types.ToDictionary(t => t, _ => new Tally());
        var (structured, all, any, joined, loose) = (new Tally(), new Tally(), new Tally(), new Tally(), new Tally());
        foreach (var row in rows)
        {
            // A type that the set does not mark cannot be right or wrong there.
            var found = Find(detector, row.Text).Select(f => f with { Type = Shown(f.Type, types) }).ToList();
            SpanMatching.Compare(row.Spans, found.Where(f => types.Contains(f.Type)).ToList(), Strict, sameType: true, (type, outcome) =>
            {
                Add(byType[type], outcome);
                Add(all, outcome);
                if (Structured.Contains(type))
                {
                    Add(structured, outcome);
                }
            });
            SpanMatching.Compare(row.Spans, found, Strict, sameType: false, (_, outcome) => Add(any, outcome));
            SpanMatching.Compare(
                SpanMatching.Merge(row.Text, row.Spans, sameType: true), SpanMatching.Merge(row.Text, found, sameType: true), Strict,
                sameType: true, (_, outcome) => Add(joined, outcome));
            SpanMatching.Compare(
                SpanMatching.Merge(row.Text, row.Spans, sameType: false), SpanMatching.Merge(row.Text, found, sameType: false), Strict,
                sameType: false, (_, outcome) => Add(loose, outcome));
        }

        foreach (var (type, tally) in byType.OrderBy(t => t.Key, StringComparer.Ordinal))
        {
            yield return Figure.Of(set, type, tally.TruePositives + tally.FalseNegatives, tally);
        }

        yield return Figure.Of(set, "structured", rows.Count, structured);
        yield return Figure.Of(set, "all, same type", rows.Count, all);
        yield return Figure.Of(set, "all, any type", rows.Count, any);
        yield return Figure.Of(set, "all, joined", rows.Count, joined);
        yield return Figure.Of(set, "all, any type, joined", rows.Count, loose);
    }

    /// <summary>Identifiers by type: a row is right when the detector of its type finds as many as it should.</summary>
    public static IEnumerable<Figure> Identifiers(string set, IReadOnlyList<LabelledText> rows, Action<LabelledText>? onWrong = null)
    {
        var (right, total) = (0, 0);
        foreach (var type in rows.GroupBy(r => r.Type).OrderBy(g => g.Key, StringComparer.Ordinal))
        {
            var detector = new PiiDetector(new PiiOptions { Types = [type.Key], MinScore = 0, Names = false });
            var ok = 0;
            foreach (var row in type)
            {
                var isRight = IsRight(row, Find(detector, row.Text).ToList());
                ok += isRight ? 1 : 0;
                if (!isRight)
                {
                    onWrong?.Invoke(row);
                }
            }

            (right, total) = (right + ok, total + type.Count());
            yield return new Figure(set, type.Key, type.Count()) { Right = (double)ok / type.Count() };
        }

        yield return new Figure(set, "all", total) { Right = (double)right / Math.Max(total, 1) };
    }

    private static bool IsRight(LabelledText row, List<LabelledSpan> found)
    {
        if (!row.Label)
        {
            return found.Count == 0;
        }

        return row.Spans.Count == 0
            ? found.Count == (row.Count ?? 1)
            : found.Count == row.Spans.Count && row.Spans.All(s => found.Any(f => f.Start == s.Start && f.End == s.End));
    }

    private static string Shown(string type, HashSet<string> known) =>
        known.Contains(type)
            ? type
            : type.EndsWith("_PHONE_NUMBER", StringComparison.Ordinal) || type == "PH_MOBILE_NUMBER" ? PiiTypes.Phone : type;

    private static IEnumerable<LabelledSpan> Find(PiiDetector detector, string text)
    {
        using var findings = FindingList.Rent();
        detector.Find(text, new DetectionContext(DetectionSide.Input), findings);
        return [.. findings.Items.ToArray().Select(f => new LabelledSpan(f.Start, f.End, f.Type))];
    }

    private static void Add(Tally tally, Outcome outcome)
    {
        tally.TruePositives += outcome == Outcome.Hit ? 1 : 0;
        tally.FalseNegatives += outcome == Outcome.Miss ? 1 : 0;
        tally.FalsePositives += outcome == Outcome.FalseAlarm ? 1 : 0;
    }
}
