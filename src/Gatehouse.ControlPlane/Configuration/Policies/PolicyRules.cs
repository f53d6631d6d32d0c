using Gatehouse.Gateway.Guarding.PlugIns;
using Gatehouse.Gateway.Outbound;
using Gatehouse.Guardrails;
using Gatehouse.Guardrails.Anonymising;
using Gatehouse.Guardrails.Content;
using Gatehouse.Guardrails.Policies;
using Gatehouse.Guardrails.Schema;

namespace Gatehouse.Configuration;

/// <summary>One rule of a policy file: what is written becomes what the gateway goes by, and is checked on the way.</summary>
internal static class PolicyRules
{
    private static readonly DetectionSide[] Everywhere = Enum.GetValues<DetectionSide>();

    private delegate void AddError(string key, string message, string? mend);

    /// <param name="number">Its place in the policy, for a rule without a name.</param>
    /// <param name="dead">Gets entries that would never bite.</param>
    public static GuardRule Of(
        PolicyFileOptions policy, PolicyRuleOptions rule, int number, string file, Sources sources, References references,
        List<ConfigurationError> errors, List<ConfigurationError> dead)
    {
        var sides = new List<DetectionSide>();
        foreach (var word in rule.Sides)
        {
            if (Array.Find(Everywhere, s => GuardLog.NameOf(s) == word) is var side && GuardLog.NameOf(side) == word)
            {
                sides.Add(side);
            }
            else
            {
                Add("sides", $"'{word}' is no side of a call.", $"Allowed: {string.Join(", ", Everywhere.Select(GuardLog.NameOf))}.");
            }
        }

        var allowed = SidesOf(rule.Detect);
        if (sides.Find(s => !allowed.Contains(s)) is var wrong && sides.Exists(s => !allowed.Contains(s)))
        {
            Add("sides", $"'{GuardLog.NameOf(rule.Detect)}' does not look at '{GuardLog.NameOf(wrong)}'.",
                $"Allowed: {string.Join(", ", allowed.Select(GuardLog.NameOf))}.");
        }

        if (rule.Action == GuardAction.Route ? rule.Route is null : rule.Route is not null && rule.Action != GuardAction.Fallback)
        {
            Add("action", rule.Route is null ? "'route' needs the name of a route." : "'route' is for the actions 'route' and 'fallback' only.",
                "For example 'action: route' with 'route: local'.");
        }

        if (rule.Escalate is not null && rule.Action != GuardAction.Escalate)
        {
            Add("escalate", "'escalate' is for the action 'escalate' only.", "Write 'action: escalate'.");
        }

        if (rule.Action is GuardAction.Route or GuardAction.Pseudonymise
            && sides.Exists(s => s is DetectionSide.Output or DetectionSide.ToolCall))
        {
            Add("action", $"'{GuardLog.NameOf(rule.Action)}' is for requests; an answer has been given already.",
                "Use it on input, tool_result and retrieved.");
        }

        if (rule.Detect is GuardDetector.Injection or GuardDetector.Language or GuardDetector.Length or GuardDetector.Refusal
                or GuardDetector.Schema or GuardDetector.Grounding or GuardDetector.Confidence or GuardDetector.Model
            && rule.Action is GuardAction.Redact or GuardAction.Pseudonymise)
        {
            Add("action", $"'{GuardLog.NameOf(rule.Detect)}' is about a text as a whole: nothing in it can be replaced.",
                "Use flag, route, escalate or block.");
        }

        if (rule.Replace == Anonymisation.Pseudonym)
        {
            Add("replace", "Pseudonyms are an action of their own.", "Write 'action: pseudonymise'.");
        }

        if (rule.Restore != PseudonymReturn.Everywhere && rule.Action != GuardAction.Pseudonymise)
        {
            Add("restore", "'restore' is for the action 'pseudonymise' only.", "Write 'action: pseudonymise'; 'redact' replaces for good.");
        }

        CheckWords(policy, rule, AddDead);
        CheckDetector(rule, Add);
        CheckSettings(rule, Add);
        CheckAction(rule, Add);
        var usual = rule.Detect is GuardDetector.Model or GuardDetector.Webhook ? [DetectionSide.Input, DetectionSide.Output] : allowed;
        var bound = rule.Action is GuardAction.Route or GuardAction.Pseudonymise
            ? usual.Where(s => s is not (DetectionSide.Output or DetectionSide.ToolCall)).ToArray()
            : rule.Action == GuardAction.Fallback ? usual.Where(s => s is DetectionSide.Output or DetectionSide.ToolCall).ToArray()
            : usual;
        return new GuardRule(rule.Name ?? $"{GuardLog.NameOf(rule.Detect)}-{number}", rule.Detect, rule.Action)
        {
            Sides = sides.Count > 0 ? sides : bound,
            Types = rule.Types,
            MinScore = (float)rule.MinScore,
            Replacement = rule.Replace,
            Return = rule.Restore,
            Shadow = rule.Shadow || policy.Shadow,
            Route = rule.Route,
            Escalation = rule.Escalate is { } how ? new Escalation(how.Mode, how.Timeout, how.OnTimeout) : Escalation.Default,
            PlugIn = rule.Model is { } model ? Shared(model, Of(model, Add))
                : rule.Webhook is { } webhook ? Shared(webhook, Of(webhook, sources, Add)) : null,
            AnswerCheck = AnswerCheckOf(rule, file, references, Add),
            Terms = rule.Terms,
            Harmless = rule.Harmless,
            Languages = rule.Languages,
            MaxCharacters = rule.MaxCharacters,
            UnknownHosts = rule.UnknownHosts,
            Messages = rule.Messages,
        };

        void Add(string key, string message, string? mend) => AddTo(errors, key, message, mend);

        void AddDead(string key, string message, string? mend) => AddTo(dead, key, message, mend);

        void AddTo(List<ConfigurationError> to, string key, string message, string? mend)
        {
            var place = sources.Of(rule, key);
            to.Add(new(file, place.Line, place.Column, message, mend));
        }
    }

