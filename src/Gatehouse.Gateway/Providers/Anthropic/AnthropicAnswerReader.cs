using System.Text.Json;
using Gatehouse.Gateway.Conversation;

namespace Gatehouse.Gateway.Providers.Anthropic;

/// <summary>Reads a <c>message</c>.</summary>
internal static class AnthropicAnswerReader
{
    /// <exception cref="FormatException">Not a message.</exception>
    public static ChatAnswer Read(ReadOnlySpan<byte> body)
    {
        var root = WireJson.ParseAnswer(body);
        if (!WireJson.TryGet(root, "content", out var content) || content.ValueKind != JsonValueKind.Array)
        {
            throw new FormatException("The provider's answer has no content.");
        }

        var answer = new ChatAnswer { Id = WireJson.StringOrEmpty(root, "id"), Model = WireJson.StringOrEmpty(root, "model") };
        if (WireJson.TryGet(root, "usage", out var json))
        {
            var usage = default(AnthropicUsage);
            usage.Read(json);
            answer.Usage = usage.Total;
            answer.ServiceTier = WireJson.StringOrNull(json, "service_tier");
        }

        var choice = new ChatChoice
        {
            Finish = StopReasons.FromAnthropic(WireJson.StringOrNull(root, "stop_reason")),
            StopSequence = WireJson.StringOrNull(root, "stop_sequence"),
        };
        foreach (var block in content.EnumerateArray())
        {
            choice.Parts.Add(ReadBlock(block));
        }

        answer.Choices.Add(choice);
        return answer;
    }

    private static Part ReadBlock(JsonElement block)
    {
        var type = WireJson.StringOrEmpty(block, "type");
        return type switch
        {
            "text" => new TextPart(WireJson.StringOrEmpty(block, "text")),
            "tool_use" => new ToolCallPart(
                WireJson.StringOrEmpty(block, "id"),
                WireJson.StringOrEmpty(block, "name"),
                WireJson.TryGet(block, "input", out var input) ? WireJson.RawText(input) : "{}"),
            "thinking" => new ThinkingPart(WireJson.StringOrEmpty(block, "thinking"), WireJson.StringOrEmpty(block, "signature")),
            "redacted_thinking" => new RedactedThinkingPart(WireJson.StringOrEmpty(block, "data")),
            _ => new OpaquePart(type, block),
        };
    }
}
