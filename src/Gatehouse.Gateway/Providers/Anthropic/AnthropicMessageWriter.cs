using System.Text;
using System.Text.Json;
using Gatehouse.Gateway.Conversation;

namespace Gatehouse.Gateway.Providers.Anthropic;

/// <summary>Writes <c>system</c> and <c>messages</c> of a request to Anthropic.</summary>
internal static class AnthropicMessageWriter
{
    /// <summary>Joins all instructions, wherever they stood: the format has one place for them, ahead of the messages.</summary>
    public static void WriteSystem(Utf8JsonWriter json, ChatRequest r, string? instruction, List<string> dropped)
    {
        var texts = OnlySystem(r) ? [] : SystemTexts(r, dropped);
        if (instruction is not null)
        {
            texts.Add(new TextPart(instruction));
        }

        if (texts is [{ CacheControl: null } single])
        {
            json.WriteString("system", single.Text);
        }
        else if (texts.Count > 0)
        {
            json.WriteStartArray("system");
            foreach (var text in texts)
            {
                WriteText(json, text);
            }

            json.WriteEndArray();
        }
    }

    /// <summary>
    /// Turns of one speaker in a row become one message, tool results first in theirs: results must directly follow the turn that
    /// asked for them, in one message, ahead of any text.
    /// </summary>
    public static void WriteMessages(Utf8JsonWriter json, ChatRequest r, List<string> dropped)
    {
        json.WriteStartArray("messages");
        if (OnlySystem(r))
        {
            WriteMessage(json, "user", [.. SystemTexts(r, dropped)]); // at least one message is required
        }

        var parts = new List<Part>();
        var role = ChatRole.System;
        foreach (var message in r.Messages)
        {
            if (message.Role == ChatRole.System)
            {
                continue;
            }

            var next = message.Role == ChatRole.Assistant ? ChatRole.Assistant : ChatRole.User;
            if (next != role)
            {
                Flush(json, role, parts);
                role = next;
            }

            foreach (var part in message.Parts)
            {
                if (CanWrite(part, dropped))
                {
                    parts.Add(part);
                }
            }
        }

        Flush(json, role, parts);
        json.WriteEndArray();
    }

    private static bool OnlySystem(ChatRequest r) => r.Messages.All(m => m.Role == ChatRole.System);

    private static List<TextPart> SystemTexts(ChatRequest r, List<string> dropped)
    {
        var texts = new List<TextPart>();
        foreach (var message in r.Messages)
        {
            foreach (var part in message.Role == ChatRole.System ? message.Parts : [])
            {
                if (part is TextPart text)
                {
                    if (text.Text.Length > 0)
                    {
                        texts.Add(text);
                    }
                }
                else
                {
                    dropped.AddOnce("messages[].content[] of a system message that is not text");
                }
            }
        }

        return texts;
    }

    private static void Flush(Utf8JsonWriter json, ChatRole role, List<Part> parts)
    {
        if (parts.Count > 0)
        {
            WriteMessage(
                json,
                role == ChatRole.Assistant ? "assistant" : "user",
                [.. parts.Where(p => p is ToolResultPart), .. parts.Where(p => p is not ToolResultPart)]);
        }

        parts.Clear();
    }

    private static void WriteMessage(Utf8JsonWriter json, string role, List<Part> parts)
    {
        json.WriteStartObject();
        json.WriteString("role", role);
        WriteContent(json, parts);
        json.WriteEndObject();
    }

    private static void WriteContent(Utf8JsonWriter json, List<Part> parts)
    {
        if (parts is [TextPart { CacheControl: null } single])
        {
            json.WriteString("content", single.Text);
            return;
        }

        json.WriteStartArray("content");
        foreach (var part in parts)
        {
            WriteBlock(json, part);
        }

        json.WriteEndArray();
    }

