using System.Runtime.CompilerServices;
using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Calls;
using Gatehouse.Gateway.Conversation;
using Gatehouse.Gateway.Resilience;
using Gatehouse.Gateway.Streaming;
using Gatehouse.Guardrails;
using Gatehouse.Guardrails.Policies;
using Gatehouse.Guardrails.Schema;

namespace Gatehouse.Gateway.Guarding;

/// <summary>
/// Rules about form: an answer follows the schema that its request, or the rule, asks for, and a tool's arguments follow the tool's. What
/// is nearly JSON is repaired when it follows the schema then; else the model is asked again, with what is wrong; else the rule's action
/// bites.
/// </summary>
internal static class SchemaRules
{
    private const int MaxErrors = 5;
    private const int MaxErrorChars = 200;

    private static readonly JsonSchema AnyObject = JsonSchema.Parse("""{"type":"object"}""");

    /// <summary>A rule's own schema, read once for the life of its policy.</summary>
    private static readonly ConditionalWeakTable<AnswerCheck, JsonSchema> Own = [];

    /// <returns>The attempt's end: the model is asked again, or the client is told.</returns>
    public static AttemptFailure? Check(GuardRule rule, JudgedAnswer answer)
    {
        var wrong = new List<Wrong>();
        if (rule.Sides.Contains(DetectionSide.Output) && !answer.CallsTools && !answer.Refuses && SchemaOf(rule, answer) is { } schema)
        {
            foreach (var text in answer.Answers)
            {
                CheckText(rule, answer, text, schema, null, wrong);
            }
        }

        if (rule.Sides.Contains(DetectionSide.ToolCall) && answer.CallsTools && answer.Request is { } request)
        {
            CheckCalls(rule, answer, request, wrong);
        }

        if (wrong.Count == 0)
        {
            return null;
        }

        var call = answer.Call;
        var guard = call.Guard!;
        var isAskedAgain = rule.Bites && guard.Corrections < rule.AnswerCheck.Retries && !call.ContentIsSent && Correct(call, wrong);
        var effective = isAskedAgain ? rule with { Action = GuardAction.Flag } : answer.Effective(rule);
        foreach (var one in wrong)
        {
            guard.Session.Apply(one.About, one.Text, [new RuleFinding(effective, new Finding(
                DetectorKind.Content, "content.schema", FindingTypes.InvalidSchema, 0, Math.Max(1, one.Text.Length), 1))]);
        }

        if (isAskedAgain)
        {
            guard.Corrections++;
            return new AttemptFailure(NextStep.Retry, new Problem(
                Confidence.Invalid, 502,
                $"{answer.Attempt.Settings.Name}/{answer.Attempt.Model} broke a schema, and was asked again.")) { IsCorrected = true };
        }

        return guard.Session.IsBlocked && ReferenceEquals(guard.Session.BlockedBy, effective) ? Refusal(rule, answer, wrong) : null;
    }

    private static void CheckCalls(GuardRule rule, JudgedAnswer answer, ChatRequest request, List<Wrong> wrong)
    {
        foreach (var passage in answer.Passages)
        {
            if (passage is { Tool: { } tool, About.IsJson: true } && SchemaOf(request, tool) is { } schema)
            {
                CheckText(rule, answer, [passage], schema, tool, wrong);
            }
        }

        foreach (var (name, arguments) in answer.WholeCalls)
        {
            if (SchemaOf(request, name) is { } schema && Errors(schema, arguments) is { } errors)
            {
                wrong.Add(new Wrong(new GuardedText(DetectionSide.ToolCall, IsJson: true), arguments, name, errors));
            }
        }
    }

