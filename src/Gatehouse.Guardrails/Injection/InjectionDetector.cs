using Gatehouse.Guardrails.Text;

namespace Gatehouse.Guardrails.Injection;

/// <summary>Thresholds of the injection detector; scores are calibrated so that one in a hundred benign texts reaches one half.</summary>
public sealed record InjectionOptions
{
    /// <summary>Least score of a finding in what a caller wrote. Default 0.5.</summary>
    public float DirectThreshold { get; init; } = 0.5f;

    /// <summary>Least score of a finding in documents, tool results and what the model wrote. Default 0.5.</summary>
    public float IndirectThreshold { get; init; } = 0.5f;

    /// <summary>Report text that invisible characters carry even when it reads harmless. Default false.</summary>
    public bool ReportHiddenText { get; init; }
}

/// <summary>
/// Finds instructions that try to take over a model: in what people write (injection, jailbreak, prompt extraction) and planted in
/// documents and tool results. Folds disguises first; about 10 µs a kilobyte, nothing allocated on plain text without a finding.
/// </summary>
public sealed class InjectionDetector(InjectionOptions? options = null) : IDetector
{
    private const int Depth = 2;

    /// <summary>Fewer words than this are no evidence by themselves: "Stop." and "Everything is fine." stand in no training text.</summary>
    private const int FewestWords = 4;

    private static readonly InjectionOptions Defaults = new();

    private readonly bool _reportsHiddenText = (options ?? Defaults).ReportHiddenText;
    private readonly Bar _direct = Bar.Of(InjectionModel.Default.Direct, (options ?? Defaults).DirectThreshold);
    private readonly Bar _indirect = Bar.Of(InjectionModel.Default.Indirect, (options ?? Defaults).IndirectThreshold);

    public DetectorKind Kind => DetectorKind.Injection;

    public void Find(ReadOnlySpan<char> text, in DetectionContext context, FindingList findings)
    {
        if (text.IsEmpty)
        {
            return;
        }

        var bar = IsDocument(context) ? _indirect : _direct;
        var verdict = Judge(text, IsDocument(context), bar, Depth);
        if (verdict.Score >= bar.Score)
        {
            findings.Add(new Finding(DetectorKind.Injection, verdict.Rule, verdict.Type, verdict.Start, verdict.Length, verdict.Score));
        }
        else if (verdict.HiddenLength > 0 && _reportsHiddenText)
        {
            findings.Add(new Finding(
                DetectorKind.Injection, "injection.hidden.invisible", FindingTypes.HiddenText, verdict.HiddenStart, verdict.HiddenLength,
                0.4f));
        }
    }

    /// <summary>The calibrated score of a text, whatever the thresholds: for evaluation and the playground.</summary>
    public static float Score(ReadOnlySpan<char> text, in DetectionContext context) =>
        Judge(text, IsDocument(context), Bar.None, Depth).Score;

    /// <summary>
    /// Only what a caller writes is a request. What a model answers or hands to a tool is prose like a document, in which an instruction is
    /// planted or not: judged as a request, a harmless answer is a strange one.
    /// </summary>
    private static bool IsDocument(in DetectionContext context) => context.Side != DetectionSide.Input;

    /// <param name="text">Of the caller, a document or a disguise.</param>
    /// <param name="untrusted">A document.</param>
    /// <param name="bar">From which score on it matters why.</param>
    /// <param name="depth">How many disguises one in another are undone.</param>
    private static Verdict Judge(ReadOnlySpan<char> text, bool untrusted, in Bar bar, int depth)
    {
        if (CanonicalText.IsPlain(text))
        {
            return JudgeCanonical(text, untrusted, bar, depth);
        }

        using var canonical = CanonicalText.Rent();
        canonical.Read(text);
        var verdict = JudgeCanonical(canonical.Chars, untrusted, bar, depth);
        var end = canonical.ToOriginal(verdict.Start + verdict.Length);
        verdict.Start = canonical.ToOriginal(verdict.Start);
        verdict.Length = end - verdict.Start;
        foreach (var hidden in canonical.Hidden)
        {
            (verdict.HiddenStart, verdict.HiddenLength) = (hidden.CarrierStart, hidden.CarrierLength);
            if (depth > 0)
            {
                var inner = Judge(canonical.HiddenChars.Slice(hidden.Start, hidden.Length), untrusted, bar, 0);
                verdict.Adopt(inner, "injection.hidden.invisible", FindingTypes.HiddenText, hidden.CarrierStart, hidden.CarrierLength);
            }
        }

        return verdict;
    }

