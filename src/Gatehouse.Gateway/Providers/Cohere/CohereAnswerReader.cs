using System.Text.Json;
using Gatehouse.Gateway.Conversation;

namespace Gatehouse.Gateway.Providers.Cohere;

/// <summary>Reads an answer of <c>chat</c>, which does not name its model.</summary>
internal static class CohereAnswerReader
{
    /// <exception cref="FormatException">Not such an answer, or one that says the model failed.</exception>
    public static ChatAnswer Read(ReadOnlySpan<byte> body, string model)
    {
        var root = WireJson.ParseAnswer(body);
        if (!WireJson.TryGet(root, "message", out var message) || message.ValueKind != JsonValueKind.Object)
        {
            throw new FormatException("The provider's answer has no message.");
        }

        var answer = new ChatAnswer { Id = WireJson.StringOrEmpty(root, "id"), Model = model, Usage = CohereUsage.Read(root) };
        var choice = new ChatChoice { Finish = CohereStops.From(WireJson.StringOrNull(root, "finish_reason")) };
        if (WireJson.StringOrNull(message, "tool_plan") is { Length: > 0 } plan)
        {
            choice.Parts.Add(new ThinkingPart(plan, ""));
        }

        foreach (var block in WireJson.Items(message, "content"))
        {
            if (WireJson.StringOrNull(block, "thinking") is { Length: > 0 } thinking)
            {
                choice.Parts.Add(new ThinkingPart(thinking, ""));
            }
            else if (WireJson.StringOrNull(block, "text") is { Length: > 0 } text)
            {
                choice.Parts.Add(new TextPart(text));
            }
        }

        foreach (var call in WireJson.Items(message, "tool_calls"))
        {
            var function = WireJson.TryGet(call, "function", out var found) ? found : default;
            choice.Parts.Add(new ToolCallPart(
                WireJson.StringOrEmpty(call, "id"), WireJson.StringOrEmpty(function, "name"),
                WireJson.StringOrEmpty(function, "arguments")));
        }

        answer.Choices.Add(choice);
        return answer;
    }
}