    private static void CheckText(
        GuardRule rule, JudgedAnswer answer, List<Passage> passages, JsonSchema schema, string? tool, List<Wrong> wrong)
    {
        var text = answer.TextOf(passages);
        if (Errors(schema, text) is not { } errors)
        {
            return;
        }

        if (rule is { AnswerCheck.Repair: true, Bites: true } && !answer.Call.ContentIsSent
            && JsonRepair.TryRepair(text) is { } repaired && Errors(schema, repaired) is null)
        {
            for (var i = 0; i < passages.Count; i++)
            {
                answer.Changed[passages[i].About.Part] = i == 0 ? repaired : "";
            }

            return;
        }

        wrong.Add(new Wrong(passages[0].About, text, tool, errors));
    }

    /// <returns><see langword="null"/> when the text follows the schema.</returns>
    private static string? Errors(JsonSchema schema, string text)
    {
        try
        {
            using var document = JsonDocument.Parse(text);
            var errors = schema.Validate(document.RootElement);
            return errors.Count == 0 || errors.Any(e => e.Keyword == "$ref") // it goes round in circles
                ? null
                : string.Join("; ", errors.Take(MaxErrors).Select(Shown));
        }
        catch (JsonException)
        {
            return "it is not JSON";
        }

        static string Shown(SchemaError error)
        {
            var text = $"{(error.Path.Length == 0 ? "the value" : error.Path)}: {error.Message.TrimEnd('.')}";
            return text.Length <= MaxErrorChars ? text : text[..MaxErrorChars];
        }
    }

    /// <summary>A schema that cannot be read, which is the caller's, judges nothing.</summary>
    private static JsonSchema? SchemaOf(GuardRule rule, JudgedAnswer answer) =>
        rule.AnswerCheck.Schema is { } own ? Own.GetValue(rule.AnswerCheck, _ => JsonSchema.Parse(own))
        : answer.Request?.ResponseFormat is not { } format ? null
        : format.Schema is { } asked ? Parsed(asked)
        : AnyObject;

    private static JsonSchema? SchemaOf(ChatRequest request, string tool) =>
        request.Tools.Find(t => t.Kind == ToolKind.Function && t.Name == tool)?.Schema is { } schema ? Parsed(schema) : null;

    private static JsonSchema? Parsed(JsonElement schema)
    {
        try
        {
            return JsonSchema.Parse(schema.GetRawText());
        }
        catch (FormatException)
        {
            return null;
        }
    }

    /// <summary>Adds the answer and what is wrong with it to the request.</summary>
    private static bool Correct(Call call, List<Wrong> wrong)
    {
        var said = string.Join("\n\n", wrong.Select(w => w.Tool is null ? w.Text : $"I called the tool '{w.Tool}' with: {w.Text}"));
        var asked = string.Join('\n', wrong.Select(w => w.Tool is null
            ? $"Your answer does not follow the JSON Schema that was asked for: {w.Errors}. Answer again with JSON that does, and nothing else."
            : $"The arguments of the tool '{w.Tool}' do not follow its JSON Schema: {w.Errors}. Call it again with arguments that do."));
        using var rewritten = new PooledBuffer(call.Body.Length + said.Length + asked.Length + 256);
        if (!RequestEdits.AppendTurns(call.Body.Span, call.Surface.Wire, said.Length == 0 ? "(nothing)" : said, asked, rewritten))
        {
            return false;
        }

        JsonTextEdits.Replace(call.Body, rewritten);
        call.Rewritten();
        return true;
    }

    private static AttemptFailure Refusal(GuardRule rule, JudgedAnswer answer, List<Wrong> wrong)
    {
        var what = wrong[0].Tool is { } tool ? $"The arguments of the tool '{tool}' do" : "The answer does";
        var tried = answer.Call.Guard!.Corrections > 0 ? ", although the model was asked again" : "";
        return new AttemptFailure(NextStep.PassOn, new Problem(
            Confidence.Invalid, 502, $"{what} not follow the JSON Schema{tried}: {wrong[0].Errors}."))
        {
            IsLasting = true,
            RecordedMessage = $"Blocked by the rule '{rule.Name}' of the policy '{answer.Call.Guard.Session.Policy.Name}'.",
        };
    }

    private sealed record Wrong(GuardedText About, string Text, string? Tool, string Errors);
}
