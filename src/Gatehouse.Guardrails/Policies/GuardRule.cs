using Gatehouse.Guardrails.Anonymising;

namespace Gatehouse.Guardrails.Policies;

/// <summary>What a rule does with what it finds, from the mildest to the strictest.</summary>
public enum GuardAction
{
    /// <summary>Nothing, and later rules do not look at it: for what is known to be harmless.</summary>
    Allow,

    /// <summary>Only recorded.</summary>
    Flag,

    /// <summary>Replaced for good.</summary>
    Redact,

    /// <summary>Replaced by a pseudonym that comes back in the answer.</summary>
    Pseudonymise,

    /// <summary>The call goes to another route.</summary>
    Route,

    /// <summary>Another target, or the rule's route, is asked for a better answer; the last one's goes out.</summary>
    Fallback,

    /// <summary>A person is asked, while the call waits or afterwards.</summary>
    Escalate,

    /// <summary>The call is refused, or its answer ended.</summary>
    Block,
}

/// <summary>What a rule looks with.</summary>
public enum GuardDetector
{
    /// <summary>Personal data.</summary>
    Pii,

    /// <summary>Credentials.</summary>
    Secrets,

    /// <summary>Instructions that try to take over the model; the indirect kind in tool results and retrieved text.</summary>
    Injection,

    /// <summary>Addresses by which data could leave.</summary>
    Links,

    /// <summary>Categories of harmful content.</summary>
    Harm,

    /// <summary>Words and phrases of the policy's own.</summary>
    Terms,

    /// <summary>Languages other than those allowed.</summary>
    Language,

    /// <summary>Texts that are too long.</summary>
    Length,

    /// <summary>Answers that refuse.</summary>
    Refusal,

    /// <summary>Answers that recite the system prompt.</summary>
    PromptLeak,

    /// <summary>Names of competitors.</summary>
    Competitors,

    /// <summary>The token that such a rule puts into system prompts, in an answer.</summary>
    Canary,

    /// <summary>Words that only other teams' data has, also in disguise.</summary>
    Markers,

    /// <summary>Answers and tool arguments that break their JSON Schema.</summary>
    Schema,

    /// <summary>Answers that the texts they were given do not carry.</summary>
    Grounding,

    /// <summary>Answers that little speaks for, all things together.</summary>
    Confidence,

    /// <summary>What a model behind a route thinks.</summary>
    Model,

    /// <summary>What a service of one's own thinks.</summary>
    Webhook,
}

/// <summary>One rule of a policy: what to look for, where, and what to do then.</summary>
/// <param name="Name">As findings and messages name it.</param>
public sealed record GuardRule(string Name, GuardDetector Detector, GuardAction Action)
{
    public IReadOnlyList<DetectionSide> Sides { get; init; } = [];

    /// <summary>Types of findings, or categories of harm; empty means all.</summary>
    public IReadOnlyList<string> Types { get; init; } = [];

    /// <summary>Findings below are not this rule's, from 0 to 1.</summary>
    public float MinScore { get; init; } = .5f;

    /// <summary>How <see cref="GuardAction.Redact"/> replaces.</summary>
    public Anonymisation Replacement { get; init; } = Anonymisation.Mask;

    /// <summary>Where what <see cref="GuardAction.Pseudonymise"/> replaced comes back.</summary>
    public PseudonymReturn Return { get; init; } = PseudonymReturn.Everywhere;

    /// <summary>Only count what would have happened.</summary>
    public bool Shadow { get; init; }

    /// <summary>Where <see cref="GuardAction.Route"/> sends calls.</summary>
    public string? Route { get; init; }

    /// <summary>How <see cref="GuardAction.Escalate"/> asks.</summary>
    public Escalation Escalation { get; init; } = Escalation.Default;

    /// <summary>For <see cref="GuardDetector.Model"/> and <see cref="GuardDetector.Webhook"/>: who is asked.</summary>
    public PlugIn? PlugIn { get; init; }

    /// <summary>For <see cref="GuardDetector.Schema"/>, <see cref="GuardDetector.Grounding"/> and
    /// <see cref="GuardDetector.Confidence"/>.</summary>
    public AnswerCheck AnswerCheck { get; init; } = AnswerCheck.Default;

    /// <summary>For <see cref="GuardDetector.Terms"/>: words and phrases; a star ends a stem.</summary>
    public IReadOnlyList<string> Terms { get; init; } = [];

    /// <summary>For <see cref="GuardDetector.Terms"/>: phrases in which a term is harmless.</summary>
    public IReadOnlyList<string> Harmless { get; init; } = [];

    /// <summary>For <see cref="GuardDetector.Language"/>: codes of ISO 639-1 that are allowed.</summary>
    public IReadOnlyList<string> Languages { get; init; } = [];

    /// <summary>For <see cref="GuardDetector.Length"/>: most UTF-16 units of a text.</summary>
    public int MaxCharacters { get; init; }

    /// <summary>For <see cref="GuardDetector.Links"/>: plain links to hosts that are not allowed count too.</summary>
    public bool UnknownHosts { get; init; }

    /// <summary>What the caller reads when the rule blocks, by language; empty for the policy's.</summary>
    public IReadOnlyDictionary<string, string> Messages { get; init; } = new Dictionary<string, string>();

    internal bool Takes(in Finding finding)
    {
        if (finding.Score < MinScore)
        {
            return false;
        }

        if (Types.Count == 0 || Detector == GuardDetector.Harm)
        {
            return true;
        }

        foreach (var type in Types)
        {
            if (type == finding.Type)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Whether it asks somebody outside of this process.</summary>
    public bool IsPlugIn => PlugIn is not null;

    /// <summary>Whether it judges an answer as a whole, when it is complete.</summary>
    public bool IsAnswerCheck => Detector is GuardDetector.Schema or GuardDetector.Grounding or GuardDetector.Confidence;

    /// <summary>Whether it can change what a caller or a model reads.</summary>
    public bool Bites => !Shadow && Action >= GuardAction.Redact
        && (Action != GuardAction.Escalate || Escalation.Mode == EscalationMode.Hold);
}

/// <summary>A finding, the rule that decides about it, and what is done.</summary>
/// <param name="Effect"><see cref="GuardAction.Flag"/> where shadow mode or an exception keeps the rule from biting.</param>
/// <param name="Replacement">What a plug-in puts in place; <see langword="null"/>: what the rule does.</param>
public readonly record struct Decision(Finding Finding, GuardRule Rule, GuardAction Effect, bool Excepted, string? Replacement = null);

/// <summary>An accepted gap in a policy, for a system and for a time.</summary>
/// <param name="System">The system's name, or as the configuration names it.</param>
/// <param name="Detector"><see langword="null"/>: all.</param>
/// <param name="Types">Empty: all that the detector finds.</param>
public sealed record GuardException(
    string System, GuardDetector? Detector, IReadOnlyList<string> Types, DateTimeOffset Until, string ApprovedBy, string Reason)
{
    /// <summary>The one system that it is of; <see langword="null"/>: nobody has looked for it, and the exception covers nobody.</summary>
    public Guid? SystemId { get; init; }

    internal bool Covers(GuardRule rule, in Finding finding, DateTimeOffset now)
    {
        if (now >= Until || (Detector is { } detector && detector != rule.Detector))
        {
            return false;
        }

        if (Types.Count == 0)
        {
            return true;
        }

        foreach (var type in Types)
        {
            if (type == finding.Type)
            {
                return true;
            }
        }

        return false;
    }
}
