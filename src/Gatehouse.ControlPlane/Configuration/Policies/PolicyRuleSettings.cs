using Gatehouse.Gateway.Guarding.PlugIns;
using Gatehouse.Gateway.Outbound;
using Gatehouse.Guardrails.Policies;
using Gatehouse.Guardrails.Schema;

namespace Gatehouse.Configuration;

/// <summary>The settings of rules that ask somebody else, or judge complete answers: read and checked.</summary>
internal static class PolicyRuleSettings
{
    public delegate void AddError(string key, string message, string? mend);

    public static (PlugIn? PlugIn, AnswerCheck Check) Of(
        PolicyRuleOptions rule, string file, Sources sources, References references, AddError add)
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

        CheckAction(rule, add);
        if (rule.Samples > 0 && rule.SampleRoute is null)
        {
            add("samples", "'samples' needs a route that gives them.", "For example 'sample_route: small'.");
        }

        return (
            rule.Model is { } model ? Shared(model, Of(model, add))
                : rule.Webhook is { } webhook ? Shared(webhook, Of(webhook, sources, add)) : null,
            new AnswerCheck
            {
                Schema = rule.Schema is { } schema ? Read(schema, file, references, add) : null,
                Repair = rule.Repair,
                Retries = rule.Retries,
                Least = (float)rule.Least,
                Context = rule.Context,
                Samples = rule.Samples,
                SampleRoute = rule.SampleRoute ?? "",
                Judge = rule.Judge,
            });
    }

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
