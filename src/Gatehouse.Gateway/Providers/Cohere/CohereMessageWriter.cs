using System.Buffers;
using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Conversation;

namespace Gatehouse.Gateway.Providers.Cohere;

/// <summary>Writes <c>messages</c>.</summary>
internal static class CohereMessageWriter
{
    public static void Write(Utf8JsonWriter json, ChatRequest r, string? instruction, List<string> dropped)
    {
        json.WriteStartArray("messages");
        foreach (var message in r.Messages)
        {
            if (message.Parts.Any(p => p.CacheControl is not null))
            {
                dropped.AddOnce("cache_control");
            }

            switch (message.Role)
            {
                case ChatRole.System:
                    WriteSystem(json, string.Join("\n\n", message.Parts.OfType<TextPart>().Select(t => t.Text)));
                    break;
                case ChatRole.Assistant:
                    WriteAssistant(json, message, r, dropped);
                    break;
                default:
                    WriteUser(json, message, r, dropped);
                    break;
            }
        }

        if (instruction is not null)
        {
            WriteSystem(json, instruction);
        }

        json.WriteEndArray();
    }

    private static void WriteSystem(Utf8JsonWriter json, string text)
    {
        if (text.Length > 0)
        {
            json.WriteStartObject();
            json.WriteString("role", "system");
            json.WriteString("content", text);
            json.WriteEndObject();
        }
    }

    /// <summary>Beside calls, what the model said is the plan that led to them.</summary>
    private static void WriteAssistant(Utf8JsonWriter json, ChatMessage message, ChatRequest r, List<string> dropped)
    {
        var text = string.Concat(message.Parts.Select(p => p is TextPart t ? t.Text : (p as RefusalPart)?.Text));
        var thinking = string.Concat(message.Parts.OfType<ThinkingPart>().Select(t => t.Text));
        var calls = message.Parts.OfType<ToolCallPart>().ToList();
        if (message.Parts.Any(p => p is RedactedThinkingPart or ThinkingPart { Signature.Length: > 0 }))
        {
            // another maker's
            dropped.AddOnce(r.NameOf("messages[].reasoning_content", "messages[].content[].thinking", "contents[].parts[].thought"));
            thinking = "";
        }

        foreach (var opaque in message.Parts.OfType<OpaquePart>())
        {
            dropped.AddOnce($"messages[].content[].{opaque.Type}");
        }

        json.WriteStartObject();
        json.WriteString("role", "assistant");
        if (calls.Count == 0)
        {
            json.WriteString("content", text);
        }
        else
        {
            if ((thinking + text).Length > 0)
            {
                json.WriteString("tool_plan", thinking + text);
            }

            json.WriteStartArray("tool_calls");
            foreach (var call in calls)
            {
                json.WriteStartObject();
                json.WriteString("id", ThoughtId.Plain(call.Id));
                json.WriteString("type", "function");
                json.WriteStartObject("function");
                json.WriteString("name", call.Name);
                json.WriteString("arguments", ArgumentsOf(call));
                json.WriteEndObject();
                json.WriteEndObject();
            }

            json.WriteEndArray();
        }

        json.WriteEndObject();
    }

    /// <summary>An object, as text.</summary>
    private static ReadOnlySpan<byte> ArgumentsOf(ToolCallPart call)
    {
        var to = new ArrayBufferWriter<byte>();
        using (var json = JsonOut.Begin(to))
        {
            ToolArguments.WriteAsObject(json, call);
        }

        return to.WrittenSpan;
    }

    /// <summary>Tool results become messages of their own, first; images in them follow in the user's.</summary>
    private static void WriteUser(Utf8JsonWriter json, ChatMessage message, ChatRequest r, List<string> dropped)
    {
        var rest = new List<Part>();
        foreach (var result in message.Parts.OfType<ToolResultPart>())
        {
            var text = string.Join('\n', result.Content.OfType<TextPart>().Select(t => t.Text));
            rest.AddRange(result.Content.Where(p => p is not TextPart && CanWrite(p, r, dropped)));
            json.WriteStartObject();
            json.WriteString("role", "tool");
            json.WriteString("tool_call_id", ThoughtId.Plain(result.CallId));
            json.WriteString(
                "content", result.IsError && !text.StartsWith("error", StringComparison.OrdinalIgnoreCase) ? $"Error: {text}" : text);
            json.WriteEndObject();
        }

        rest.AddRange(message.Parts.Where(p => p is not ToolResultPart && CanWrite(p, r, dropped)));
        if (rest.Count == 0)
        {
            return;
        }

        json.WriteStartObject();
        json.WriteString("role", "user");
        if (rest is [TextPart single])
        {
            json.WriteString("content", single.Text);
        }
        else
        {
            json.WriteStartArray("content");
            foreach (var part in rest)
            {
                WritePart(json, part);
            }

            json.WriteEndArray();
        }

        json.WriteEndObject();
    }

    private static bool CanWrite(Part part, ChatRequest r, List<string> dropped)
    {
        switch (part)
        {
            case TextPart:
                return true;
            case ImagePart { Source.FileId: not null } or FilePart { Source.FileId: not null }:
                dropped.AddOnce(
                    r.NameOf("messages[].content[].file.file_id", "messages[].content[].source.file_id", "contents[].parts[].fileData"));
                return false;
            case ImagePart:
                return true;
            case FilePart { Source.MediaType: { } type } when type.StartsWith("image/", StringComparison.OrdinalIgnoreCase):
                return true;
            case FilePart:
                throw new ProblemException(new Problem("unsupported_content", 400, "Cohere does not take files: send their text."));
            case OpaquePart opaque:
                dropped.AddOnce($"messages[].content[].{opaque.Type}");
                return false;
            default:
                dropped.AddOnce($"messages[].content[].{part.GetType().Name} of a user");
                return false;
        }
    }

    private static void WritePart(Utf8JsonWriter json, Part part)
    {
        json.WriteStartObject();
        if (part is TextPart text)
        {
            json.WriteString("type", "text");
            json.WriteString("text", text.Text);
        }
        else
        {
            var source = part is ImagePart image ? image.Source : ((FilePart)part).Source;
            json.WriteString("type", "image_url");
            json.WriteStartObject("image_url");
            json.WriteString("url", source.Url ?? $"data:{source.MediaType};base64,{source.Data}");
            if (part is ImagePart { Detail: { } detail })
            {
                json.WriteString("detail", detail);
            }

            json.WriteEndObject();
        }

        json.WriteEndObject();
    }
}
