using System.Text.Json;
using Gatehouse.Gateway.Conversation;

namespace Gatehouse.Gateway.Chat;

/// <summary>
/// Thinking in the chat format, which has no word of its own for it: readable text in <c>reasoning_content</c>, and beside it
/// <c>reasoning_details</c>, which a client hands back untouched so that signatures survive the turn.
/// </summary>
internal static class ChatReasoning
{
    private const string TextType = "reasoning.text";
    private const string EncryptedType = "reasoning.encrypted";
    private const string Format = "anthropic-claude-v1";

    /// <summary>Reads both fields of a message or an answer; details win, since they hold the text as well.</summary>
    public static void Read(JsonElement message, List<Part> into)
    {
        var before = into.Count;
        foreach (var detail in WireJson.Items(message, "reasoning_details"))
        {
            if (WireJson.StringOrNull(detail, "type") == EncryptedType)
            {
                if (WireJson.StringOrNull(detail, "data") is { Length: > 0 } data)
                {
                    into.Add(new RedactedThinkingPart(data));
                }
            }
            else if ((WireJson.StringOrNull(detail, "text") ?? WireJson.StringOrNull(detail, "summary")) is { } text)
            {
                into.Add(new ThinkingPart(text, SignatureOf(detail)));
            }
        }

        if (into.Count == before
            && (WireJson.StringOrNull(message, "reasoning_content")
                ?? WireJson.StringOrNull(message, "reasoning")) is { Length: > 0 } plain)
        {
            into.Add(new ThinkingPart(plain, ""));
        }
    }

    /// <summary>Writes both fields into an open message object, if there is thinking at all.</summary>
    public static void Write(Utf8JsonWriter json, IReadOnlyList<Part> parts)
    {
        var text = string.Concat(parts.OfType<ThinkingPart>().Select(p => p.Text));
        if (text.Length > 0)
        {
            json.WriteString("reasoning_content", text);
        }

        if (!parts.Any(p => p is RedactedThinkingPart or ThinkingPart { Signature.Length: > 0 }))
        {
            return;
        }

        json.WriteStartArray("reasoning_details");
        var index = 0;
        foreach (var part in parts)
        {
            if (part is ThinkingPart or RedactedThinkingPart)
            {
                WriteDetail(json, part, index++);
            }
        }

        json.WriteEndArray();
    }

    public static void WriteDetail(Utf8JsonWriter json, Part part, int index)
    {
        json.WriteStartObject();
        if (part is RedactedThinkingPart redacted)
        {
            json.WriteString("type", EncryptedType);
            json.WriteString("data", redacted.Data);
        }
        else if (part is ThinkingPart thinking)
        {
            json.WriteString("type", TextType);
            json.WriteString("text", thinking.Text);
            json.WriteString("signature", thinking.Signature);
        }

        json.WriteString("format", Format);
        json.WriteNumber("index", index);
        json.WriteEndObject();
    }

    /// <summary>Another maker's signature is no signature to the provider that would check it.</summary>
    private static string SignatureOf(JsonElement detail) =>
        (WireJson.StringOrNull(detail, "format") ?? Format) == Format ? WireJson.StringOrEmpty(detail, "signature") : "";
}
