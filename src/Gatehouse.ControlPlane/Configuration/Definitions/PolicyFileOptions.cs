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

    [Setting("How tool results and documents are set apart from instructions, and the system prompt told so: `none`, `delimit` (between words that nobody can guess), `mark` (and a mark in place of each space) or `base64`.")]
    public SpotlightChoice Spotlight { get; set; }

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

    [Setting("Circuit breakers: each system that the policy applies to has its own in each environment.")]
    public List<PolicyBreakerOptions> Breakers { get; set; } = [];

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

    [Setting("What to do: `allow` (nothing, and later rules do not look), `flag`, `redact`, `pseudonymise` (comes back in the answer), `route` (to another route), `fallback` (the next target or `route` gives another answer), `escalate` (to a person) or `block`.", Required = true, Example = "redact")]
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

    [Setting("For `pseudonymise`: where the values come back: `everywhere`, `answers` (not in arguments of tools), `tool_calls` or `nowhere`.")]
    public PseudonymReturn Restore { get; set; } = PseudonymReturn.Everywhere;

    [Setting("Only count what would have happened.")]
    public bool Shadow { get; set; }

    [Setting("For `route`: the route that calls are sent to. For `fallback`: the route that is asked for another answer.",
        DefaultText = "the next target of the call's route", Example = "local")]
    public string? Route { get; set; }

    [Setting("For `escalate`: how a person is asked.")]
    public EscalateOptions? Escalate { get; set; }

    [Setting("For `terms` and `competitors`: words and phrases; a star ends a stem. For `markers`: words of 8 characters or more that only other teams' data has.", Example = "[ rival corp, competit* ]")]
    public List<string> Terms { get; set; } = [];

    [Setting("For `terms` and `competitors`: phrases in which a term is harmless.")]
    public List<string> Harmless { get; set; } = [];

    [Setting("For `language`: the languages that are allowed, by their ISO 639-1 codes.", Example = "[ en, de ]")]
    public List<string> Languages { get; set; } = [];

    [Setting("For `length`: most characters of a text.", Min = "1", Max = "100000000")]
    public int MaxCharacters { get; set; } = 100_000;

    [Setting("For `links`: plain links to hosts that are not in `hosts` count too.")]
    public bool UnknownHosts { get; set; }

    [Setting("For `model`: the model behind a route that is asked.")]
    public PolicyModelOptions? Model { get; set; }

    [Setting("For `webhook`: the service that is asked.")]
    public PolicyWebhookOptions? Webhook { get; set; }

    [Setting("For `schema`: a JSON Schema for answers, as JSON or as a file's path relative to the policy.",
        DefaultText = "what the request asks for", Example = "answer.schema.json")]
    public string? Schema { get; set; }

    [Setting("For `schema`: make JSON of what only looks like it, when that follows the schema then.")]
    public bool Repair { get; set; } = true;

    [Setting("For `schema`: how often the model is asked again, with what is wrong.", Min = "0", Max = "3")]
    public int Retries { get; set; } = 1;

    [Setting("For `grounding` and `confidence`: answers of less are findings.", Min = "0", Max = "1")]
    public double Least { get; set; } = 0.5;

    [Setting("For `grounding` and `confidence`: what must carry the answer: `documents` (tool results and documents; without any nothing is measured) or `request` (every text of it).")]
    public GroundingContext Context { get; set; }

    [Setting("For `confidence`: how many further answers to the same request are compared.", Min = "0", Max = "8")]
    public int Samples { get; set; }

    [Setting("For `confidence`: the route that gives them.", Example = "small")]
    public string? SampleRoute { get; set; }

    [Setting("For `confidence`: a route that grades the answer from 0 to 1.", Example = "judge")]
    public string? Judge { get; set; }

    [Setting("What the caller reads when the rule blocks, by language.", EntryName = "language")]
    public Dictionary<string, string> Messages { get; set; } = [];
}

/// <summary>A circuit breaker of systems.</summary>
public sealed class PolicyBreakerOptions
{
    [Setting("What incidents and refusals call it.", Required = true, Example = "runaway")]
    public string Name { get; set; } = "";

    [Setting("`violation_rate` (share of calls in which rules bit), `cost` (US dollars), `loops` (the same request, or the same call of a tool with the same arguments) or `tool_call_storm` (calls of tools).", Required = true, Example = "loops")]
    public BreakerWatch Watch { get; set; }

    [Setting("Where it opens: a share from 0 to 1, US dollars, repetitions or calls of tools, within `window`.", Required = true, Min = "0", Max = "1000000000", Example = "10")]
    public double Threshold { get; set; }

