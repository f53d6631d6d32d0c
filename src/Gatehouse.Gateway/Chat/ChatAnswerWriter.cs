using System.Buffers;
using System.Text.Json;
using Gatehouse.Gateway.Conversation;
using Gatehouse.Gateway.Providers.OpenAi;

namespace Gatehouse.Gateway.Chat;

/// <summary>Writes a <c>chat.completion</c>.</summary>
internal static class ChatAnswerWriter
{
    /// <param name="request">What was asked: says which tools are custom ones, and whether the client speaks the older form of
    /// tools.</param>
    public static void Write(ChatAnswer a, IBufferWriter<byte> to, ChatRequest? request = null)
    {
        using var json = JsonOut.Begin(to);
        json.WriteStartObject();
        json.WriteString("id", a.Id.Length > 0 ? a.Id : $"chatcmpl-{Guid.CreateVersion7():N}");
        json.WriteString("object", "chat.completion");
        json.WriteNumber("created", a.Created > 0 ? a.Created : TimeProvider.System.GetUtcNow().ToUnixTimeSeconds());
        json.WriteString("model", a.Model);
        json.WriteStartArray("choices");
        foreach (var choice in a.Choices)
        {
            WriteChoice(json, choice, request);
        }

        json.WriteEndArray();
        if (a.Usage is { } usage)
        {
            json.WritePropertyName("usage");
            OpenAiUsage.Write(json, usage);
        }

        if (TierOf(a.ServiceTier) is { } tier)
        {
            json.WriteString("service_tier", tier);
        }

        if (a.SystemFingerprint is { } fingerprint)
        {
            json.WriteString("system_fingerprint", fingerprint);
        }

        json.WriteEndObject();
    }

    /// <summary>The other format's word for the tier that served the call, in ours.</summary>
    private static string? TierOf(string? tier) => tier == "standard" ? "default" : tier;

    private static void WriteChoice(Utf8JsonWriter json, ChatChoice choice, ChatRequest? request)
    {
        json.WriteStartObject();
        json.WriteNumber("index", choice.Index);
        json.WriteStartObject("message");
        json.WriteString("role", "assistant");
        var text = string.Concat(choice.Parts.OfType<TextPart>().Select(p => p.Text));
        var refusal = string.Concat(choice.Parts.OfType<RefusalPart>().Select(p => p.Text));
        var calls = choice.Parts.OfType<ToolCallPart>().ToList();
        json.WriteStringOrNull("content", text.Length > 0 || (calls.Count == 0 && refusal.Length == 0) ? text : null);
        json.WriteStringOrNull("refusal", refusal.Length > 0 ? refusal : null);
        ChatReasoning.Write(json, choice.Parts);
        var legacy = request is { LegacyFunctions: true };
        if (legacy && calls is [var first, ..])
        {
            json.WritePropertyName("function_call");
            WriteFunction(json, first);
        }
        else if (calls.Count > 0)
        {
            json.WriteStartArray("tool_calls");
            foreach (var call in calls)
            {
                WriteCall(json, call, request);
            }

            json.WriteEndArray();
        }

        json.WriteEndObject();
        if (choice.Logprobs is { } logprobs)
        {
            json.WriteRaw("logprobs", logprobs);
        }
        else
        {
            json.WriteNull("logprobs");
        }

        json.WriteString("finish_reason", FinishOf(choice.Finish, legacy));
        json.WriteEndObject();
    }

    public static string FinishOf(FinishReason reason, bool legacy) =>
        legacy && reason == FinishReason.ToolCalls ? "function_call" : StopReasons.ToOpenAi(reason);

    private static void WriteCall(Utf8JsonWriter json, ToolCallPart call, ChatRequest? request)
    {
        json.WriteStartObject();
        json.WriteString("id", call.Id);
        if (call.Custom || request?.IsCustomTool(call.Name) == true)
        {
            json.WriteString("type", "custom");
            json.WriteStartObject("custom");
            json.WriteString("name", call.Name);
            json.WriteString("input", call.Custom ? call.Arguments : ToolArguments.CustomText(call.Arguments));
            json.WriteEndObject();
        }
        else
        {
            json.WriteString("type", "function");
            json.WritePropertyName("function");
            WriteFunction(json, call);
        }

        json.WriteEndObject();
    }

    private static void WriteFunction(Utf8JsonWriter json, ToolCallPart call)
    {
        json.WriteStartObject();
        json.WriteString("name", call.Name);
        json.WriteString("arguments", call.Arguments);
        json.WriteEndObject();
    }
}
