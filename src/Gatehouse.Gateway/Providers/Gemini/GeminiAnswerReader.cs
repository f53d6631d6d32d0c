using System.Text.Json;
using Gatehouse.Gateway.Conversation;

namespace Gatehouse.Gateway.Providers.Gemini;

/// <summary>Reads a <c>GenerateContentResponse</c>.</summary>
internal static class GeminiAnswerReader
{
    /// <exception cref="FormatException">Not such an answer, or one that says the model failed.</exception>
    public static ChatAnswer Read(ReadOnlySpan<byte> body)
    {
        var root = WireJson.ParseAnswer(body);
        var answer =
            new ChatAnswer { Id = WireJson.StringOrEmpty(root, "responseId"), Model = WireJson.StringOrEmpty(root, "modelVersion") };
        if (WireJson.TryGet(root, "usageMetadata", out var usage) && usage.ValueKind == JsonValueKind.Object)
        {
            answer.Usage = GeminiUsage.Read(usage);
        }

        foreach (var candidate in WireJson.Items(root, "candidates"))
        {
            answer.Choices.Add(ReadCandidate(candidate));
        }

        if (answer.Choices.Count == 0)
        {
            answer.Choices.Add(IsBlocked(root)
                ? new ChatChoice { Finish = FinishReason.Refusal }
                : throw new FormatException("The provider's answer has no candidates."));
        }

        return answer;
    }

    /// <summary>Whether the provider would not even look at the prompt.</summary>
    public static bool IsBlocked(JsonElement root) =>
        WireJson.TryGet(root, "promptFeedback", out var feedback) && WireJson.StringOrNull(feedback, "blockReason") is not null;

    public static IEnumerable<JsonElement> PartsOf(JsonElement candidate) =>
        WireJson.TryGet(candidate, "content", out var content) ? WireJson.Items(content, "parts") : [];

    /// <returns><see langword="null"/> for parts that say nothing to other formats: a signature alone, code that ran at the
    /// provider.</returns>
    public static Part? ReadPart(JsonElement part)
    {
        if (WireJson.TryGet(part, "functionCall", out var call) && call.ValueKind == JsonValueKind.Object)
        {
            var id = WireJson.StringOrNull(call, "id") is { Length: > 0 } own ? own : $"call_{Guid.CreateVersion7():N}";
            return new ToolCallPart(
                ThoughtId.Join(id, WireJson.StringOrEmpty(part, "thoughtSignature")),
                WireJson.StringOrEmpty(call, "name"),
                WireJson.TryGet(call, "args", out var args) ? WireJson.RawText(args) : "{}");
        }

        if (WireJson.StringOrNull(part, "text") is { Length: > 0 } text)
        {
            return WireJson.TryGet(part, "thought", out var thought) && thought.ValueKind == JsonValueKind.True
                ? new ThinkingPart(text, "")
                : new TextPart(text);
        }

        // Neither of the other formats has a place for pictures in an answer: as Markdown they reach the reader.
        return WireJson.TryGet(part, "inlineData", out var data) && WireJson.StringOrNull(data, "data") is { } bytes
            ? new TextPart($"![image](data:{WireJson.StringOrEmpty(data, "mimeType")};base64,{bytes})")
            : null;
    }

    private static ChatChoice ReadCandidate(JsonElement candidate)
    {
        var choice = new ChatChoice { Index = WireJson.IndexOrZero(candidate, "index"), Logprobs = Logprobs.FromGemini(candidate) };
        foreach (var json in PartsOf(candidate))
        {
            switch (ReadPart(json))
            {
                case null:
                    break;
                case ThinkingPart more when choice.Parts is [.., ThinkingPart last]:
                    choice.Parts[^1] = last with { Text = last.Text + more.Text };
                    break;
                case { } part:
                    choice.Parts.Add(part);
                    break;
            }
        }

        choice.Finish = GeminiFinish.From(
            WireJson.StringOrNull(candidate, "finishReason") ?? "STOP", choice.Parts.Any(p => p is ToolCallPart));
        return choice;
    }
}
