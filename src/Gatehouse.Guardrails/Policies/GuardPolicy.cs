using Gatehouse.Guardrails.Anonymising;
using Gatehouse.Guardrails.Content;
using Gatehouse.Guardrails.Pii;

namespace Gatehouse.Guardrails.Policies;

/// <summary>A policy as its author wrote it; <see cref="GuardPolicy"/> is what runs.</summary>
public sealed record GuardPolicyDefinition(string Name, IReadOnlyList<GuardRule> Rules)
{
    public string Description { get; init; } = "";

    /// <summary>Values that no rule about personal data reports: the organisation's own name and number.</summary>
    public IReadOnlyList<string> Allow { get; init; } = [];

    /// <summary>Values that are always reported as type <c>DENIED</c>.</summary>
    public IReadOnlyList<string> Deny { get; init; } = [];

    /// <summary>The organisation's own identifiers.</summary>
    public IReadOnlyList<CustomRecogniser> Recognisers { get; init; } = [];

    /// <summary>Hosts that answers may point to; each stands for its subdomains too.</summary>
    public IReadOnlyList<string> Hosts { get; init; } = [];

    /// <summary>What callers read when a rule without messages of its own blocks, by language.</summary>
    public IReadOnlyDictionary<string, string> Messages { get; init; } = new Dictionary<string, string>();

    /// <summary>How tool results and documents are set apart from instructions.</summary>
    public SpotlightChoice Spotlight { get; init; }

    /// <summary>Circuit breakers of the systems that it applies to.</summary>
    public IReadOnlyList<GuardBreaker> Breakers { get; init; } = [];

    /// <summary>Refuse calls that a guard could not check, in place of letting them pass.</summary>
    public bool FailClosed { get; init; }

    /// <summary>Most time that the guards may take on one side of a call; longer counts as a failure. Default 1 s.</summary>
    public TimeSpan TimeLimit { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>
    /// How long a stream may hold back text that might still become a finding. Default 50 ms; what is certainly open is held longer.
    /// </summary>
    public TimeSpan HoldTime { get; init; } = TimeSpan.FromMilliseconds(50);
}

/// <summary>A policy made ready: its detectors are built, and each side knows what to ask. Immutable, safe from any thread.</summary>
public sealed class GuardPolicy
{
    private const string Sample = "Could you please write to Maria Lopez at maria@example.com? The number is 4111 1111 1111 1111.";

    private static readonly DetectionSide[] Sides = Enum.GetValues<DetectionSide>();

    private readonly Lazy<SidePlan[]> _plans;
    private readonly Lazy<bool> _warm;
    private readonly Lazy<GuardPolicy> _ofRefused;

    /// <param name="definition">The policy.</param>
    /// <param name="revision">Names its content.</param>
    public GuardPolicy(GuardPolicyDefinition definition, string revision)
    {
        Definition = definition;
        Revision = revision;
        _plans = new(() => [.. Sides.Select(side => new SidePlan(definition, side))]);
        _warm = new(RunSample);
        _ofRefused = new(() => new GuardPolicy(MaskingOf(definition), revision));
        Pseudonymises = definition.Rules.Any(r => r is { Action: GuardAction.Pseudonymise, Shadow: false });
        GuardsInput = Has(DetectionSide.Input) || Has(DetectionSide.ToolResult) || Has(DetectionSide.Retrieved);
        GuardsOutput = Has(DetectionSide.Output) || Has(DetectionSide.ToolCall) || Pseudonymises;
        Escalates = definition.Rules.Any(r => r is { Action: GuardAction.Escalate, Shadow: false });
        PlugIns = [.. definition.Rules.Where(r => r.IsPlugIn)];
        AnswerChecks = [.. definition.Rules.Where(r => r.IsAnswerCheck)];
        HasCanary = definition.Rules.Any(r => r.Detector == GuardDetector.Canary);
        var late = PlugIns.Concat(AnswerChecks).Where(LooksAtAnswers).ToList();
        ChecksAnswers = late.Count > 0;
        HoldsStreams = late.Exists(r => r.Bites);
        AsksAboutRequests = PlugIns.Any(r => r.Sides.Any(s => s is not (DetectionSide.Output or DetectionSide.ToolCall)));
        NeedsSystemPrompt = definition.Rules.Any(r => r.Detector == GuardDetector.PromptLeak);
    }

