using System.Text.Json;
using Gatehouse.Gateway.Conversation;

namespace Gatehouse.Gateway.Generate;

/// <summary>
/// Reads <c>contents</c>. Calls of that format may lack an id: they are numbered in their order, and a result without one belongs to the
/// earliest call of its name that has none yet.
/// </summary>
internal static class GenerateContentReader
{
    public static ChatMessage ReadSystem(JsonElement content, ChatRequest request)
    {
        if (content.ValueKind == JsonValueKind.String)
        {
            return new ChatMessage(ChatRole.System, [new TextPart(content.GetString()!)]);
        }

        var parts = new List<Part>();
        ReadParts(WireJson.Object(content, "systemInstruction"), "systemInstruction", request, new Open(), parts);
        return new ChatMessage(ChatRole.System, parts);
    }

    public static void ReadContents(JsonElement contents, ChatRequest request)
    {
        var open = new Open();
        var i = 0;
        foreach (var content in contents.EnumerateArray())
        {
            var path = $"contents[{i++}]";
            var role = WireJson.OptionalString(WireJson.Object(content, path), path, "role") switch
            {
                null or "" or "user" or "function" => ChatRole.User,
                "model" => ChatRole.Assistant,
                "system" => ChatRole.System,
                _ => throw WireJson.Invalid($"{path}.role", "must be 'user' or 'model'"),
            };
            var parts = new List<Part>();
            ReadParts(content, path, request, open, parts);
            request.Messages.Add(new ChatMessage(role, parts));
        }

        if (i == 0)
        {
            throw WireJson.Invalid("contents", "must hold at least one content");
        }
    }

    private static void ReadParts(JsonElement content, string path, ChatRequest request, Open open, List<Part> into)
    {
        if (!WireJson.TryGet(content, "parts", out var parts))
        {
            return; // a turn of the model that was cut short has none
        }

        var i = 0;
        foreach (var part in WireJson.Array(parts, $"{path}.parts").EnumerateArray())
        {
            var at = $"{path}.parts[{i++}]";
            var read = Read(WireJson.Object(part, at), at, request, open);
            if (read is ThinkingPart signed && into is [.., ThinkingPart { Signature.Length: 0 } before])
            {
                into[^1] = signed with { Text = before.Text + signed.Text }; // a stream tells text and signature one after the other
            }
            else if (read is not null)
            {
                into.Add(read);
            }
        }
    }

    /// <returns><see langword="null"/> for a part that says nothing.</returns>
    private static Part? Read(JsonElement part, string path, ChatRequest request, Open open)
    {
        foreach (var field in part.EnumerateObject())
        {
            if (field.Value.ValueKind == JsonValueKind.Null)
            {
                continue;
            }

            var (name, value) = (GenerateRequestReader.Camel(field.Name), field.Value);
            switch (name)
            {
                case "thought" or "thoughtSignature" or "partMetadata":
                    break;
                case "text":
                    var text = WireJson.String(value, $"{path}.text");
                    return GenerateRequestReader.TryGet(part, "thought", out var thought) && thought.ValueKind == JsonValueKind.True
                        ? ForeignThought.Open(
                            text, GenerateRequestReader.TryGet(part, "thoughtSignature", out var s) ? WireJson.TextOrNull(s) : null)
                        : new TextPart(text);
                case "inlineData":
                    return ReadData(part, WireJson.Object(value, $"{path}.{name}"), $"{path}.{name}");
                case "fileData":
                    return ReadFile(WireJson.Object(value, $"{path}.{name}"), $"{path}.{name}");
                case "functionCall":
                    return open.Call(WireJson.Object(value, $"{path}.{name}"), $"{path}.{name}");
                case "functionResponse":
                    return open.Result(WireJson.Object(value, $"{path}.{name}"), $"{path}.{name}");
                case "executableCode" or "codeExecutionResult" or "toolCall" or "toolResponse":
                    return new OpaquePart(name, part);
                default:
                    request.Unshared.AddOnce($"contents[].parts[].{name}");
                    break;
            }
        }

        return null;
    }

    private static Part ReadData(JsonElement part, JsonElement data, string path)
    {
        var type = GenerateRequestReader.TryGet(data, "mimeType", out var mime)
            ? WireJson.String(mime, $"{path}.mimeType")
            : throw WireJson.Invalid($"{path}.mimeType", "is required: send a string");
        var source = new Source(type, Data: WireJson.RequireString(data, path, "data"));
        return type.StartsWith("image/", StringComparison.OrdinalIgnoreCase) ? new ImagePart(source)
            : type.StartsWith("audio/", StringComparison.OrdinalIgnoreCase) || type.StartsWith("video/", StringComparison.OrdinalIgnoreCase)
                ? new OpaquePart("inlineData", part)
                : new FilePart(source);
    }

    private static Part ReadFile(JsonElement file, string path)
    {
        var uri = GenerateRequestReader.TryGet(file, "fileUri", out var value)
            ? WireJson.String(value, $"{path}.fileUri")
            : throw WireJson.Invalid($"{path}.fileUri", "is required: send a string");
        var type = GenerateRequestReader.TryGet(file, "mimeType", out var mime) ? WireJson.TextOrNull(mime) : null;
        var source = new Source(type, Url: uri);
        return type is null || type.StartsWith("image/", StringComparison.OrdinalIgnoreCase) ? new ImagePart(source) : new FilePart(source);
    }

    /// <summary>The calls that wait for their result.</summary>
    private sealed class Open
    {
        private readonly List<(string Id, string Name)> _waiting = [];
        private int _calls;

        public ToolCallPart Call(JsonElement call, string path)
        {
            var name = WireJson.RequireString(call, path, "name");
            _calls++;
            var id = WireJson.OptionalString(call, path, "id") is { Length: > 0 } own ? own : $"call_{_calls}";
            _waiting.Add((id, name));
            return new ToolCallPart(
                id, name, WireJson.TryGet(call, "args", out var args) ? WireJson.Object(args, $"{path}.args").GetRawText() : "{}");
        }

        public ToolResultPart Result(JsonElement result, string path)
        {
            var name = WireJson.RequireString(result, path, "name");
            var own = WireJson.OptionalString(result, path, "id") ?? "";
            var at = _waiting.FindIndex(c => own.Length > 0 ? c.Id == own : c.Name == name);
            var id = at >= 0 ? _waiting[at].Id : own.Length > 0 ? own : throw WireJson.Invalid(path, $"answers no call of '{name}'");
            if (at >= 0)
            {
                _waiting.RemoveAt(at);
            }

            var response = WireJson.TryGet(result, "response", out var value) ? WireJson.Object(value, $"{path}.response") : default;
            var (text, failed) = TextOf(response);
            return new ToolResultPart(id, [new TextPart(text)], failed);
        }

        /// <summary>The names that Google gives to the output and the error of a tool; any other object goes on as JSON.</summary>
        private static (string Text, bool Failed) TextOf(JsonElement response)
        {
            if (response.ValueKind != JsonValueKind.Object)
            {
                return ("", false);
            }

            var fields = response.EnumerateObject().ToList();
            return fields is [{ Name: "output" or "result" or "error" } only]
                ? (WireJson.TextOrNull(only.Value) ?? only.Value.GetRawText(), only.Name == "error")
                : (response.GetRawText(), false);
        }
    }
}
