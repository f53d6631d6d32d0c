using System.Buffers;
using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Conversation;
using Gatehouse.Gateway.Providers.Anthropic;

namespace Gatehouse.Gateway.Messages;

/// <summary>Writes a <c>message</c>. The format has one choice: the first.</summary>
internal static class MessagesAnswerWriter
{
    public static void Write(ChatAnswer a, ChatRequest request, IBufferWriter<byte> to)
    {
        using var json = JsonOut.Begin(to);
        var choice = a.Choices.Count > 0 ? a.Choices[0] : new ChatChoice();
        json.WriteStartObject();
        json.WriteString("id", a.Id.Length > 0 ? a.Id : $"msg_{Guid.CreateVersion7():N}");
        json.WriteString("type", "message");
        json.WriteString("role", "assistant");
        json.WriteString("model", a.Model);
        json.WriteStartArray("content");
        foreach (var part in choice.Parts)
        {
            WriteBlock(json, part);
        }

        json.WriteEndArray();
        json.WriteString("stop_reason", StopReasons.ToAnthropic(choice.Finish));
        json.WriteStringOrNull("stop_sequence", choice.StopSequence);
        json.WritePropertyName("usage");
        AnthropicUsage.Write(json, a.Usage ?? Estimate(choice, request)); // the SDKs require the object
        json.WriteEndObject();
    }

    /// <summary>The model itself calls the tool; the official SDKs require the field.</summary>
    public static void WriteDirectCaller(Utf8JsonWriter json)
    {
        json.WriteStartObject("caller");
        json.WriteString("type", "direct");
        json.WriteEndObject();
    }

    /// <summary>
    /// Clients plan by these numbers, so a provider that reports none must not make them zero. For clients only, never for the ledger.
    /// </summary>
    private static TokenUsage Estimate(ChatChoice choice, ChatRequest request)
    {
        long characters = 0;
        foreach (var part in choice.Parts)
        {
            characters += part.TextLength;
        }

        return new TokenUsage(request.EstimateInputTokens(), 0, 0, 0, ChatRequest.EstimateTokens(characters), 0);
    }

    private static void WriteBlock(Utf8JsonWriter json, Part part)
    {
        if (part is OpaquePart opaque)
        {
            json.WriteRaw(opaque.Json);
            return;
        }

        if (part is not (TextPart or RefusalPart or ToolCallPart or ThinkingPart or RedactedThinkingPart))
        {
            return;
        }

        json.WriteStartObject();
        switch (part)
        {
            case TextPart text:
                json.WriteString("type", "text");
                json.WriteString("text", text.Text);
                break;
            case RefusalPart refusal:
                json.WriteString("type", "text");
                json.WriteString("text", refusal.Text);
                break;
            case ToolCallPart call:
                json.WriteString("type", "tool_use");
                json.WriteString("id", call.Id);
                json.WriteString("name", call.Name);
                json.WritePropertyName("input");
                ToolArguments.WriteAsObject(json, call);
                WriteDirectCaller(json);
                break;
            case ThinkingPart thinking:
                json.WriteString("type", "thinking");
                json.WriteString("thinking", thinking.Text);
                json.WriteString("signature", thinking.Signature);
                break;
            case RedactedThinkingPart redacted:
                json.WriteString("type", "redacted_thinking");
                json.WriteString("data", redacted.Data);
                break;
        }

        json.WriteEndObject();
    }
}
