using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Conversation;
using Gatehouse.Gateway.Providers;
using Gatehouse.Gateway.Providers.OpenAi;
using Gatehouse.Gateway.Resilience;
using Gatehouse.Gateway.Routing;
using Gatehouse.Guardrails.Schema;

namespace Gatehouse.Gateway.Calls;

/// <summary>Whether a complete answer is worth giving while another target is left. Asked only on routes that say so.</summary>
internal static class Confidence
{
    public const string Filtered = "content_filter";
    public const string Invalid = "invalid_schema";

    /// <param name="whole">The provider's answer; empty when it was a stream.</param>
    /// <returns>Why the next target should be asked, or <see langword="null"/>.</returns>
    public static AttemptFailure? Doubt(Call call, Attempt attempt, ReadOnlySpan<byte> whole)
    {
        if (!attempt.HasSuccessor)
        {
            return null;
        }

        var causes = call.Route.FallbackOn;
        if (causes.HasFlag(FallbackCauses.ContentFilter) && attempt.Tap.FinishReason == Filtered)
        {
            return new AttemptFailure(NextStep.NextTarget, new Problem(
                Filtered, 502, $"{attempt.Settings.Name}/{attempt.Model} cut its answer by its content filter."));
        }

        return causes.HasFlag(FallbackCauses.InvalidSchema) && !whole.IsEmpty && BreaksSchema(call, attempt, whole)
            ? new AttemptFailure(NextStep.NextTarget, new Problem(
                Invalid, 502, $"{attempt.Settings.Name}/{attempt.Model} gave an answer that breaks the schema that was asked for."))
            : null;
    }

    private static bool BreaksSchema(Call call, Attempt attempt, ReadOnlySpan<byte> whole)
    {
        if (SchemaOf(call) is not { } asked)
        {
            return false;
        }

        if (attempt.Wire == WireFormat.Responses)
        {
            return ResponsesAnswerText.Read(whole) is { IsWhole: true, IsRefused: false } said && !Follows(asked, said.Text);
        }

        foreach (var choice in ProviderWire.Of(attempt.Wire).ReadAnswer(whole, attempt.Model).Choices)
        {
            var text = "";
            var judged = choice.Finish == FinishReason.Stop;
            foreach (var part in choice.Parts)
            {
                judged &= part is TextPart or ThinkingPart or RedactedThinkingPart; // a refusal or a tool call is no answer to judge
                text += (part as TextPart)?.Text;
            }

            if (judged && !Follows(asked, text))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>A schema that cannot be judged, which is the caller's, judges nothing.</summary>
    internal static bool Follows(JsonElement schema, string text)
    {
        try
        {
            using var document = JsonDocument.Parse(text);
            var errors = JsonSchema.Parse(schema.GetRawText()).Validate(document.RootElement);
            return errors.Count == 0 || errors.Any(e => e.Keyword == "$ref"); // it goes round in circles
        }
        catch (JsonException)
        {
            return false;
        }
        catch (FormatException)
        {
            return true;
        }
    }

    private static JsonElement? SchemaOf(Call call)
    {
        if (!call.Surface.HasConversation)
        {
            return null;
        }

        try
        {
            return call.Request.ResponseFormat?.Schema;
        }
        catch (ProblemException)
        {
            return null; // in words that we do not read
        }
    }
}
