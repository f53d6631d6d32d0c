using System.Text.Json;
using Gatehouse.Gateway.Conversation;

namespace Gatehouse.Gateway.Chat;

/// <summary>Reads <c>messages</c> of a chat request.</summary>
internal static class ChatMessageReader
{
    public static void Read(JsonElement messages, ChatRequest request)
    {
        var i = 0;
        var lastFunctionCall = "";
        foreach (var message in messages.EnumerateArray())
        {
            var path = $"messages[{i}]";
            var role = WireJson.RequireString(WireJson.Object(message, path), path, "role");
            request.Messages.Add(role switch
            {
                "system" or "developer" => new ChatMessage(ChatRole.System, Content(message, path, request, required: true)),
                "user" => new ChatMessage(ChatRole.User, Content(message, path, request, required: true)),
                "assistant" => ReadAssistant(message, path, i, request, ref lastFunctionCall),
                "tool" => ReadResult(message, path, WireJson.RequireString(message, path, "tool_call_id"), request),
                "function" => ReadResult(message, path, lastFunctionCall, request),
                _ => throw WireJson.Invalid($"{path}.role", "must be 'system', 'developer', 'user', 'assistant' or 'tool'"),
            });
            foreach (var field in message.EnumerateObject())
            {
                var name = field.Name;
                if (field.Value.ValueKind != JsonValueKind.Null && !IsKnown(name, role))
                {
                    request.Unshared.AddOnce($"messages[].{name}");
                }
            }

            i++;
        }

        if (i == 0)
        {
            throw WireJson.Invalid("messages", "must hold at least one message");
        }
    }

    private static bool IsKnown(string name, string role) => name switch
    {
        "role" or "content" or "cache_control" => true,
        "tool_call_id" => role == "tool",
        "tool_calls" or "function_call" or "refusal" or "reasoning_content" or "reasoning_details" => role == "assistant",
        "name" => role == "function",
        _ => false,
    };

    private static ChatMessage ReadResult(JsonElement message, string path, string callId, ChatRequest request) =>
        new(ChatRole.Tool,
            [new ToolResultPart(callId, Content(message, path, request, required: true)) { CacheControl = CacheControl(message) }]);

    private static ChatMessage ReadAssistant(JsonElement message, string path, int index, ChatRequest request, ref string lastFunctionCall)
    {
        var parts = new List<Part>();
        ChatReasoning.Read(message, parts);
        parts.AddRange(Content(message, path, request, required: false));
        if (WireJson.OptionalString(message, path, "refusal") is { Length: > 0 } refusal)
        {
            parts.Add(new RefusalPart(refusal));
        }

        if (WireJson.TryGet(message, "function_call", out var function))
        {
            lastFunctionCall = $"call_{index}";
            parts.Add(ReadCall(WireJson.Object(function, $"{path}.function_call"), $"{path}.function_call", lastFunctionCall));
        }

        if (WireJson.TryGet(message, "tool_calls", out var calls))
        {
            var i = 0;
            foreach (var call in WireJson.Array(calls, $"{path}.tool_calls").EnumerateArray())
            {
                parts.Add(ReadToolCall(call, $"{path}.tool_calls[{i++}]"));
            }
        }

        return new ChatMessage(ChatRole.Assistant, parts);
    }

    private static ToolCallPart ReadToolCall(JsonElement call, string path)
    {
        var id = WireJson.RequireString(WireJson.Object(call, path), path, "id");
        var type = WireJson.OptionalString(call, path, "type") ?? "function";
        switch (type)
        {
            case "function":
                return ReadCall(WireJson.RequireObject(call, path, "function"), $"{path}.function", id);
            case "custom":
                var custom = WireJson.RequireObject(call, path, "custom");
                var name = WireJson.RequireString(custom, $"{path}.custom", "name");
                return new ToolCallPart(id, name, WireJson.OptionalString(custom, $"{path}.custom", "input") ?? "", Custom: true);
            default:
                throw WireJson.Invalid($"{path}.type", "must be 'function' or 'custom'");
        }
    }

    private static ToolCallPart ReadCall(JsonElement function, string path, string id) =>
        new(id, WireJson.RequireString(function, path, "name"), WireJson.OptionalString(function, path, "arguments") ?? "");

    private static List<Part> Content(JsonElement message, string path, ChatRequest request, bool required)
    {
        var field = $"{path}.content";
        if (!WireJson.TryGet(message, "content", out var content))
        {
            return required ? throw WireJson.Invalid(field, "is required: send a string or an array of parts") : [];
        }

        switch (content.ValueKind)
        {
            case JsonValueKind.String:
                return [new TextPart(content.GetString()!) { CacheControl = CacheControl(message) }];
            case JsonValueKind.Array:
                var parts = new List<Part>(content.GetArrayLength());
                var i = 0;
                foreach (var part in content.EnumerateArray())
                {
                    parts.Add(ReadPart(part, $"{field}[{i++}]", request));
                }

                return parts;
            default:
                throw WireJson.Invalid(field, "must be a string or an array of parts");
        }
    }

    private static Part ReadPart(JsonElement part, string path, ChatRequest request)
    {
        var type = WireJson.RequireString(WireJson.Object(part, path), path, "type");
        foreach (var field in part.EnumerateObject())
        {
            if (field.Name != "type" && field.Name != "cache_control" && field.Name != type && field.Value.ValueKind != JsonValueKind.Null)
            {
                request.Unshared.AddOnce($"messages[].content[].{field.Name}");
            }
        }

        return type switch
        {
            "text" => new TextPart(RequireText(part, path, "text")) { CacheControl = CacheControl(part) },
            "refusal" => new RefusalPart(RequireText(part, path, "refusal")),
            "image_url" => ReadImage(part, path) with { CacheControl = CacheControl(part) },
            "file" => ReadFile(part, path) with { CacheControl = CacheControl(part) },
            _ => new OpaquePart(type, part),
        };
    }

    private static ImagePart ReadImage(JsonElement part, string path)
    {
        var field = $"{path}.image_url";
        if (!WireJson.TryGet(part, "image_url", out var image))
        {
            throw WireJson.Invalid(field, "is required: send an object with 'url'");
        }

        var bare = image.ValueKind == JsonValueKind.String; // several clients leave out the object, and most servers take it
        var url = bare ? image.GetString()! : WireJson.RequireString(WireJson.Object(image, field), field, "url");
        return new ImagePart(DataUrl.Read(url, $"{field}.url"), bare ? null : WireJson.OptionalString(image, field, "detail"));
    }

    private static FilePart ReadFile(JsonElement part, string path)
    {
        var field = $"{path}.file";
        var file = WireJson.RequireObject(part, path, "file");
        var name = WireJson.OptionalString(file, field, "filename");
        if (WireJson.OptionalString(file, field, "file_id") is { } id)
        {
            return new FilePart(new Source(FileId: id), name);
        }

        return new FilePart(DataUrl.Read(WireJson.RequireString(file, field, "file_data"), $"{field}.file_data"), name);
    }

    /// <summary>Empty text is allowed here, unlike empty names.</summary>
    private static string RequireText(JsonElement part, string path, string name) =>
        WireJson.OptionalString(part, path, name) ?? throw WireJson.Invalid($"{path}.{name}", "is required: send a string");

    private static JsonElement? CacheControl(JsonElement value) =>
        WireJson.TryGet(value, "cache_control", out var control) ? control : null;
}
