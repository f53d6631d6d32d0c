using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Gatehouse.Gateway.Chat;
using Gatehouse.Gateway.Conversation;

namespace Gatehouse.Gateway.Providers.OpenAi;

/// <summary>Writes <c>messages</c> of a request in the chat format.</summary>
internal static class OpenAiMessageWriter
{
    public static void Write(Utf8JsonWriter json, ChatRequest r, ProviderSettings p, List<string> dropped)
    {
        json.WriteStartArray("messages");
        foreach (var message in r.Messages)
        {
            foreach (var part in message.Parts)
            {
                if (part.CacheControl is not null)
                {
                    dropped.AddOnce("cache_control");
                }
            }

            switch (message.Role)
            {
                case ChatRole.System:
                    WriteSystem(json, message, dropped);
                    break;
                case ChatRole.Assistant:
                    WriteAssistant(json, message, p, dropped);
                    break;
                default:
                    WriteUser(json, message, p, dropped);
                    break;
            }
        }

        json.WriteEndArray();
    }

    private static void WriteSystem(Utf8JsonWriter json, ChatMessage message, List<string> dropped)
    {
        var text = string.Join("\n\n", message.Parts.OfType<TextPart>().Select(t => t.Text));
        if (message.Parts.Any(p => p is not TextPart))
        {
            dropped.AddOnce("system[] that is not text");
        }

        if (text.Length > 0)
        {
            json.WriteStartObject();
            json.WriteString("role", "system");
            json.WriteString("content", text);
            json.WriteEndObject();
        }
    }

    /// <summary>
    /// Tool results become messages of their own, first; images in them, which those messages cannot hold, follow in the user's.
    /// </summary>
    private static void WriteUser(Utf8JsonWriter json, ChatMessage message, ProviderSettings p, List<string> dropped)
    {
        var rest = new List<Part>();
        foreach (var part in message.Parts)
        {
            if (part is ToolResultPart result)
            {
                WriteToolResult(json, result, rest, p, dropped);
            }
        }

        rest.AddRange(message.Parts.Where(p => p is not ToolResultPart && CanWrite(p, dropped)));
        if (rest.Count > 0)
        {
            json.WriteStartObject();
            json.WriteString("role", "user");
            WriteContent(json, rest);
            json.WriteEndObject();
        }
    }

    private static void WriteToolResult(
        Utf8JsonWriter json, ToolResultPart result, List<Part> rest, ProviderSettings p, List<string> dropped)
    {
        var texts = new List<Part>();
        foreach (var part in result.Content)
        {
            if (part is TextPart)
            {
                texts.Add(part);
            }
            else if (CanWrite(part, dropped))
            {
                rest.Add(part);
            }
        }

        // The format has no mark for a failed tool; the model must still be told.
        if (result.IsError && texts is not [TextPart first, ..])
        {
            texts.Insert(0, new TextPart("Error"));
        }
        else if (result.IsError && texts[0] is TextPart text && !text.Text.StartsWith("error", StringComparison.OrdinalIgnoreCase))
        {
            texts[0] = new TextPart($"Error: {text.Text}");
        }

        json.WriteStartObject();
        json.WriteString("role", "tool");
        json.WriteString("tool_call_id", IdOf(result.CallId, p));
        if (texts.Count == 0)
        {
            json.WriteString("content", "");
        }
        else
        {
            WriteContent(json, texts);
        }

        json.WriteEndObject();
    }

