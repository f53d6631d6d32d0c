using Gatehouse.Guardrails.Injection;
using Gatehouse.Guardrails.Pii;
using Gatehouse.Guardrails.Secrets;

namespace Gatehouse.Guardrails.Evaluation;

/// <summary>All measures of all detectors on a folder of labelled data.</summary>
public static class GuardEvaluation
{
    /// <summary>The sets that can be asked for by name.</summary>
    public static IReadOnlyList<string> Sets { get; } =
        ["pii", "identifiers", "posts", "secrets", "injection", "indirect", "obfuscation", "harmful", "speed"];

    /// <param name="read">Reads a set by the name of its file without an ending; null when the folder has no such file.</param>
    /// <param name="wanted">Sets to measure; empty for all.</param>
    public static IEnumerable<Figure> Run(Func<string, IReadOnlyList<LabelledText>?> read, IReadOnlyCollection<string> wanted)
    {
        if (Wants("pii") && read("pii") is { } sentences)
        {
            foreach (var figure in PiiEvaluation.Sentences("pii", sentences, PiiDetector.Default))
            {
                yield return figure;
            }
        }

        if (Wants("identifiers") && read("pii_ids") is { } identifiers)
        {
            foreach (var figure in PiiEvaluation.Identifiers("identifiers", identifiers))
            {
                yield return figure;
            }
        }

        if (Wants("posts") && read("pii_ner_wnut17") is { } posts)
        {
            var detector = new PiiDetector(new PiiOptions { Types = [PiiTypes.Person, PiiTypes.Location, PiiTypes.Organization] });
            foreach (var figure in PiiEvaluation.Sentences("posts", posts, detector))
            {
                yield return figure;
            }
        }

        if (Wants("secrets") && read("secrets") is { } secrets)
        {
            foreach (var figure in SecretsEvaluation.Of("secrets", secrets, SecretDetector.Default))
            {
                yield return figure;
            }
        }

        foreach (var (set, side) in new[] { ("injection", DetectionSide.Input), ("indirect", DetectionSide.Retrieved) })
        {
            if (Wants(set) && read(set) is { } rows)
            {
                foreach (var figure in InjectionEvaluation.Texts(set, rows, side))
                {
                    yield return figure;
                }
            }
        }

        if (Wants("obfuscation") && read("obfuscation") is { } disguised)
        {
            foreach (var figure in InjectionEvaluation.Disguises("obfuscation", disguised))
            {
                yield return figure;
            }
        }

        if (Wants("harmful") && read("harmful") is { } harmful)
        {
            yield return InjectionEvaluation.Harm("harmful", harmful);
        }

        if (Wants("speed") && read("injection") is { } prompts)
        {
            string[] texts = [.. prompts.Where(p => !p.Label).Select(p => p.Text)];
            yield return SpeedMeasure.Of("speed", "prompts: pii", texts, [PiiDetector.Default]);
            yield return SpeedMeasure.Of("speed", "prompts: pii, no names", texts, [new PiiDetector(new PiiOptions { Names = false })]);
            yield return SpeedMeasure.Of("speed", "prompts: secrets", texts, [SecretDetector.Default]);
            var injection = new InjectionDetector();
            yield return SpeedMeasure.Of("speed", "prompts: injection", texts, [injection]);
            string[] clean =
                [.. texts.Where(t => IsClean(t, PiiDetector.Default) && IsClean(t, SecretDetector.Default) && IsClean(t, injection))];
            yield return SpeedMeasure.Of("speed", "clean: pii", clean, [PiiDetector.Default]);
            yield return SpeedMeasure.Of("speed", "clean: secrets", clean, [SecretDetector.Default]);
            yield return SpeedMeasure.Of("speed", "clean: all three", clean, [PiiDetector.Default, SecretDetector.Default, injection]);
            yield return SpeedMeasure.Of("speed", "clean: both", clean, [PiiDetector.Default, SecretDetector.Default]);
            yield return SpeedMeasure.Of("speed", "clean: injection", clean, [injection]);
        }

        bool Wants(string set) => wanted.Count == 0 || wanted.Contains(set);
    }

    private static bool IsClean(string text, IDetector detector)
    {
        using var findings = FindingList.Rent();
        detector.Find(text, new DetectionContext(DetectionSide.Input), findings);
        return findings.Count == 0;
    }
}
