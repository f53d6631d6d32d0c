using System.Globalization;
using Gatehouse.Guardrails;
using Gatehouse.Guardrails.Anonymising;
using Gatehouse.Guardrails.Policies;

namespace Gatehouse.Configuration;

/// <summary>Policies and their differences as sentences: what a person approves.</summary>
public static class PolicyWords
{
    private static readonly Dictionary<string, string> Detectors = new()
    {
        ["pii"] = "personal data",
        ["secrets"] = "secrets",
        ["injection"] = "prompt injections",
        ["links"] = "links by which data could leave",
        ["harm"] = "harmful content",
        ["terms"] = "words of its own",
        ["language"] = "other languages",
        ["length"] = "texts that are too long",
        ["refusal"] = "refusals",
        ["prompt_leak"] = "the system prompt recited",
        ["competitors"] = "names of competitors",
        ["canary"] = "the token of the system prompt",
        ["markers"] = "words of other teams' data",
        ["schema"] = "answers of another form than their schema",
        ["grounding"] = "sentences that their texts do not carry",
        ["confidence"] = "answers that little speaks for",
        ["model"] = "what a model behind a route says",
        ["webhook"] = "what a service of one's own says",
    };

    private static readonly Dictionary<string, string> Actions = new()
    {
        ["allow"] = "lets through",
        ["flag"] = "records",
        ["redact"] = "replaces",
        ["pseudonymise"] = "replaces by pseudonyms",
        ["route"] = "sends elsewhere calls with",
        ["fallback"] = "asks for another answer in place of one with",
        ["escalate"] = "asks a person about",
        ["block"] = "refuses",
    };

    /// <summary>What a rule does, in one sentence without its name.</summary>
    public static string Of(GuardRule rule)
    {
        var action = GuardLog.NameOf(rule.Action);
        var verb = Actions.GetValueOrDefault(action, action);
        return (rule.Shadow ? $"only counts, and would act so: {verb} " : $"{verb} ")
            + Subject(rule) + $" in {Sides(rule)}" + Details(rule);
    }

    /// <summary>What applies besides the rules.</summary>
    public static IReadOnlyList<string> Settings(GuardPolicyDefinition policy)
    {
        var lines = new List<string>
        {
            policy.FailClosed ? "Calls that a guard cannot check are refused." : "Calls that a guard cannot check pass and are marked.",
        };
        Add(policy.Allow.Count, "value is never personal data", "values are never personal data");
        Add(policy.Deny.Count, "value is always personal data", "values are always personal data");
        Add(policy.Hosts.Count, "host may be pointed to", "hosts may be pointed to");
        Add(policy.Recognisers.Count, "identifier of its own is known", "identifiers of its own are known");
        return lines;

        void Add(int count, string one, string many)
        {
            if (count > 0)
            {
                lines.Add($"{count} {(count == 1 ? one : many)}.");
            }
        }
    }

    /// <summary>What <paramref name="to"/> does that <paramref name="from"/> does not, and the other way round.</summary>
    public static IReadOnlyList<string> Difference(GuardPolicyDefinition from, GuardPolicyDefinition to)
    {
        var lines = new List<string>();
        var (before, after) = (ByName(from.Rules), ByName(to.Rules));
        lines.AddRange(before.Where(r => !after.ContainsKey(r.Key)).Select(r => $"Without the rule '{r.Key}', which {Of(r.Value)}."));
        lines.AddRange(after.Where(r => !before.ContainsKey(r.Key)).Select(r => $"With the rule '{r.Key}', which {Of(r.Value)}."));
        foreach (var (name, rule) in after)
        {
            if (before.TryGetValue(name, out var was))
            {
                AddRule(name, was, rule, lines);
            }
        }

        var kept = before.Keys.Where(after.ContainsKey).ToList();
        if (!kept.SequenceEqual(after.Keys.Where(before.ContainsKey)))
        {
            lines.Add("The rules stand in another order, and the first that takes a finding decides.");
        }

        AddSettings(from, to, lines);
        return lines;
    }

    private static void AddRule(string name, GuardRule was, GuardRule now, List<string> lines)
    {
        if (Of(was) != Of(now))
        {
            lines.Add($"The rule '{name}' {Of(now)}; before, it {Of(was)}.");
        }
        else
        {
            AddList($"the words of '{name}'", was.Terms, now.Terms, lines);
            AddList($"the harmless phrases of '{name}'", was.Harmless, now.Harmless, lines);
            if (!was.Messages.OrderBy(m => m.Key).SequenceEqual(now.Messages.OrderBy(m => m.Key)))
            {
                lines.Add($"The rule '{name}' tells callers something else.");
            }
        }
    }

