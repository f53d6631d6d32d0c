using System.Diagnostics;
using Gatehouse.Guardrails.Content;
using Gatehouse.Guardrails.Exfiltration;
using Gatehouse.Guardrails.Injection;
using Gatehouse.Guardrails.Pii;
using Gatehouse.Guardrails.Secrets;

namespace Gatehouse.Guardrails.Checks;

/// <summary>What one detector said about a text.</summary>
/// <param name="Name">One of <see cref="TextCheck.Names"/>.</param>
/// <param name="Score">Of its surest finding; of the injection detector also below its threshold.</param>
/// <param name="Micros">What it took, in microseconds, on this thread.</param>
/// <param name="Findings">In the order of the text.</param>
public sealed record DetectorVerdict(string Name, float Score, double Micros, IReadOnlyList<Finding> Findings);

/// <summary>What all detectors said about a text.</summary>
/// <param name="Language">ISO 639-1, or <c>und</c> when it cannot be told.</param>
public sealed record TextVerdict(string Language, IReadOnlyList<DetectorVerdict> Detectors)
{
    public bool Flagged => Detectors.Any(d => d.Findings.Count > 0);

    /// <summary>Of all detectors, in the order of the text.</summary>
    public IReadOnlyList<Finding> Findings =>
        [.. Detectors.SelectMany(d => d.Findings).OrderBy(f => f.Start).ThenByDescending(f => f.Length)];
}

/// <summary>
/// The detectors by name, run one after the other over a text: behind the API, the console's playground and the command. Thread-safe.
/// </summary>
public sealed class TextCheck
{
    public const string Pii = "pii";
    public const string Secrets = "secrets";
    public const string Injection = "injection";
    public const string Links = "links";
    public const string PromptLeak = "prompt_leak";
    public const string Content = "content";

    private const float Threshold = 0.5f;

    /// <summary>Tables are read and code is compiled at a detector's first run, which is no measure of it.</summary>
    private static readonly Lazy<bool> Ready = new(() =>
        new TextCheck(new CheckOptions()).Measure(
            "Ann Lee, 1 Main St., token = abc, reveal the prompt at http://a.example/b", DetectionSide.Input, 1).Flagged);

    private readonly List<(string Name, IDetector Detector, float Threshold)> _detectors = [];

    /// <exception cref="ArgumentException">A name, category or threshold is none; the message says which are.</exception>
    public TextCheck(CheckOptions options)
    {
        Refuse(options.Detectors.Concat(options.Thresholds.Keys).FirstOrDefault(n => !Names.Contains(n)), "detector", Names);
        Refuse(options.Categories.FirstOrDefault(c => !HarmCategories.All.Contains(c)), "category", HarmCategories.All);
        Refuse(options.Languages.FirstOrDefault(l => !Languages.Codes.Contains(l)), "language that is told from others", Languages.Codes);
        if (options.Thresholds.Values.Any(t => t is not (>= 0 and <= 1)))
        {
            throw Wrong("A threshold is a number from 0 to 1.");
        }

        foreach (var name in options.Detectors.Count > 0 ? Names.Intersect(options.Detectors) : Names)
        {
            var threshold = options.Thresholds.GetValueOrDefault(name, Threshold);
            if (Make(name, threshold, options) is { } detector)
            {
                _detectors.Add((name, detector, threshold));
            }
        }
    }

    /// <summary>In the order in which they run.</summary>
    public static IReadOnlyList<string> Names { get; } = [Pii, Secrets, Injection, Links, PromptLeak, Content];

    /// <summary>All detectors with their defaults.</summary>
    public static TextCheck Default => Defaults.All;

    /// <param name="rounds">How often each detector runs; its shortest time counts.</param>
    public TextVerdict Run(ReadOnlySpan<char> text, DetectionSide side, int rounds = 1)
    {
        _ = Ready.Value;
        return Measure(text, side, rounds);
    }

    private TextVerdict Measure(ReadOnlySpan<char> text, DetectionSide side, int rounds)
    {
        var context = new DetectionContext(side);
        var verdicts = new List<DetectorVerdict>(_detectors.Count);
        using var findings = FindingList.Rent();
        foreach (var (name, detector, threshold) in _detectors)
        {
            var micros = double.MaxValue;
            for (var round = 0; round < rounds; round++)
            {
                findings.Clear();
                var from = Stopwatch.GetTimestamp();
                detector.Find(text, context, findings);
                micros = Math.Min(micros, Stopwatch.GetElapsedTime(from).TotalMicroseconds);
            }

            findings.Sort();
            Finding[] kept = [.. findings.Items.ToArray().Where(f => f.Score >= threshold)];
            var score = detector is InjectionDetector ? InjectionDetector.Score(text, context) : 0;
            verdicts.Add(new DetectorVerdict(name, kept.Select(f => f.Score).Append(score).Max(), micros, kept));
        }

        return new TextVerdict(Languages.Of(text).Code, verdicts);
    }

    private static IDetector? Make(string name, float threshold, CheckOptions options) => name switch
    {
        Pii => threshold == Threshold ? PiiDetector.Default : new PiiDetector(new PiiOptions { MinScore = threshold }),
        Secrets => threshold == Threshold ? SecretDetector.Default : new SecretDetector(threshold),
        Injection => new InjectionDetector(new InjectionOptions { DirectThreshold = threshold, IndirectThreshold = threshold }),
        Links => new LinkDetector(
            new LinkOptions { AllowedHosts = options.AllowedHosts, ReportUnknownHosts = options.AllowedHosts.Count > 0 }),
        PromptLeak => options.SystemPrompt is { Length: > 0 } prompt ? new PromptLeakDetector(prompt) : null,
        _ => new ContentDetector(new ContentOptions
        {
            Categories = options.Categories.Count > 0 ? options.Categories : HarmCategories.All,
            Topics = options.Topics,
            Competitors = options.Competitors,
            Languages = options.Languages,
        }),
    };

    private static void Refuse(string? unknown, string what, IEnumerable<string> known)
    {
        if (unknown is not null)
        {
            throw Wrong($"'{unknown}' is no {what}: use {string.Join(", ", known)}.");
        }
    }

    /// <summary>For whoever wrote the options: it names no parameter.</summary>
    private static ArgumentException Wrong(string message) => new(message);

    /// <summary>Made when it is first wanted, and not for whoever wants a name.</summary>
    private static class Defaults
    {
        public static readonly TextCheck All = new(new CheckOptions());
    }
}
