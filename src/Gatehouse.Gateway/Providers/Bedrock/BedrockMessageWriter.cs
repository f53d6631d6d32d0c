using System.Buffers.Text;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Conversation;
using Gatehouse.Gateway.Providers.Anthropic;

namespace Gatehouse.Gateway.Providers.Bedrock;

/// <summary>Writes <c>system</c> and <c>messages</c>. Blank text is refused there, so it is left out.</summary>
internal static class BedrockMessageWriter
{
    private const int MaxIdChars = 64;
    private const int MaxNameChars = 200;

    public static void Write(Utf8JsonWriter json, ChatRequest r, BedrockModel model, string? instruction, List<string> dropped)
    {
        var only = r.Messages.All(m => m.Role == ChatRole.System);
        var system = System(r, dropped);
        if (instruction is not null)
        {
            system.Add(new TextPart(instruction));
        }

        if (system.Count > 0 && !only)
        {
            json.WriteStartArray("system");
            WriteBlocks(json, system, new Writing(r, model, dropped));
            json.WriteEndArray();
        }

        json.WriteStartArray("messages");
        if (only)
        {
            WriteMessage(json, ChatRole.User, system, new Writing(r, model, dropped)); // at least one message is required
        }

        WriteTurns(json, r, model, dropped);
        json.WriteEndArray();
    }

    public static void WriteCachePoint(Utf8JsonWriter json, JsonElement control, BedrockModel model, List<string> dropped)
    {
        if (!model.Caches)
        {
            dropped.AddOnce("cache_control");
            return;
        }

        json.WriteStartObject();
        json.WriteStartObject("cachePoint");
        json.WriteString("type", "default");
        if (WireJson.StringOrNull(control, "ttl") is "1h" && model.IsClaude)
        {
            json.WriteString("ttl", "1h");
        }

        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static List<Part> System(ChatRequest r, List<string> dropped)
    {
        var texts = new List<Part>();
        foreach (var part in r.Messages.Where(m => m.Role == ChatRole.System).SelectMany(m => m.Parts))
        {
            if (part is not TextPart text)
            {
                dropped.AddOnce("messages[].content[] of a system message that is not text");
            }
            else if (!string.IsNullOrWhiteSpace(text.Text))
            {
                texts.Add(text);
            }
        }

        return texts;
    }

    /// <summary>Turns of one speaker in a row become one message, tool results first in theirs.</summary>
    private static void WriteTurns(Utf8JsonWriter json, ChatRequest r, BedrockModel model, List<string> dropped)
    {
        var writing = new Writing(r, model, dropped);
        var parts = new List<Part>();
        var role = ChatRole.System;
        foreach (var message in r.Messages.Where(m => m.Role != ChatRole.System))
        {
            var next = message.Role == ChatRole.Assistant ? ChatRole.Assistant : ChatRole.User;
            if (next != role)
            {
                WriteMessage(json, role, parts, writing);
                parts.Clear();
                role = next;
            }

            parts.AddRange(message.Parts.Where(p => CanWrite(p, writing)));
        }

        WriteMessage(json, role, parts, writing);
    }

    private static bool CanWrite(Part part, Writing writing)
    {
        switch (part)
        {
            case TextPart text when string.IsNullOrWhiteSpace(text.Text):
            case RefusalPart refusal when string.IsNullOrWhiteSpace(refusal.Text):
                return false;
            case ThinkingPart { Signature.Length: 0 }:
            case RedactedThinkingPart redacted when !Base64.IsValid(redacted.Data):
            case ThinkingPart or RedactedThinkingPart when !writing.Model.IsClaude:
                writing.Drop(
                    writing.Request.NameOf("messages[].reasoning_content", "messages[].content[].thinking", "contents[].parts[].thought"));
                return false;
            case ImagePart { Source.FileId: not null } or FilePart { Source.FileId: not null }:
                writing.Drop(
                    writing.Request.NameOf(
                        "messages[].content[].file.file_id", "messages[].content[].source.file_id", "contents[].parts[].fileData"));
                return false;
            case OpaquePart opaque:
                writing.Drop($"messages[].content[].{opaque.Type}");
                return false;
            default:
                return true;
        }
    }

    private static void WriteMessage(Utf8JsonWriter json, ChatRole role, List<Part> parts, Writing writing)
    {
        if (parts.Count == 0)
        {
            return;
        }

        List<Part> ordered = [.. parts.Where(p => p is ToolResultPart), .. parts.Where(p => p is not ToolResultPart)];
        if (ordered.Exists(IsDocument) && !ordered.Exists(p => p is TextPart))
        {
            ordered.Add(new TextPart("See the document.")); // a document without any text is refused
        }

        json.WriteStartObject();
        json.WriteString("role", role == ChatRole.Assistant ? "assistant" : "user");
        json.WriteStartArray("content");
        WriteBlocks(json, ordered, writing);
        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void WriteBlocks(Utf8JsonWriter json, List<Part> parts, Writing writing)
    {
        foreach (var part in parts)
        {
            json.WriteStartObject();
            WriteBlock(json, part, writing);
            json.WriteEndObject();
            if (CacheControlOf(part) is { } control)
            {
                WriteCachePoint(json, control, writing.Model, writing.Dropped);
            }
        }
    }

    /// <summary>A tool's result has no room for cache points: one within it stands behind it.</summary>
    private static JsonElement? CacheControlOf(Part part) =>
        part.CacheControl ?? (part as ToolResultPart)?.Content.LastOrDefault(p => p.CacheControl is not null)?.CacheControl;

    private static void WriteBlock(Utf8JsonWriter json, Part part, Writing writing)
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
                WriteImage(json, image.Source);
                break;
            case FilePart file when !IsDocument(file):
                WriteImage(json, file.Source);
                break;
            case FilePart file:
                WriteDocument(json, file, writing.NextDocument(file.Name));
                break;
            case ToolCallPart call:
                json.WriteStartObject("toolUse");
                json.WriteString("toolUseId", IdOf(call.Id));
                json.WriteString("name", call.Name);
                json.WritePropertyName("input");
                ToolArguments.WriteAsObject(json, call);
                json.WriteEndObject();
                break;
            case ToolResultPart result:
                WriteResult(json, result, writing);
                break;
            case ThinkingPart thinking:
                json.WriteStartObject("reasoningContent");
                json.WriteStartObject("reasoningText");
                json.WriteString("text", thinking.Text);
                json.WriteString("signature", thinking.Signature);
                json.WriteEndObject();
                json.WriteEndObject();
                break;
            case RedactedThinkingPart redacted:
                json.WriteStartObject("reasoningContent");
                json.WriteString("redactedContent", redacted.Data);
                json.WriteEndObject();
                break;
        }
    }

