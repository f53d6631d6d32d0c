using System.Text.Json;
using Gatehouse.Gateway.Conversation;

namespace Gatehouse.Gateway.Providers.Bedrock;

/// <summary>Reads a <c>ConverseResponse</c>, which names neither itself nor its model.</summary>
internal static class BedrockAnswerReader
{
    /// <exception cref="FormatException">Not such an answer, or one that says the model failed.</exception>
    public static ChatAnswer Read(ReadOnlySpan<byte> body, string model)
    {
        var root = WireJson.ParseAnswer(body);
        if (!WireJson.TryGet(root, "output", out var output) || !WireJson.TryGet(output, "message", out var message))
        {
            throw new FormatException("The provider's answer has no output.");
        }

        var answer = new ChatAnswer
        {
            Model = model,
            ServiceTier = WireJson.TryGet(root, "serviceTier", out var tier) ? WireJson.StringOrNull(tier, "type") : null,
        };
        if (WireJson.TryGet(root, "usage", out var usage) && usage.ValueKind == JsonValueKind.Object)
        {
            answer.Usage = BedrockUsage.Read(usage);
        }

        var choice = new ChatChoice { Finish = BedrockStops.From(WireJson.StringOrNull(root, "stopReason")) };
        foreach (var block in WireJson.Items(message, "content"))
        {
            if (ReadBlock(block) is { } part)
            {
                choice.Parts.Add(part);
            }
        }

        answer.Choices.Add(choice);
        return answer;
    }

    /// <returns><see langword="null"/> for blocks that say nothing to other formats.</returns>
    private static Part? ReadBlock(JsonElement block)
    {
        if (WireJson.StringOrNull(block, "text") is { } text)
        {
            return text.Length > 0 ? new TextPart(text) : null;
        }

        if (WireJson.TryGet(block, "toolUse", out var call))
        {
            return new ToolCallPart(
                WireJson.StringOrEmpty(call, "toolUseId"),
                WireJson.StringOrEmpty(call, "name"),
                WireJson.TryGet(call, "input", out var input) ? WireJson.RawText(input) : "{}");
        }

        if (WireJson.TryGet(block, "reasoningContent", out var reasoning))
        {
            return WireJson.TryGet(reasoning, "reasoningText", out var thought)
                ? new ThinkingPart(WireJson.StringOrEmpty(thought, "text"), WireJson.StringOrEmpty(thought, "signature"))
                : new RedactedThinkingPart(WireJson.StringOrEmpty(reasoning, "redactedContent"));
        }

        if (WireJson.TryGet(block, "citationsContent", out var cited))
        {
            return new TextPart(string.Concat(WireJson.Items(cited, "content").Select(c => WireJson.StringOrEmpty(c, "text"))));
        }

        // Neither of the other formats has a place for pictures in an answer: as Markdown they reach the reader.
        return WireJson.TryGet(block, "image", out var image) && WireJson.TryGet(image, "source", out var source)
            && WireJson.StringOrNull(source, "bytes") is { } bytes
            ? new TextPart($"![image](data:image/{WireJson.StringOrEmpty(image, "format")};base64,{bytes})")
            : null;
    }
}