    private static void WriteAssistant(Utf8JsonWriter json, ChatMessage message, ProviderSettings p, List<string> dropped)
    {
        var text = string.Concat(message.Parts.Select(part => part is TextPart t ? t.Text : (part as RefusalPart)?.Text));
        var calls = message.Parts.OfType<ToolCallPart>().ToList();
        foreach (var part in message.Parts)
        {
            if (part is OpaquePart opaque)
            {
                dropped.AddOnce($"messages[].content[].{opaque.Type}");
            }
            else if (part is ImagePart or FilePart)
            {
                dropped.AddOnce("messages[].content[].image of an assistant");
            }
        }

        json.WriteStartObject();
        json.WriteString("role", "assistant");
        json.WriteStringOrNull("content", text.Length > 0 || calls.Count == 0 ? text : null);
        WriteThinking(json, message, p, dropped);
        if (calls.Count > 0)
        {
            json.WriteStartArray("tool_calls");
            foreach (var call in calls)
            {
                json.WriteStartObject();
                json.WriteString("id", IdOf(call.Id, p));
                json.WriteString("type", "function");
                json.WriteStartObject("function");
                json.WriteString("name", call.Name);
                json.WriteString("arguments", call.Custom ? ToolArguments.Wrapped(call.Arguments) : call.Arguments);
                json.WriteEndObject();
                json.WriteEndObject();
            }

            json.WriteEndArray();
        }

        json.WriteEndObject();
    }

    /// <summary>Most servers refuse thinking in a request; these want it back in a turn that waits for tools.</summary>
    private static void WriteThinking(Utf8JsonWriter json, ChatMessage message, ProviderSettings p, List<string> dropped)
    {
        if (!message.Parts.Any(part => part is ThinkingPart or RedactedThinkingPart))
        {
            return;
        }

        if (p.Kind == "openrouter")
        {
            ChatReasoning.Write(json, message.Parts);
        }
        else if (p.Kind is "deepseek" or "moonshot" && !message.Parts.Any(part => part is RedactedThinkingPart))
        {
            json.WriteString("reasoning_content", string.Concat(message.Parts.OfType<ThinkingPart>().Select(t => t.Text)));
        }
        else
        {
            dropped.AddOnce("messages[].content[].thinking");
        }
    }

    private static bool CanWrite(Part part, List<string> dropped)
    {
        switch (part)
        {
            case ImagePart { Source.FileId: not null } or FilePart { Source.FileId: not null }:
                dropped.AddOnce("messages[].content[].source.file_id"); // an id in another provider's store
                return false;
            case FilePart { Source.Url: not null }:
                dropped.AddOnce("messages[].content[].source.url"); // the chat format takes files by value only
                return false;
            case TextPart or ImagePart or FilePart:
                return true;
            case OpaquePart opaque:
                dropped.AddOnce($"messages[].content[].{opaque.Type}");
                return false;
            default:
                dropped.AddOnce($"messages[].content[].{part.GetType().Name} of a user");
                return false;
        }
    }

    private static void WriteContent(Utf8JsonWriter json, List<Part> parts)
    {
        if (parts is [TextPart single])
        {
            json.WriteString("content", single.Text);
            return;
        }

        json.WriteStartArray("content");
        foreach (var part in parts)
        {
            json.WriteStartObject();
            switch (part)
            {
                case TextPart text:
                    json.WriteString("type", "text");
                    json.WriteString("text", text.Text);
                    break;
                case ImagePart image:
                    json.WriteString("type", "image_url");
                    json.WriteStartObject("image_url");
                    json.WriteString("url", UrlOf(image.Source));
                    if (image.Detail is { } detail)
                    {
                        json.WriteString("detail", detail);
                    }

                    json.WriteEndObject();
                    break;
                case FilePart file:
                    json.WriteString("type", "file");
                    json.WriteStartObject("file");
                    json.WriteString("filename", file.Name ?? "document.pdf");
                    json.WriteString("file_data", UrlOf(file.Source));
                    json.WriteEndObject();
                    break;
            }

            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    /// <summary>An id that the server would refuse is replaced by one that is made of it, the same wherever it stands.</summary>
    private static string IdOf(string given, ProviderSettings p)
    {
        var id = ThoughtId.Plain(given);
        return OpenAiQuirks.Of(p.Kind).ToolIdLength is not { } length || (id.Length == length && id.All(char.IsAsciiLetterOrDigit))
            ? id
            : Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(id)))[..length];
    }

    private static string UrlOf(Source source) => source.Url ?? $"data:{source.MediaType};base64,{source.Data}";
}
