using System.Buffers;
using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Conversation;
using Gatehouse.Gateway.Providers.Gemini;

namespace Gatehouse.Gateway.Generate;

/// <summary>Writes a <c>GenerateContentResponse</c>.</summary>
internal static class GenerateAnswerWriter
{
    public static void Write(ChatAnswer a, IBufferWriter<byte> to)
    {
        using var json = JsonOut.Begin(to);
        json.WriteStartObject();
        json.WriteStartArray("candidates");
        foreach (var choice in a.Choices)
        {
            WriteCandidate(json, choice.Index, choice.Parts, GeminiFinish.To(choice.Finish), choice.Logprobs);
        }

        json.WriteEndArray();
        WriteTail(json, a.Id, a.Model, a.Usage);
    }

    /// <param name="finish"><see langword="null"/> while the candidate goes on.</param>
    public static void WriteCandidate(
        Utf8JsonWriter json, int index, IReadOnlyList<Part> parts, string? finish, JsonElement? logprobs = null)
    {
        json.WriteStartObject();
        json.WriteStartObject("content");
        json.WriteStartArray("parts");
        foreach (var part in parts)
        {
            WritePart(json, part);
        }

        json.WriteEndArray();
        json.WriteString("role", "model");
        json.WriteEndObject();
        if (finish is not null)
        {
            json.WriteString("finishReason", finish);
        }

        json.WriteNumber("index", index);
        Logprobs.WriteGemini(json, logprobs);
        json.WriteEndObject();
    }

    /// <summary>Ends the open response object.</summary>
    public static void WriteTail(Utf8JsonWriter json, string id, string model, TokenUsage? usage)
    {
        if (usage is { } u)
        {
            json.WriteStartObject("usageMetadata");
            json.WriteNumber("promptTokenCount", u.TotalInput);
            if (u.CacheRead > 0)
            {
                json.WriteNumber("cachedContentTokenCount", u.CacheRead);
            }

            json.WriteNumber("candidatesTokenCount", u.TotalOutput - u.Reasoning);
            if (u.Reasoning > 0)
            {
                json.WriteNumber("thoughtsTokenCount", u.Reasoning);
            }

            json.WriteNumber("totalTokenCount", u.Total);
            json.WriteEndObject();
        }

        json.WriteString("modelVersion", model);
        json.WriteString("responseId", id.Length > 0 ? id : Guid.CreateVersion7().ToString("N"));
        json.WriteEndObject();
        json.Flush();
    }

    private static void WritePart(Utf8JsonWriter json, Part part)
    {
        if (part is not (TextPart or RefusalPart or ThinkingPart or RedactedThinkingPart or ToolCallPart))
        {
            return; // what ran at a provider of another format
        }

        json.WriteStartObject();
        switch (part)
        {
            case TextPart text:
                json.WriteString("text", text.Text);
                break;
            case RefusalPart refusal:
                json.WriteString("text", refusal.Text);
                break;
            case ThinkingPart thinking:
                json.WriteString("text", thinking.Text);
                json.WriteBoolean("thought", true);
                if (thinking.Signature.Length > 0)
                {
                    json.WriteString("thoughtSignature", ForeignThought.Seal(thinking));
                }

                break;
            case RedactedThinkingPart redacted:
                json.WriteString("text", "");
                json.WriteBoolean("thought", true);
                json.WriteString("thoughtSignature", ForeignThought.Seal(redacted));
                break;
            case ToolCallPart call:
                json.WriteStartObject("functionCall");
                json.WriteString("id", call.Id);
                json.WriteString("name", call.Name);
                json.WritePropertyName("args");
                ToolArguments.WriteAsObject(json, call);
                json.WriteEndObject();
                break;
        }

        json.WriteEndObject();
    }
}