    private static bool CanWrite(Part part, List<string> dropped)
    {
        switch (part)
        {
            case TextPart { Text.Length: 0 } or RefusalPart { Text.Length: 0 }:
                return false; // empty blocks are refused, and say nothing
            case ThinkingPart { Signature.Length: 0 }:
                dropped.AddOnce("messages[].reasoning_content"); // the provider takes back only what it signed
                return false;
            case ImagePart { Source.FileId: not null } or FilePart { Source.FileId: not null }:
                dropped.AddOnce("messages[].content[].file.file_id"); // an id in another provider's store
                return false;
            case OpaquePart opaque:
                dropped.AddOnce($"messages[].content[].{opaque.Type}");
                return false;
            case ToolResultPart result:
                foreach (var inner in result.Content)
                {
                    CanWrite(inner, dropped);
                }

                return true;
            default:
                return true;
        }
    }

    private static void WriteBlock(Utf8JsonWriter json, Part part)
    {
        switch (part)
        {
            case TextPart text:
                WriteText(json, text);
                return;
            case RefusalPart refusal:
                WriteText(json, new TextPart(refusal.Text));
                return;
        }

        json.WriteStartObject();
        switch (part)
        {
            case ImagePart image:
                json.WriteString("type", "image");
                WriteSource(json, image.Source);
                break;
            case FilePart file:
                WriteFile(json, file);
                break;
            case ToolCallPart call:
                json.WriteString("type", "tool_use");
                json.WriteString("id", ToolId(call.Id));
                json.WriteString("name", call.Name);
                json.WritePropertyName("input");
                ToolArguments.WriteAsObject(json, call);
                break;
            case ToolResultPart result:
                json.WriteString("type", "tool_result");
                json.WriteString("tool_use_id", ToolId(result.CallId));
                var content = result.Content.Where(c => CanWrite(c, [])).ToList();
                if (content.Count > 0)
                {
                    WriteContent(json, content);
                }

                if (result.IsError)
                {
                    json.WriteBoolean("is_error", true);
                }

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

        WriteCacheControl(json, part);
        json.WriteEndObject();
    }

    private static void WriteText(Utf8JsonWriter json, TextPart text)
    {
        json.WriteStartObject();
        json.WriteString("type", "text");
        json.WriteString("text", text.Text);
        WriteCacheControl(json, text);
        json.WriteEndObject();
    }

    private static void WriteFile(Utf8JsonWriter json, FilePart file)
    {
        var type = file.Source.MediaType ?? "";
        if (type.StartsWith("image/", StringComparison.OrdinalIgnoreCase))
        {
            json.WriteString("type", "image");
            WriteSource(json, file.Source);
            return;
        }

        json.WriteString("type", "document");
        if (type.StartsWith("text/", StringComparison.OrdinalIgnoreCase) && TryDecode(file.Source.Data, out var text))
        {
            json.WriteStartObject("source");
            json.WriteString("type", "text");
            json.WriteString("media_type", "text/plain");
            json.WriteString("data", text);
            json.WriteEndObject();
        }
        else
        {
            WriteSource(json, file.Source);
        }

        if (file.Name is { } name)
        {
            json.WriteString("title", name);
        }
    }

    private static bool TryDecode(string? base64, out string text)
    {
        var bytes = new byte[((base64?.Length ?? 0) * 3 / 4) + 3];
        var decoded = Convert.TryFromBase64String(base64 ?? "", bytes, out var length);
        text = decoded ? Encoding.UTF8.GetString(bytes, 0, length) : "";
        return decoded;
    }

    private static void WriteSource(Utf8JsonWriter json, Source source)
    {
        json.WriteStartObject("source");
        if (source.Url is { } url)
        {
            json.WriteString("type", "url");
            json.WriteString("url", url);
        }
        else
        {
            json.WriteString("type", "base64");
            json.WriteString("media_type", source.MediaType);
            json.WriteString("data", source.Data);
        }

        json.WriteEndObject();
    }

    private static void WriteCacheControl(Utf8JsonWriter json, Part part)
    {
        if (part.CacheControl is { } control)
        {
            json.WriteRaw("cache_control", control);
        }
    }

    /// <summary>The format allows letters, digits, hyphen and underscore; ids of other providers may hold more.</summary>
    public static string ToolId(string given)
    {
        var id = ThoughtId.Plain(given);
        return string.Create(id.Length, id, static (to, from) =>
        {
            for (var i = 0; i < to.Length; i++)
            {
                to[i] = char.IsAsciiLetterOrDigit(from[i]) || from[i] is '-' or '_' ? from[i] : '_';
            }
        });
    }
}