    private static void WriteResult(Utf8JsonWriter json, ToolResultPart result, Writing writing)
    {
        json.WriteStartObject("toolResult");
        json.WriteString("toolUseId", IdOf(result.CallId));
        json.WriteStartArray("content");
        var content = result.Content.Where(p => CanWrite(p, writing)).ToList();
        foreach (var part in content.Count > 0 ? content : [new TextPart("(no output)")]) // an empty one is refused
        {
            json.WriteStartObject();
            WriteBlock(json, part, writing);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        if (result.IsError)
        {
            json.WriteString("status", "error");
        }

        json.WriteEndObject();
    }

    private static void WriteImage(Utf8JsonWriter json, Source source)
    {
        json.WriteStartObject("image");
        json.WriteString("format", source.MediaType?.ToLowerInvariant() switch
        {
            "image/png" => "png",
            "image/jpeg" or "image/jpg" => "jpeg",
            "image/gif" => "gif",
            "image/webp" => "webp",
            _ when source.Url is { } url => EndOf(url) is "gif" or "png" or "webp" ? EndOf(url) : "jpeg",
            _ => throw Unfit($"images of type '{source.MediaType}'", "send PNG, JPEG, GIF or WebP"),
        });
        WriteSource(json, source, "images by address");
        json.WriteEndObject();
    }

    private static void WriteDocument(Utf8JsonWriter json, FilePart file, string name)
    {
        json.WriteStartObject("document");
        json.WriteString("format", FormatOf(file));
        json.WriteString("name", name);
        WriteSource(json, file.Source, "files by address");
        json.WriteEndObject();
    }

    private static void WriteSource(Utf8JsonWriter json, Source source, string what)
    {
        json.WriteStartObject("source");
        if (source.Url is { } url)
        {
            if (!url.StartsWith("s3://", StringComparison.Ordinal))
            {
                throw Unfit(what, "send the data itself, or an s3:// address");
            }

            json.WriteStartObject("s3Location");
            json.WriteString("uri", url);
            json.WriteEndObject();
        }
        else
        {
            json.WriteString("bytes", source.Data);
        }

        json.WriteEndObject();
    }

    private static string EndOf(string url) => Path.GetExtension(url).TrimStart('.').ToLowerInvariant();

    private static bool IsDocument(Part part) =>
        part is FilePart file && file.Source.MediaType?.StartsWith("image/", StringComparison.OrdinalIgnoreCase) != true;

    private static string FormatOf(FilePart file) => file.Source.MediaType?.ToLowerInvariant() switch
    {
        "application/pdf" => "pdf",
        "text/csv" => "csv",
        "text/html" => "html",
        "text/markdown" => "md",
        "application/msword" => "doc",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document" => "docx",
        "application/vnd.ms-excel" => "xls",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" => "xlsx",
        { } type when type.StartsWith("text/", StringComparison.Ordinal) => "txt",
        null when file.Source.Url is not null => "pdf",
        var type => throw Unfit($"files of type '{type}'", "send PDF, text, Markdown, HTML, CSV, Word or Excel"),
    };

    private static ProblemException Unfit(string what, string instead) =>
        new(new Problem("unsupported_content", 400, $"Bedrock does not take {what}: {instead}."));

    /// <summary>The format allows letters, digits, hyphen and underscore, and no more than 64 of them.</summary>
    private static string IdOf(string id)
    {
        var plain = AnthropicMessageWriter.ToolId(id);
        return plain.Length <= MaxIdChars ? plain : plain[^MaxIdChars..];
    }

    /// <summary>What all parts of one request share.</summary>
    private sealed class Writing(ChatRequest request, BedrockModel model, List<string> dropped)
    {
        private int _documents;

        public ChatRequest Request => request;

        public BedrockModel Model => model;

        public List<string> Dropped => dropped;

        public void Drop(string name) => dropped.AddOnce(name);

        /// <summary>Names must differ, and hold only letters, digits, hyphens, brackets and single spaces.</summary>
        public string NextDocument(string? name)
        {
            var clean = new StringBuilder();
            foreach (var c in name ?? "document")
            {
                var allowed = char.IsAsciiLetterOrDigit(c) || c is '-' or '(' or ')' or '[' or ']' ? c : ' ';
                if (clean.Length < MaxNameChars && (allowed != ' ' || clean is { Length: > 0 } && clean[^1] != ' '))
                {
                    clean.Append(allowed);
                }
            }

            var text = clean.ToString().Trim();
            text = text.Length > 0 ? text : "document";
            return ++_documents == 1 ? text : string.Create(CultureInfo.InvariantCulture, $"{text} {_documents}");
        }
    }
}
