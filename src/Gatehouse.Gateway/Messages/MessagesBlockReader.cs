using System.Text.Json;
using Gatehouse.Gateway.Conversation;

namespace Gatehouse.Gateway.Messages;

/// <summary>Reads content blocks of a messages request.</summary>
internal static class MessagesBlockReader
{
    /// <summary>A string, or an array of blocks.</summary>
    public static IReadOnlyList<Part> ReadContent(JsonElement content, string path, ChatRequest request)
    {
        switch (content.ValueKind)
        {
            case JsonValueKind.String:
                return [new TextPart(content.GetString()!)];
            case JsonValueKind.Array:
                var parts = new List<Part>(content.GetArrayLength());
                var i = 0;
                foreach (var block in content.EnumerateArray())
                {
                    Read(block, $"{path}[{i++}]", request, parts);
                }

                return parts;
            default:
                throw WireJson.Invalid(path, "must be a string or an array of blocks");
        }
    }

    private static void Read(JsonElement block, string path, ChatRequest request, List<Part> into)
    {
        var type = WireJson.RequireString(WireJson.Object(block, path), path, "type");
        JsonElement? control = WireJson.TryGet(block, "cache_control", out var value) ? value : null;
        string[] known;
        switch (type)
        {
            case "text":
                into.Add(new TextPart(RequireText(block, path, "text")) { CacheControl = control });
                known = ["text"];
                break;
            case "image":
                into.Add(new ImagePart(
                    ReadSource(WireJson.RequireObject(block, path, "source"), $"{path}.source")) { CacheControl = control });
                known = ["source"];
                break;
            case "document":
                ReadDocument(block, path, request, control, into);
                known = ["source", "title"];
                break;
            case "tool_use":
                into.Add(ReadToolUse(block, path) with { CacheControl = control });
                known = ["id", "name", "input"];
                break;
            case "tool_result":
                into.Add(ReadToolResult(block, path, request) with { CacheControl = control });
                known = ["tool_use_id", "content", "is_error"];
                break;
            case "thinking":
                into.Add(new ThinkingPart(RequireText(block, path, "thinking"), WireJson.OptionalString(block, path, "signature") ?? ""));
                known = ["thinking", "signature"];
                break;
            case "redacted_thinking":
                into.Add(new RedactedThinkingPart(WireJson.RequireString(block, path, "data")));
                known = ["data"];
                break;
            default:
                into.Add(new OpaquePart(type, block));
                return;
        }

        foreach (var field in block.EnumerateObject())
        {
            if (field.Name is not ("type" or "cache_control") && !known.Contains(field.Name) && !IsDefault(field.Name, field.Value))
            {
                request.Unshared.AddOnce($"messages[].content[].{field.Name}");
            }
        }
    }

    private static ToolCallPart ReadToolUse(JsonElement block, string path) => new(
        WireJson.RequireString(block, path, "id"),
        WireJson.RequireString(block, path, "name"),
        WireJson.TryGet(block, "input", out var input)
            ? WireJson.Object(input, $"{path}.input").GetRawText()
            : throw WireJson.Invalid($"{path}.input", "is required: send an object"));

    private static ToolResultPart ReadToolResult(JsonElement block, string path, ChatRequest request) => new(
        WireJson.RequireString(block, path, "tool_use_id"),
        WireJson.TryGet(block, "content", out var content) ? ReadContent(content, $"{path}.content", request) : [],
        WireJson.TryGet(block, "is_error", out var error) && WireJson.Bool(error, $"{path}.is_error"));

    private static void ReadDocument(JsonElement block, string path, ChatRequest request, JsonElement? control, List<Part> into)
    {
        var source = WireJson.RequireObject(block, path, "source");
        var sourcePath = $"{path}.source";
        var title = WireJson.OptionalString(block, path, "title");
        switch (WireJson.RequireString(source, sourcePath, "type"))
        {
            case "text":
                var text = RequireText(source, sourcePath, "data");
                into.Add(new TextPart(title is null ? text : $"{title}\n\n{text}") { CacheControl = control });
                break;
            case "content":
                if (title is not null)
                {
                    into.Add(new TextPart(title));
                }

                if (!WireJson.TryGet(source, "content", out var content))
                {
                    throw WireJson.Invalid($"{sourcePath}.content", "is required: send a string or an array of blocks");
                }

                into.AddRange(ReadContent(content, $"{sourcePath}.content", request));
                break;
            default:
                into.Add(new FilePart(ReadSource(source, sourcePath), title) { CacheControl = control });
                break;
        }
    }

    private static Source ReadSource(JsonElement source, string path) => WireJson.RequireString(source, path, "type") switch
    {
        "base64" => new Source(WireJson.RequireString(source, path, "media_type"), Data: WireJson.RequireString(source, path, "data")),
        "url" => new Source(Url: WireJson.RequireString(source, path, "url")),
        "file" => new Source(FileId: WireJson.RequireString(source, path, "file_id")),
        _ => throw WireJson.Invalid($"{path}.type", "must be 'base64', 'url' or 'file'"),
    };

    /// <summary>Empty text is allowed here, unlike empty names.</summary>
    private static string RequireText(JsonElement block, string path, string name) =>
        WireJson.OptionalString(block, path, name) ?? throw WireJson.Invalid($"{path}.{name}", "is required: send a string");

    private static bool IsDefault(string name, JsonElement value) =>
        value.ValueKind == JsonValueKind.Null
        || (name == "caller" && WireJson.StringOrNull(value, "type") == "direct")
        || (name == "citations" && (value.ValueKind == JsonValueKind.Array
            ? value.GetArrayLength() == 0
            : WireJson.TryGet(value, "enabled", out var enabled) && enabled.ValueKind == JsonValueKind.False));
}