    [Setting("How far back is counted.", Min = "1s", Max = "24h")]
    public TimeSpan Window { get; set; } = TimeSpan.FromMinutes(5);

    [Setting("For `violation_rate` and `cost`: calls in the window below which it does not open.", Min = "1", Max = "1000000")]
    public int MinimumCalls { get; set; } = 10;

    [Setting("For `violation_rate`: the mildest verdict that counts.", DefaultText = "escalated", Example = "redacted")]
    public GuardVerdict From { get; set; } = GuardVerdict.Escalated;

    [Setting("What it does with calls while it is open: `slow` (each waits for `delay`), `stop` (refuses them) or `hand_over` (a person decides about each).", Required = true, Example = "stop")]
    public BreakerAction Action { get; set; }

    [Setting("How long it stays open before one call may try.", Min = "1s", Max = "24h")]
    public TimeSpan For { get; set; } = TimeSpan.FromMinutes(5);

    [Setting("For `slow`: how long each call waits.", Min = "10ms", Max = "1m")]
    public TimeSpan Delay { get; set; } = TimeSpan.FromSeconds(2);

    [Setting("For `hand_over`: how a person is asked.")]
    public EscalateOptions? Escalate { get; set; }
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

/// <summary>A model that guards.</summary>
public sealed class PolicyModelOptions : PolicyPlugInOptions
{
    [Setting("The route of the model; `omni-moderation-latest` without a route of that name is Gatehouse's own.", Required = true,
        Example = "llama-guard")]
    public string Route { get; set; } = "";

    [Setting("How it is spoken to: `moderation` (OpenAI's moderations), `llama_guard` (a chat model that answers `safe`, or `unsafe` and category codes) or `judge` (any chat model).",
        Required = true, Example = "llama_guard")]
    public PolicyModelShape Shape { get; set; }

    [Setting("For `judge`: what to look for, in words.", Example = "Questions about other people's salaries.")]
    public string Instructions { get; set; } = "";
}

/// <summary>How a model that guards is spoken to.</summary>
public enum PolicyModelShape
{
    Moderation,
    LlamaGuard,
    Judge,
}

/// <summary>A service of one's own that guards.</summary>
public sealed class PolicyWebhookOptions : PolicyPlugInOptions
{
    [Setting("Its address.", Required = true, Example = "https://dlp.example.com/check")]
    public Uri? Url { get; set; }

    [Setting("What requests to it are signed with, 16 bytes or more; `whsec_` and Base64, or any text. Write a reference, not the secret itself.",
        Required = true, Secret = true, Example = "${DLP_SECRET}")]
    public string Secret { get; set; } = "";

    [Setting("Whether it may be at a private address.", DefaultText = "where `url` is written as one")]
    public bool? AllowPrivate { get; set; }
}

/// <summary>Somebody who is asked whether a text may pass.</summary>
public abstract class PolicyPlugInOptions
{
    [Setting("Most time for one side of a call.", Min = "10ms", Max = "60s")]
    public TimeSpan Timeout { get; set; } = TimeSpan.FromSeconds(2);

    [Setting("Questions under way at once on a node; more wait, within the time-out.", Min = "1", Max = "10000")]
    public int MaxConcurrent { get; set; } = 16;

    [Setting("Refuse calls that it could not check, in place of letting them pass.", DefaultText = "`fail_closed` of the policy")]
    public bool? FailClosed { get; set; }

    [Setting("Most characters in one question; a longer text is asked about in up to 16 parts.", Min = "100", Max = "1000000")]
    public int MaxCharacters { get; set; } = 32_000;

    [Setting("Of requests, look only at what came since the model's last answer.")]
    public bool OnlyNew { get; set; }
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

    [Setting("What models and webhooks answer, by the names of their rules: `safe`, `unsafe` with types and scores, `fails` (no verdict) or the JSON of the answer. `gatehouse policy test --live` asks them instead.", EntryName = "rule", DefaultText = "they are not asked",
        Example = "{ safety: unsafe S1 0.9 }")]
    public Dictionary<string, string> Answers { get; set; } = [];

    [Setting("What the guards do.", Required = true, Example = "redacted")]
    public GuardVerdict Expect { get; set; }

    [Setting("The text as it goes on.", DefaultText = "not looked at")]
    public string? Becomes { get; set; }

    [Setting("Types that are found, all of them.", DefaultText = "not looked at")]
    public List<string> Finds { get; set; } = [];
}
