using Gatehouse.Contracts;
using Gatehouse.Guardrails;
using Gatehouse.Guardrails.Anonymising;
using Gatehouse.Guardrails.Pii;
using Gatehouse.Guardrails.Policies;

namespace Gatehouse.Configuration;

/// <summary>Everything in a policy file.</summary>
public sealed class PolicyFileOptions
{
    [Setting("The policy's name.", Required = true, Example = "support")]
    public string Name { get; set; } = "";

    [Setting("What it is for.")]
    public string Description { get; set; } = "";

    [Setting("A built-in policy whose rules come after this file's: `minimal`, `standard` or `strict`.", Example = "standard")]
    public string? Extends { get; set; }

    [Setting("Every rule of this file only counts what would have happened.")]
    public bool Shadow { get; set; }

    [Setting("Refuse calls that a guard could not check, in place of letting them pass.")]
    public bool FailClosed { get; set; }

    [Setting("Most time that the guards may take on one side of a call; longer counts as a failure.", Min = "1ms", Max = "30s")]
    public TimeSpan TimeLimit { get; set; } = TimeSpan.FromSeconds(1);

    [Setting("How long a stream may hold back text that might still become a finding.", Min = "1ms", Max = "5s")]
    public TimeSpan HoldTime { get; set; } = TimeSpan.FromMilliseconds(50);

    [Setting("Values that are never personal data: the organisation's own name and number.", Example = "[ Example Ltd ]")]
    public List<string> Allow { get; set; } = [];

    [Setting("Values that are always personal data, of type `DENIED`.", Example = "[ Project Falcon ]")]
    public List<string> Deny { get; set; } = [];

    [Setting("Hosts that answers may point to, with their subdomains.", Example = "[ example.com ]")]
    public List<string> Hosts { get; set; } = [];

    [Setting("The organisation's own identifiers.")]
    public List<RecogniserOptions> Recognisers { get; set; } = [];

    [Setting("What callers read when a rule without messages of its own blocks, by language.", EntryName = "language",
        Example = "{ en: Please leave personal data out. }")]
    public Dictionary<string, string> Messages { get; set; } = [];

    [Setting("What to look for and what to do then. For each finding the first rule that takes it decides.")]
    public List<PolicyRuleOptions> Rules { get; set; } = [];

    [Setting("Texts and what the policy makes of them. A policy that fails one is not taken.")]
    public List<PolicyTestOptions> Tests { get; set; } = [];
}

/// <summary>A recogniser of an organisation's own identifiers.</summary>
public sealed class RecogniserOptions
{
    [Setting("The type of its findings.", Required = true, Example = "EMPLOYEE_ID")]
    public string Type { get; set; } = "";

    [Setting("A regular expression without look-around and back-references.", Required = true, Example = "E-[0-9]{6}")]
    public string Pattern { get; set; } = "";

    [Setting("Confidence of a match.", Min = "0", Max = "1")]
    public double Score { get; set; } = 0.6;

    [Setting("Confidence of a match with one of `context` nearby.", Min = "0", Max = "1")]
    public double ScoreWithContext { get; set; } = 0.9;

    [Setting("Words that make a match likely.", Example = "[ employee, staff ]")]
    public List<string> Context { get; set; } = [];

    [Setting("The check digit.")]
    public CustomCheck Check { get; set; }

    [Setting("Texts in which it must find something.")]
    public List<string> Finds { get; set; } = [];

    [Setting("Texts in which it must find nothing.")]
    public List<string> Ignores { get; set; } = [];
}

/// <summary>A rule of a policy.</summary>
public sealed class PolicyRuleOptions
{
    [Setting("What findings call the rule.", DefaultText = "the detector and the rule's number", Example = "cards")]
    public string? Name { get; set; }

    [Setting("The detector.", Required = true, Example = "pii")]
    public GuardDetector Detect { get; set; }

    [Setting("What to do: `allow` (nothing, and later rules do not look), `flag`, `redact`, `pseudonymise` (comes back in the answer), `route` (to another route), `escalate` (to a person) or `block`.", Required = true, Example = "redact")]
    public GuardAction Action { get; set; }

    [Setting("Where to look: `input`, `output`, `tool_call`, `tool_result`, `retrieved`.",
        DefaultText = "wherever the detector makes sense", Example = "[ input, tool_result ]")]
    public List<string> Sides { get; set; } = [];

    [Setting("Types of findings, such as `CREDIT_CARD`; for `harm` its categories.", DefaultText = "all",
        Example = "[ CREDIT_CARD, IBAN_CODE ]")]
    public List<string> Types { get; set; } = [];

    [Setting("Findings that are less sure are left to later rules.", Min = "0", Max = "1")]
    public double MinScore { get; set; } = 0.5;

    [Setting("What `redact` puts in place: `mask` (`[PERSON]`), `hash` (the same value gives the same hash) or `synthetic` (a made-up value of the same form).")]
    public Anonymisation Replace { get; set; }

    [Setting("Only count what would have happened.")]
    public bool Shadow { get; set; }

    [Setting("For `route`: the route that calls are sent to.", Example = "local")]
    public string? Route { get; set; }

    [Setting("For `escalate`: how a person is asked.")]
    public EscalateOptions? Escalate { get; set; }

    [Setting("For `terms`: words and phrases; a star ends a stem.", Example = "[ rival corp, competit* ]")]
    public List<string> Terms { get; set; } = [];

    [Setting("For `terms`: phrases in which a term is harmless.")]
    public List<string> Harmless { get; set; } = [];

    [Setting("For `language`: the languages that are allowed, by their ISO 639-1 codes.", Example = "[ en, de ]")]
    public List<string> Languages { get; set; } = [];

    [Setting("For `length`: most characters of a text.", Min = "1", Max = "100000000")]
    public int MaxCharacters { get; set; } = 100_000;

    [Setting("For `links`: plain links to hosts that are not in `hosts` count too.")]
    public bool UnknownHosts { get; set; }

    [Setting("What the caller reads when the rule blocks, by language.", EntryName = "language")]
    public Dictionary<string, string> Messages { get; set; } = [];
}

/// <summary>How a rule asks a person.</summary>
public sealed class EscalateOptions
{
    [Setting("`hold`: the call waits for the decision. `after`: it goes on, and the question is asked afterwards.")]
    public EscalationMode Mode { get; set; }

    [Setting("Longest wait of a call; clients must be willing to wait as long.", Min = "1s", Max = "30m")]
    public TimeSpan Timeout { get; set; } = TimeSpan.FromMinutes(2);

    [Setting("What happens when nobody decides in time, or too many calls wait: `block` or `allow`.")]
    public EscalationDefault OnTimeout { get; set; }
}

/// <summary>A test of a policy.</summary>
public sealed class PolicyTestOptions
{
    [Setting("What the test is about.")]
    public string Name { get; set; } = "";

    [Setting("Where the text stands.")]
    public DetectionSide Side { get; set; }

    [Setting("The text.", Required = true)]
    public string Text { get; set; } = "";

    [Setting("What the guards do.", Required = true, Example = "redacted")]
    public GuardVerdict Expect { get; set; }

    [Setting("The text as it goes on.", DefaultText = "not looked at")]
    public string? Becomes { get; set; }

    [Setting("Types that are found, all of them.", DefaultText = "not looked at")]
    public List<string> Finds { get; set; } = [];
}
