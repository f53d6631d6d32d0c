using System.Text.Json;
using Gatehouse.Gateway.Chat;
using Gatehouse.Gateway.Conversation;

namespace Gatehouse.Gateway.Providers.OpenAi;

/// <summary>Reads a <c>chat.completion</c>.</summary>
internal static class OpenAiAnswerReader
{
    /// <exception cref="FormatException">Not a chat completion.</exception>
    public static ChatAnswer Read(ReadOnlySpan<byte> body)
    {
        var root = WireJson.ParseAnswer(body);
        var answer = new ChatAnswer
        {
            Id = WireJson.StringOrEmpty(root, "id"),
            Model = WireJson.StringOrEmpty(root, "model"),
            Created = WireJson.LongOrZero(root, "created"),
            ServiceTier = WireJson.StringOrNull(root, "service_tier"),
            SystemFingerprint = WireJson.StringOrNull(root, "system_fingerprint"),
            Usage = WireJson.TryGet(root, "usage", out var usage) ? OpenAiUsage.Read(usage) : null,
        };
        foreach (var choice in WireJson.Items(root, "choices"))
        {
            answer.Choices.Add(ReadChoice(choice));
        }

        return answer.Choices.Count > 0 ? answer : throw new FormatException("The provider's answer has no choices.");
    }

    /// <summary>The text of <c>content</c>, which a few servers send as an array of parts.</summary>
    public static string ContentText(JsonElement content) => content.ValueKind == JsonValueKind.Array
        ? string.Concat(content.EnumerateArray().Select(part => WireJson.StringOrEmpty(part, "text")))
        : WireJson.TextOrNull(content) ?? "";

    private static ChatChoice ReadChoice(JsonElement json)
    {
        var choice = new ChatChoice
        {
            Index = WireJson.IndexOrZero(json, "index"),
            Finish = StopReasons.FromOpenAi(WireJson.StringOrNull(json, "finish_reason")),
            Logprobs = WireJson.TryGet(json, "logprobs", out var logprobs) ? logprobs : null,
        };
        if (!WireJson.TryGet(json, "message", out var message))
        {
            throw new FormatException("A choice of the provider's answer has no message.");
        }

        ChatReasoning.Read(message, choice.Parts);
        if (WireJson.TryGet(message, "content", out var content) && ContentText(content) is { Length: > 0 } text)
        {
            choice.Parts.Add(new TextPart(text));
        }

        if (WireJson.StringOrNull(message, "refusal") is { Length: > 0 } refusal)
        {
            choice.Parts.Add(new RefusalPart(refusal));
            choice.Finish = FinishReason.Refusal;
        }

        if (WireJson.TryGet(message, "function_call", out var function))
        {
            choice.Parts.Add(ReadFunction(function, "call_0"));
        }

        var i = 0;
        foreach (var call in WireJson.Items(message, "tool_calls"))
        {
            var id = WireJson.StringOrNull(call, "id") is { Length: > 0 } given ? given : $"call_{i}";
            choice.Parts.Add(WireJson.TryGet(call, "custom", out var custom)
                ? new ToolCallPart(id, WireJson.StringOrEmpty(custom, "name"), WireJson.StringOrEmpty(custom, "input"), Custom: true)
                : ReadFunction(WireJson.TryGet(call, "function", out var f) ? f : default, id));
            i++;
        }

        // Several servers say "stop" when they call tools; clients of the other format wait for the right word.
        if (choice.Finish == FinishReason.Stop && choice.Parts.Any(p => p is ToolCallPart))
        {
            choice.Finish = FinishReason.ToolCalls;
        }

        return choice;
    }

    private static ToolCallPart ReadFunction(JsonElement function, string id) =>
        new(id, WireJson.StringOrEmpty(function, "name"), ArgumentsOf(function));

    /// <summary>Arguments are text; a few servers send the object itself.</summary>
    public static string ArgumentsOf(JsonElement function) =>
        WireJson.TryGet(function, "arguments", out var arguments) && arguments.ValueKind == JsonValueKind.Object
            ? WireJson.RawText(arguments)
            : WireJson.StringOrEmpty(function, "arguments");
}