    public GuardPolicyDefinition Definition { get; }

    /// <summary>
    /// What it makes of a refused request that is kept: credentials and personal data that a rule would have replaced, refused or asked
    /// about are masked, and nothing else happens.
    /// </summary>
    internal GuardPolicy OfRefused => _ofRefused.Value;

    public string Name => Definition.Name;

    public string Revision { get; }

    public bool Pseudonymises { get; }

    /// <summary>Whether requests are looked at.</summary>
    public bool GuardsInput { get; }

    /// <summary>Whether answers are looked at.</summary>
    public bool GuardsOutput { get; }

    /// <summary>Whether a rule may ask a person.</summary>
    public bool Escalates { get; }

    /// <summary>Rules that ask somebody outside of this process.</summary>
    public IReadOnlyList<GuardRule> PlugIns { get; }

    /// <summary>Rules that judge an answer as a whole.</summary>
    public IReadOnlyList<GuardRule> AnswerChecks { get; }

    /// <summary>Whether a plug-in looks at requests.</summary>
    public bool AsksAboutRequests { get; }

    /// <summary>Whether something judges complete answers: a plug-in or an <see cref="AnswerChecks"/>.</summary>
    public bool ChecksAnswers { get; }

    /// <summary>Whether one of these can change what a client reads: streams wait for it to the end.</summary>
    public bool HoldsStreams { get; }

    /// <summary>Whether system prompts get a token that answers must not hold.</summary>
    public bool HasCanary { get; }

    /// <summary>Whether a rule compares answers with the system prompt.</summary>
    public bool NeedsSystemPrompt { get; }

    /// <summary>Builds the detectors; otherwise the first text does.</summary>
    /// <exception cref="CustomRecogniserException">A recogniser cannot be used, or fails its own examples.</exception>
    /// <exception cref="ArgumentException">A rule names something that its detector does not know.</exception>
    public void Build() => _ = _plans.Value;

    /// <summary>Loads what the detectors need, once, so that no call pays for it out of its time limit.</summary>
    public void Warm() => _ = _warm.Value;

    internal SidePlan On(DetectionSide side) => _plans.Value[(int)side];

    private static bool LooksAtAnswers(GuardRule rule) => rule.Sides.Any(s => s is DetectionSide.Output or DetectionSide.ToolCall);

    private bool Has(DetectionSide side) => Definition.Rules.Any(r => r.Sides.Contains(side));

    private static GuardPolicyDefinition MaskingOf(GuardPolicyDefinition definition) =>
        new(definition.Name, [.. definition.Rules.Where(r => r.Detector is GuardDetector.Pii or GuardDetector.Secrets).Select(Masking)])
        {
            Allow = definition.Allow,
            Deny = definition.Deny,
            Recognisers = definition.Recognisers,
            TimeLimit = TimeSpan.FromSeconds(30),
        };

    private static GuardRule Masking(GuardRule rule) => rule.Action switch
    {
        GuardAction.Pseudonymise or GuardAction.Block or GuardAction.Escalate =>
            rule with { Action = GuardAction.Redact, Replacement = Anonymisation.Mask },
        GuardAction.Route => rule with { Action = GuardAction.Flag },
        _ => rule,
    };

    private bool RunSample()
    {
        foreach (var side in Sides)
        {
            using var session = new GuardSession(this, new byte[32], [], TimeProvider.System);
            session.Check(Sample, new GuardedText(side));
        }

        return true;
    }
}

/// <summary>What one side of a call is asked: each detector once, with the rules that decide about what it finds, in their order.</summary>
internal sealed class SidePlan
{
    private readonly List<Check> _checks = [];

