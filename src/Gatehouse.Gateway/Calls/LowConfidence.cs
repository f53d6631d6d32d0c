using System.Text;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Conversation;
using Gatehouse.Gateway.Providers;
using Gatehouse.Gateway.Providers.OpenAi;
using Gatehouse.Gateway.Resilience;
using Gatehouse.Guardrails.Grounding;
using RefusalPhrases = Gatehouse.Guardrails.Content.Refusals;

namespace Gatehouse.Gateway.Calls;

/// <summary>
/// A scorer's verdict over a whole answer, on routes that fall back on low confidence. Cheap scorers first; a judge is a call of its own.
/// </summary>
internal sealed class LowConfidence(Lazy<Judge> judge)
{
    public const string Code = "low_confidence";

    /// <param name="whole">The provider's answer.</param>
    /// <returns>Why the next target should be asked, or <see langword="null"/>.</returns>
    public async ValueTask<AttemptFailure?> DoubtAsync(Call call, Attempt attempt, ReadOnlyMemory<byte> whole)
    {
        if (RequestOf(call) is not { } request || AnswerOf(attempt, whole.Span) is not { } answer)
        {
            return null;
        }

        var rule = call.Route.Confidence;
        if (rule.Refusals && (answer.IsRefused || RefusalPhrases.Find(answer.Text).Length > 0))
        {
            return Doubt(attempt, "it refuses.");
        }

        if (answer.IsRefused)
        {
            return null;
        }

        if (rule.Grounding is { } least && GroundingCheck.Check(answer.Text, Passages(request)).Confidence < least)
        {
            return Doubt(attempt, "the texts of the request carry too little of it.");
        }

        return rule.Judge is { } route
            && await VerdictAsync(call, attempt, judge.Value.AskAsync(call, route, request, answer.Text)) < rule.Verdict
            ? Doubt(attempt, $"the judge '{route}' thinks little of it.")
            : null;
    }

    /// <summary>Of two attempts at the same time neither counts the time of the call.</summary>
    private static ValueTask<double?> VerdictAsync(Call call, Attempt attempt, ValueTask<double?> asked) =>
        attempt.Contender is null ? call.WaitAsync(asked) : asked;

    /// <summary>Texts that an answer may rest on: what the model said before is none.</summary>
    internal static List<string> Passages(ChatRequest request)
    {
        var passages = new List<string>();
        foreach (var message in request.Messages)
        {
            if (message.Role != ChatRole.Assistant)
            {
                Add(message.Parts, passages);
            }
        }

        return passages;
    }

    private static void Add(IReadOnlyList<Part> parts, List<string> to)
    {
        foreach (var part in parts)
        {
            if (part is TextPart text)
            {
                to.Add(text.Text);
            }
            else if (part is ToolResultPart result)
            {
                Add(result.Content, to);
            }
        }
    }

    private static AttemptFailure Doubt(Attempt attempt, string why) => new(
        NextStep.NextTarget, new Problem(Code, 502, $"{attempt.Settings.Name}/{attempt.Model} gave an answer of low confidence: {why}"));

    private static ChatRequest? RequestOf(Call call)
    {
        try
        {
            return call.Surface.HasConversation ? call.Request : null;
        }
        catch (ProblemException)
        {
            return null; // in words that we do not read
        }
    }

    /// <returns><see langword="null"/> when it asks for tools or says nothing: nothing to judge.</returns>
    private static (string Text, bool IsRefused)? AnswerOf(Attempt attempt, ReadOnlySpan<byte> whole)
    {
        if (attempt.Wire == WireFormat.Responses)
        {
            return ResponsesAnswerText.Read(whole) is { } said && (said.Text.Length > 0 || said.IsRefused)
                ? (said.Text, said.IsRefused)
                : null;
        }

        var (text, refused) = (new StringBuilder(), false);
        foreach (var choice in ProviderWire.Of(attempt.Wire).ReadAnswer(whole, attempt.Model).Choices)
        {
            foreach (var part in choice.Parts)
            {
                if (part is ToolCallPart or OpaquePart)
                {
                    return null;
                }

                refused |= part is RefusalPart;
                text.Append((part as TextPart)?.Text);
            }
        }

        return text.Length > 0 || refused ? (text.ToString(), refused) : null;
    }
}
