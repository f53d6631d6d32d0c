using System.Text.Json;
using Gatehouse.Gateway.Conversation;

namespace Gatehouse.Gateway.Providers.Gemini;

/// <summary>Writes <c>systemInstruction</c> and <c>contents</c>.</summary>
internal static class GeminiContentWriter
{
    /// <summary>
    /// Google's word for "this call was made by another model": without it, newer models refuse a call that they did not sign.
    /// </summary>
    private const string ForeignSignature = "skip_thought_signature_validator";

    public static void Write(Utf8JsonWriter json, ChatRequest r, GeminiModel model, string? instruction, List<string> dropped)
    {
        var system = new List<Part>();
        foreach (var message in r.Messages)
        {
            foreach (var part in message.Role == ChatRole.System ? message.Parts : [])
            {
                if (part is not TextPart)
                {
                    dropped.AddOnce("messages[].content[] of a system message that is not text");
                }
                else if (CanWrite(part, r, dropped))
                {
                    system.Add(part);
                }
            }
        }

        if (instruction is not null)
        {
            system.Add(new TextPart(instruction));
        }

        var only = r.Messages.All(m => m.Role == ChatRole.System);
        if (system.Count > 0 && !only)
        {
            json.WritePropertyName("systemInstruction");
            WriteContent(json, null, system, default, []);
        }

        json.WriteStartArray("contents");
        if (only)
        {
            WriteContent(json, "user", system, default, []); // at least one turn is required
        }

        WriteTurns(json, r, model, dropped);
        json.WriteEndArray();
    }

    /// <summary>
    /// Turns of one speaker in a row become one. The results of tools are a turn of their own, all together and directly behind the calls.
    /// </summary>
    private static void WriteTurns(Utf8JsonWriter json, ChatRequest r, GeminiModel model, List<string> dropped)
    {
        var names = new Dictionary<string, string>();
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
                Flush();
                role = next;
            }

            foreach (var part in message.Parts)
            {
                if (part is ToolCallPart call)
                {
                    names[ThoughtId.Plain(call.Id)] = call.Name;
                }

                if (CanWrite(part, r, dropped))
                {
                    parts.Add(part);
                }
            }
        }

        Flush();

        void Flush()
        {
            List<Part> results = [.. parts.Where(p => p is ToolResultPart)];
            List<Part> rest = [.. parts.Where(p => p is not ToolResultPart)];
            foreach (var result in results)
            {
                rest.InsertRange(0, ((ToolResultPart)result).Content.Where(p => p is not TextPart && CanWrite(p, r, dropped)));
            }

            if (results.Count > 0)
            {
                WriteContent(json, "user", results, model, names);
            }

            if (rest.Count > 0)
            {
                WriteContent(json, role == ChatRole.Assistant ? "model" : "user", rest, model, names);
            }

            parts.Clear();
        }
    }

    private static bool CanWrite(Part part, ChatRequest r, List<string> dropped)
    {
        if (part.CacheControl is not null)
        {
            dropped.AddOnce("cache_control");
        }

        switch (part)
        {
            case TextPart { Text.Length: 0 } or RefusalPart { Text.Length: 0 }:
                return false;
            case ThinkingPart or RedactedThinkingPart:
                dropped.AddOnce(r.NameOf("messages[].reasoning_content", "messages[].content[].thinking", "contents[].parts[].thought"));
                return false;
            case ImagePart { Source.FileId: not null } or FilePart { Source.FileId: not null }:
                dropped.AddOnce(
                    r.NameOf("messages[].content[].file.file_id", "messages[].content[].source.file_id", "contents[].parts[].fileData"));
                return false;
            case OpaquePart { Type: "input_audio" }:
                return true;
            case OpaquePart opaque:
                dropped.AddOnce($"messages[].content[].{opaque.Type}");
                return false;
            default:
                return true;
        }
    }

    private static void WriteContent(
        Utf8JsonWriter json, string? role, List<Part> parts, GeminiModel model, Dictionary<string, string> names)
    {
        json.WriteStartObject();
        if (role is not null)
        {
            json.WriteString("role", role);
        }

        json.WriteStartArray("parts");
        var firstCall = true;
        foreach (var part in parts)
        {
            json.WriteStartObject();
            if (part is ToolCallPart call)
            {
                WriteCall(json, call, model.ChecksSignatures && firstCall);
                firstCall = false;
            }
            else
            {
                WritePart(json, part, names);
            }

            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    /// <param name="mustBeSigned">Of parallel calls only the first has a signature.</param>
    private static void WriteCall(Utf8JsonWriter json, ToolCallPart call, bool mustBeSigned)
    {
        json.WriteStartObject("functionCall");
        json.WriteString("id", ThoughtId.Split(call.Id, out var signature));
        json.WriteString("name", call.Name);
        json.WritePropertyName("args");
        ToolArguments.WriteAsObject(json, call);
        json.WriteEndObject();
        if (signature.Length > 0 || mustBeSigned)
        {
            json.WriteString("thoughtSignature", signature.Length > 0 ? signature : ForeignSignature);
        }
    }

    private static void WritePart(Utf8JsonWriter json, Part part, Dictionary<string, string> names)
    {
        switch (part)
        {
            case TextPart text:
                json.WriteString("text", text.Text);
                break;
            case RefusalPart refusal:
                json.WriteString("text", refusal.Text);
                break;
            case ImagePart image:
                WriteSource(json, image.Source);
                break;
            case FilePart file:
                WriteSource(json, file.Source);
                break;
            case OpaquePart audio:
                var input = WireJson.TryGet(audio.Json, "input_audio", out var found) ? found : default;
                WriteSource(json,
                    new Source($"audio/{WireJson.StringOrNull(input, "format") ?? "wav"}", WireJson.StringOrEmpty(input, "data")));
                break;
            case ToolResultPart result:
                WriteResult(json, result, names);
                break;
        }
    }

    private static void WriteSource(Utf8JsonWriter json, Source source)
    {
        json.WriteStartObject(source.Url is null ? "inlineData" : "fileData");
        if (source.MediaType is { } type)
        {
            json.WriteString("mimeType", type);
        }

        if (source.Url is { } url)
        {
            json.WriteString("fileUri", url);
        }
        else
        {
            json.WriteString("data", source.Data);
        }

        json.WriteEndObject();
    }

    /// <summary>A result must be an object: what is one goes out as it is, anything else under the name that the models know.</summary>
    private static void WriteResult(Utf8JsonWriter json, ToolResultPart result, Dictionary<string, string> names)
    {
        var id = ThoughtId.Plain(result.CallId);
        var text = string.Join('\n', result.Content.OfType<TextPart>().Select(t => t.Text));
        json.WriteStartObject("functionResponse");
        json.WriteString("id", id);
        json.WriteString("name", names.GetValueOrDefault(id, "unknown"));
        json.WritePropertyName("response");
        if (!result.IsError && ToolArguments.IsObject(text))
        {
            json.WriteRawValue(text, skipInputValidation: true);
        }
        else
        {
            json.WriteStartObject();
            json.WriteString(result.IsError ? "error" : "output", text);
            json.WriteEndObject();
        }

        json.WriteEndObject();
    }
}