    private static void CheckWords(PolicyFileOptions policy, PolicyRuleOptions rule, AddError add)
    {
        if (KnownTypes.Of(rule.Detect) is { } types)
        {
            var known = rule.Detect == GuardDetector.Pii ? [.. types, .. policy.Recognisers.Select(r => r.Type)] : types;
            foreach (var unknown in rule.Types.Where(t => !known.Contains(t)))
            {
                add("types", rule.Detect == GuardDetector.Harm ? $"'{unknown}' is no category of harm."
                        : $"'{unknown}' is no type of what '{GuardLog.NameOf(rule.Detect)}' finds.",
                    Nearest.To(unknown, known) is { } nearest ? $"Did you mean '{nearest}'?" : $"Allowed: {string.Join(", ", known)}.");
            }
        }

        foreach (var code in rule.Languages.Where(l => !Languages.Codes.Contains(l)))
        {
            add("languages", $"'{code}' is no language that is told from others.", $"Allowed: {string.Join(", ", Languages.Codes)}.");
        }
    }

    private static void CheckDetector(PolicyRuleOptions rule, AddError add)
    {
        if (rule.Detect is GuardDetector.Terms or GuardDetector.Competitors or GuardDetector.Markers && rule.Terms.Count == 0)
        {
            add("detect", $"'{GuardLog.NameOf(rule.Detect)}' needs words to look for.", "For example 'terms: [ rival corp ]'.");
        }

        if (rule.Detect == GuardDetector.Language && rule.Languages.Count == 0)
        {
            add("detect", "'language' needs the languages that are allowed.", "For example 'languages: [ en, de ]'.");
        }
    }

    /// <summary>Where a detector makes sense.</summary>
    private static DetectionSide[] SidesOf(GuardDetector detector) => detector switch
    {
        GuardDetector.Injection => [DetectionSide.Input, DetectionSide.ToolResult, DetectionSide.Retrieved],
        GuardDetector.Links => [DetectionSide.Output, DetectionSide.ToolCall],
        GuardDetector.Refusal or GuardDetector.PromptLeak or GuardDetector.Grounding or GuardDetector.Confidence => [DetectionSide.Output],
        GuardDetector.Schema or GuardDetector.Canary => [DetectionSide.Output, DetectionSide.ToolCall],
        GuardDetector.Harm or GuardDetector.Language or GuardDetector.Length => [DetectionSide.Input, DetectionSide.Output],
        _ => Everywhere,
    };

    private static void CheckSettings(PolicyRuleOptions rule, AddError add)
    {
        if (rule.Detect == GuardDetector.Model != rule.Model is not null)
        {
            add("detect", rule.Model is null ? "'model' needs the settings of the model." : "'model' is for 'detect: model' only.",
                "For example 'model: { route: llama-guard, shape: llama_guard }'.");
        }

        if (rule.Detect == GuardDetector.Webhook != rule.Webhook is not null)
        {
            add("detect", rule.Webhook is null ? "'webhook' needs the settings of the webhook." : "'webhook' is for 'detect: webhook' only.",
                "For example 'webhook: { url: https://dlp.example.com/check, secret: \"${DLP_SECRET}\" }'.");
        }

        if (rule.Samples > 0 && rule.SampleRoute is null)
        {
            add("samples", "'samples' needs a route that gives them.", "For example 'sample_route: small'.");
        }
    }