    public SidePlan(GuardPolicyDefinition policy, DetectionSide side)
    {
        var rules = policy.Rules.Where(r => r.Sides.Contains(side) && !r.IsPlugIn && !r.IsAnswerCheck).ToList();
        AddPii(policy, [.. rules.Where(r => r.Detector == GuardDetector.Pii)]);
        AddShared(rules, GuardDetector.Secrets, least => new Secrets.SecretDetector(least));
        AddShared(rules, GuardDetector.Injection, least =>
            new Injection.InjectionDetector(new() { DirectThreshold = least, IndirectThreshold = least }));
        foreach (var reportUnknown in new[] { false, true })
        {
            var links = rules.Where(r => r.Detector == GuardDetector.Links && r.UnknownHosts == reportUnknown).ToArray();
            Add(links, () => new Exfiltration.LinkDetector(new() { AllowedHosts = policy.Hosts, ReportUnknownHosts = reportUnknown }));
        }

        foreach (var rule in rules)
        {
            if (ContentOf(rule) is { } content)
            {
                _checks.Add(new Check(
                    new ContentDetector(content), [rule], IsWhole: rule.Detector is GuardDetector.Language or GuardDetector.Refusal));
            }
        }

        foreach (var rule in rules.Where(r => r.Detector == GuardDetector.Markers))
        {
            _checks.Add(new Check(Exfiltration.CanaryDetector.ForMarkers(rule.Terms), [rule], IsWhole: false));
        }

        Checks = [.. _checks];
        Canaries = [.. rules.Where(r => r.Detector == GuardDetector.Canary)];
        Lengths = [.. rules.Where(r => r.Detector == GuardDetector.Length).Select(r => new[] { r })];
        PromptLeaks = [.. rules.Where(r => r.Detector == GuardDetector.PromptLeak)];
        Bites = rules.Exists(r => r.Bites);
        Escalates = rules.Exists(r => r is { Action: GuardAction.Escalate, Shadow: false });
        IsEmpty = rules.Count == 0;
    }

    public Check[] Checks { get; }

    public GuardRule[][] Lengths { get; }

    public GuardRule[] PromptLeaks { get; }

    public GuardRule[] Canaries { get; }

    /// <summary>Whether a rule can change what goes on; if not, a stream need not wait for it.</summary>
    public bool Bites { get; }

    /// <summary>Whether a rule may ask a person, who then needs the text.</summary>
    public bool Escalates { get; }

    public bool IsEmpty { get; }

    private void AddPii(GuardPolicyDefinition policy, GuardRule[] rules) => Add(rules, () => new PiiDetector(new PiiOptions
    {
        Types = rules.Any(r => r.Types.Count == 0) ? [] : [.. rules.SelectMany(r => r.Types).Distinct()],
        MinScore = rules.Min(r => r.MinScore),
        Allow = policy.Allow,
        Deny = policy.Deny,
        Custom = policy.Recognisers,
    }));

    private void AddShared(List<GuardRule> all, GuardDetector detector, Func<float, IDetector> make)
    {
        var rules = all.Where(r => r.Detector == detector).ToArray();
        Add(rules, () => make(rules.Min(r => r.MinScore)));
    }

    private void Add(GuardRule[] rules, Func<IDetector> make)
    {
        if (rules.Length > 0)
        {
            _checks.Add(new Check(make(), rules, IsWhole: false));
        }
    }

    private static ContentOptions? ContentOf(GuardRule rule) => rule.Detector switch
    {
        GuardDetector.Harm => new ContentOptions { Categories = rule.Types.Count == 0 ? HarmCategories.All : rule.Types },
        GuardDetector.Terms => new ContentOptions { Topics = [new Ban(rule.Name, rule.Terms, rule.Harmless)] },
        GuardDetector.Competitors => new ContentOptions { Competitors = [new Ban(rule.Name, rule.Terms, rule.Harmless)] },
        GuardDetector.Language => new ContentOptions { Languages = rule.Languages, LanguageConfidence = rule.MinScore },
        GuardDetector.Refusal => new ContentOptions { Refusals = true },
        _ => null,
    };
}

/// <summary>A detector and the rules that decide about what it finds, in their order.</summary>
/// <param name="IsWhole">It judges a text as a whole, not places in it.</param>
internal sealed record Check(IDetector Detector, GuardRule[] Rules, bool IsWhole);