    private static Verdict JudgeCanonical(ReadOnlySpan<char> text, bool untrusted, in Bar bar, int depth)
    {
        var model = InjectionModel.Default;
        var reading = new InjectionReading(model, untrusted);
        var counts = SignalScanner.Scan(text, model.Words.Words, ref reading);
        var verdict = untrusted ? Indirect(text, model, in reading, bar) : Direct(text, model, in reading, in counts, bar);
        if (depth == 0 || !Disguises.Suspects(counts, text))
        {
            return verdict;
        }

        using var found = Unmaskings.Rent();
        Disguises.Find(text, counts, model.Words, found);
        var hidesMost = false;
        for (var i = 0; i < found.Count; i++)
        {
            hidesMost |= found[i].Length * 10 >= text.Length * 6;
        }

        // What covers most of the text replaces its surface: letters in disguise are not evidence by themselves.
        verdict.Score *= hidesMost ? 0.5f : 1;
        for (var i = 0; i < found.Count; i++)
        {
            var inner = found[i];
            verdict.Adopt(Judge(found.TextOf(inner), untrusted, bar, depth - 1), inner.Rule, null, inner.Start, inner.Length);
        }

        return verdict;
    }

    private static Verdict Direct(
        ReadOnlySpan<char> text, InjectionModel model, in InjectionReading reading, in SignalCounts counts, in Bar bar)
    {
        var most = model.Direct.Most(reading.Sum, reading.Features);
        if (most + model.HighestShape(counts) < bar.Raw)
        {
            return default; // No shape makes a finding of it: most texts end here.
        }

        var shape = model.Shape(counts);
        if (most + shape < bar.Raw)
        {
            return default;
        }

        var score = reading.Features == 0 ? 0 : model.Direct.Calibrate(model.Direct.Raw(reading.Sum, reading.Features) + shape);
        if (score < bar.Score && counts.Words >= FewestWords)
        {
            return new Verdict { Score = score };
        }

        var rules = RuleReading.Of(text, model.Words);
        var verdict = new Verdict
        {
            Score = score * (counts.Words < FewestWords && rules.Id is null ? 0.5f : 1),
            Rule = rules.Id ?? "injection.model.direct",
            Type = rules.Type ?? FindingTypes.Injection,
            Start = rules.Id is null ? reading.WorstStart : rules.Start,
        };
        verdict.Length = (rules.Id is null ? reading.WorstEnd : rules.End) - verdict.Start;
        verdict.Trim(text);
        return verdict;
    }

    private static Verdict Indirect(ReadOnlySpan<char> text, InjectionModel model, in InjectionReading reading, in Bar bar)
    {
        if (reading.WorstWindow < bar.Raw)
        {
            return default;
        }

        var score = reading.Features == 0 ? 0 : model.Indirect.Calibrate(reading.WorstWindow);
        if (score < bar.Score)
        {
            return new Verdict { Score = score };
        }

        var rules = RuleReading.Of(text, model.Words);
        var inside = rules.Id is not null && rules.Start >= reading.WorstStart && rules.End <= reading.WorstEnd;
        var verdict = new Verdict
        {
            Score = score,
            Rule = inside ? rules.Id! : "injection.model.indirect",
            Type = FindingTypes.IndirectInjection,
            Start = reading.WorstStart,
            Length = reading.WorstEnd - reading.WorstStart,
        };
        verdict.Trim(text);
        return verdict;
    }

    /// <summary>
    /// From where on a text is found: as a score, and as a raw one, below which no score needs to be made. A text below has the score 0
    /// then, which is less than that of any disguise in it that is found.
    /// </summary>
    private readonly record struct Bar(float Score, float Raw)
    {
        /// <summary>More than calibration and its reverse are wrong by, up to <see cref="MostSure"/>.</summary>
        private const float Slack = 0.01f;

        private const float MostSure = 0.999f;

        /// <summary>Nothing is found, and every text gets its score.</summary>
        public static Bar None { get; } = new(float.PositiveInfinity, float.NegativeInfinity);

        public static Bar Of(InjectionHead head, float score) =>
            new(score, score is > 0 and < MostSure
                ? head.Threshold + (MathF.Log(score / (1 - score)) / head.Slope) - Slack
                : float.NegativeInfinity);
    }

    private struct Verdict
    {
        public float Score;
        public string Rule;
        public string Type;
        public int Start;
        public int Length;
        public int HiddenStart;
        public int HiddenLength;

        /// <summary>Takes over what a disguise hid when it is worse than the surface; the finding is the carrier.</summary>
        public void Adopt(in Verdict inner, string rule, string? type, int start, int length)
        {
            if (inner.Score > Score)
            {
                (Score, Rule, Type, Start, Length) = (inner.Score, rule, type ?? inner.Type, start, length);
            }
        }

        public void Trim(ReadOnlySpan<char> text)
        {
            while (Length > 1 && char.IsWhiteSpace(text[Start]))
            {
                Start++;
                Length--;
            }
        }
    }
}