    private static AnswerCheck AnswerCheckOf(PolicyRuleOptions rule, string file, References references, AddError add) => new()
    {
        Schema = rule.Schema is { } schema ? Read(schema, file, references, add) : null,
        Repair = rule.Repair,
        Retries = rule.Retries,
        Least = (float)rule.Least,
        Context = rule.Context,
        Samples = rule.Samples,
        SampleRoute = rule.SampleRoute ?? "",
        Judge = rule.Judge,
    };

    private static void CheckAction(PolicyRuleOptions rule, AddError add)
    {
        var judgesAnswers = rule.Detect is GuardDetector.Schema or GuardDetector.Grounding or GuardDetector.Confidence;
        var isLate = judgesAnswers || rule.Detect is GuardDetector.Model or GuardDetector.Webhook;
        if (rule.Action == GuardAction.Fallback && !isLate)
        {
            add("action", $"'{GuardLog.NameOf(rule.Detect)}' looks at pieces of an answer, which another answer cannot take back.",
                "'fallback' is for schema, grounding, confidence, model and webhook.");
        }

        if ((isLate && rule.Action == GuardAction.Pseudonymise) || (judgesAnswers && rule.Action == GuardAction.Route))
        {
            add("action", $"'{GuardLog.NameOf(rule.Action)}' is no action of '{GuardLog.NameOf(rule.Detect)}'.",
                judgesAnswers ? "Use flag, fallback or block." : "Use flag, redact, route, fallback or block.");
        }
    }

    private static PlugIn Shared(PolicyPlugInOptions options, PlugIn plugIn) => plugIn with
    {
        Timeout = options.Timeout,
        MaxConcurrent = options.MaxConcurrent,
        FailClosed = options.FailClosed,
        MaxCharacters = options.MaxCharacters,
        OnlyNew = options.OnlyNew,
    };

    private static PlugIn Of(PolicyModelOptions model, AddError add)
    {
        if (model.Shape == PolicyModelShape.Judge && model.Instructions.Length == 0)
        {
            add("model", "A judge needs 'instructions': what to look for.", "For example 'instructions: Questions about salaries.'.");
        }

        return new PlugIn(model.Shape switch
        {
            PolicyModelShape.Moderation => PlugInShape.Moderation,
            PolicyModelShape.LlamaGuard => PlugInShape.LlamaGuard,
            _ => PlugInShape.Judge,
        })
        {
            Route = model.Route,
            Instructions = model.Instructions,
        };
    }

    private static PlugIn Of(PolicyWebhookOptions webhook, Sources sources, AddError add)
    {
        if (webhook.Url is { } url
            && (url.Scheme is not ("http" or "https") || url.UserInfo.Length > 0 || OutboundRule.IsNeverAllowed(url)))
        {
            add("webhook", "'webhook.url' must be an http or https address, without a name and password, that may be asked.",
                "For example 'url: https://dlp.example.com/check'.");
        }

        if (webhook.Secret.Length > 0 && sources.Raw(webhook, "secret") is { } raw && References.Mask(raw) != raw)
        {
            add("webhook", "'webhook.secret' must be a reference: policies are shown to people.", "For example 'secret: ${DLP_SECRET}'.");
        }
        else if (webhook.Secret.Length > 0 && !WebhookSignature.IsUsable(webhook.Secret))
        {
            add("webhook", "'webhook.secret' must have 16 bytes or more, behind 'whsec_' in Base64.", "'openssl rand -base64 32' makes one.");
        }

        return new PlugIn(PlugInShape.Webhook)
        {
            Url = webhook.Url,
            Secret = webhook.Secret,
            AllowPrivate = webhook.AllowPrivate,
        };
    }

    private static string? Read(string schema, string file, References references, AddError add)
    {
        try
        {
            var text = schema;
            if (!schema.TrimStart().StartsWith('{'))
            {
                if (!references.ReadsFiles)
                {
                    add("schema", "Files are not read here.", "Write the JSON Schema itself: schema: '{\"type\": \"object\"}'.");
                    return null;
                }

                var path = Path.GetFullPath(schema, Path.GetDirectoryName(Path.GetFullPath(file))!);
                references.Files.Add(path);
                text = File.ReadAllText(path);
            }

            JsonSchema.Parse(text);
            return text;
        }
        catch (FormatException e)
        {
            add("schema", $"The JSON Schema cannot be used: {e.Message}", null);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            add("schema", "The file of the JSON Schema cannot be read.", "A relative path starts at the folder of the policy.");
        }

        return null;
    }
}