    private static void AddSettings(GuardPolicyDefinition from, GuardPolicyDefinition to, List<string> lines)
    {
        if (from.FailClosed != to.FailClosed)
        {
            lines.Add(to.FailClosed
                ? "Calls that a guard cannot check are refused, in place of passing."
                : "Calls that a guard cannot check pass, in place of being refused.");
        }

        AddList("what is never personal data", from.Allow, to.Allow, lines);
        AddList("what is always personal data", from.Deny, to.Deny, lines);
        AddList("the hosts that may be pointed to", from.Hosts, to.Hosts, lines);
        AddList(
            "the identifiers of its own", [.. from.Recognisers.Select(r => $"{r.Type} {r.Pattern}")],
            [.. to.Recognisers.Select(r => $"{r.Type} {r.Pattern}")], lines);
        if (from.TimeLimit != to.TimeLimit)
        {
            lines.Add($"The guards may take {Time(to.TimeLimit)} on a side of a call, in place of {Time(from.TimeLimit)}.");
        }

        if (from.HoldTime != to.HoldTime)
        {
            lines.Add($"Streams hold text back for {Time(to.HoldTime)} at most, in place of {Time(from.HoldTime)}.");
        }

        if (!from.Messages.OrderBy(m => m.Key).SequenceEqual(to.Messages.OrderBy(m => m.Key)))
        {
            lines.Add("Callers are told something else when a rule without messages of its own blocks.");
        }
    }

    private static void AddList(string what, IReadOnlyList<string> from, IReadOnlyList<string> to, List<string> lines)
    {
        var (gone, added) = (from.Except(to).ToList(), to.Except(from).ToList());
        if (gone.Count + added.Count > 0)
        {
            lines.Add($"Of {what}: {string.Join(" and ", new[] { Some("new", added), Some("gone", gone) }.Where(s => s.Length > 0))}.");
        }
    }

    private static string Some(string what, List<string> values) => values.Count switch
    {
        0 => "",
        <= 5 => $"{what} {string.Join(", ", values.Select(v => $"'{v}'"))}",
        _ => $"{values.Count} {what}",
    };

    private static Dictionary<string, GuardRule> ByName(IReadOnlyList<GuardRule> rules)
    {
        var named = new Dictionary<string, GuardRule>(StringComparer.Ordinal);
        foreach (var rule in rules)
        {
            var name = rule.Name;
            for (var next = 2; !named.TryAdd(name, rule); next++)
            {
                name = $"{rule.Name} ({next})";
            }
        }

        return named;
    }

    private static string Subject(GuardRule rule)
    {
        var detector = GuardLog.NameOf(rule.Detector);
        var subject = Detectors.GetValueOrDefault(detector, detector.Replace('_', ' '));
        return rule.Detector switch
        {
            GuardDetector.Terms => $"{rule.Terms.Count} {(rule.Terms.Count == 1 ? "word or phrase" : "words or phrases")} of its own",
            GuardDetector.Language => $"languages other than {string.Join(", ", rule.Languages)}",
            GuardDetector.Length => string.Create(CultureInfo.InvariantCulture, $"texts of more than {rule.MaxCharacters} characters"),
            _ when rule.Types.Count > 0 => $"{subject} ({string.Join(", ", rule.Types)})",
            _ => subject,
        };
    }

    private static string Sides(GuardRule rule) =>
        rule.Sides.Count == Enum.GetValues<DetectionSide>().Length
            ? "every text"
            : string.Join(", ", rule.Sides.Select(side => side switch
            {
                DetectionSide.Input => "requests",
                DetectionSide.Output => "answers",
                DetectionSide.ToolCall => "arguments of tools",
                DetectionSide.ToolResult => "results of tools",
                _ => "documents",
            }));

    private static string Details(GuardRule rule)
    {
        var details = "";
        if (rule.Detector is not (GuardDetector.Length or GuardDetector.Terms))
        {
            details += string.Create(CultureInfo.InvariantCulture, $", from a score of {rule.MinScore:0.##}");
        }

        if (rule is { Action: GuardAction.Redact, Replacement: not Anonymisation.Mask })
        {
            details += rule.Replacement == Anonymisation.Hash ? ", by a hash" : ", by a made-up value";
        }

        if (rule.Return != PseudonymReturn.Everywhere)
        {
            details += rule.Return switch
            {
                PseudonymReturn.Answers => ", which come back in answers only",
                PseudonymReturn.ToolCalls => ", which come back in arguments of tools only",
                _ => ", which do not come back",
            };
        }

        return details + (rule.Route is { } route ? $", to the route {route}" : "")
            + (rule.UnknownHosts ? ", plain links to unknown hosts too" : "");
    }

    private static string Time(TimeSpan time) => time.TotalSeconds >= 1
        ? string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds:0.##} s")
        : string.Create(CultureInfo.InvariantCulture, $"{time.TotalMilliseconds:0.##} ms");
}
