using System.Text.Json;
using Gatehouse.Gateway.Conversation;

namespace Gatehouse.Gateway.Responses;

/// <summary>
/// Reads <c>input</c> of a request. Items of the assistant in a row are one turn: its reasoning, its text, its tool calls.
/// </summary>
internal static class ResponsesItemReader
{
    public static void Read(JsonElement input, ChatRequest request)
    {
        if (input.ValueKind == JsonValueKind.String)
        {
            request.Messages.Add(new ChatMessage(ChatRole.User, [new TextPart(input.GetString()!)]));
            return;
        }

        var turn = new List<Part>(); // of the assistant, still open
        var i = 0;
        foreach (var item in WireJson.Array(input, "input").EnumerateArray())
        {
            var path = $"input[{i++}]";
            var type = WireJson.OptionalString(WireJson.Object(item, path), path, "type") ?? "message";
            if (type == "message")
            {
                ReadMessage(item, path, turn, request);
            }
            else if (type.EndsWith("_call_output", StringComparison.Ordinal))
            {
                ReadOutput(item, path, type, turn, request);
            }
            else
            {
                ReadTurn(item, path, type, turn, request);
            }
        }

        Close(turn, request);
    }

    private static void ReadMessage(JsonElement item, string path, List<Part> turn, ChatRequest request)
    {
        var role = WireJson.RequireString(item, path, "role");
        if (!WireJson.TryGet(item, "content", out var content))
        {
            throw WireJson.Invalid($"{path}.content", "is required: send a string or an array of parts");
        }

        var parts = Content(content, $"{path}.content", request);
        AddUnknown(item, "input[]", ["type", "role", "content", "id", "status", "phase"], request);
        switch (role)
        {
            case "assistant":
                turn.AddRange(parts);
                break;
            case "user":
                Close(turn, request);
                request.Messages.Add(new ChatMessage(ChatRole.User, parts));
                break;
            case "system" or "developer":
                Close(turn, request);
                request.Messages.Add(new ChatMessage(ChatRole.System, parts));
                break;
            default:
                throw WireJson.Invalid($"{path}.role", "must be 'user', 'assistant', 'system' or 'developer'");
        }
    }

    private static void ReadOutput(JsonElement item, string path, string type, List<Part> turn, ChatRequest request)
    {
        if (type is not ("function_call_output" or "custom_tool_call_output"))
        {
            request.Unshared.AddOnce($"input[].{type}");
            return;
        }

        Close(turn, request);
        if (!WireJson.TryGet(item, "output", out var output))
        {
            throw WireJson.Invalid($"{path}.output", "is required: send a string or an array of parts");
        }

        var result = new ToolResultPart(WireJson.RequireString(item, path, "call_id"), Content(output, $"{path}.output", request));
        request.Messages.Add(new ChatMessage(ChatRole.Tool, [result]));
    }

    private static void ReadTurn(JsonElement item, string path, string type, List<Part> turn, ChatRequest request)
    {
        switch (type)
        {
            case "function_call":
                turn.Add(new ToolCallPart(
                    WireJson.RequireString(item, path, "call_id"),
                    WireJson.RequireString(item, path, "name"),
                    WireJson.OptionalString(item, path, "arguments") ?? ""));
                break;
            case "custom_tool_call":
                turn.Add(new ToolCallPart(
                    WireJson.RequireString(item, path, "call_id"),
                    WireJson.RequireString(item, path, "name"),
                    WireJson.OptionalString(item, path, "input") ?? "",
                    Custom: true));
                break;
            case "reasoning":
                ReadReasoning(item, turn, request);
                break;
            case "item_reference":
                throw WireJson.Invalid(path, "refers to an item that is not here: send the item itself");
            default:
                request.Unshared.AddOnce($"input[].{type}");
                break;
        }
    }

    private static void ReadReasoning(JsonElement item, List<Part> turn, ChatRequest request)
    {
        if (WireJson.StringOrNull(item, "encrypted_content") is { Length: > 0 } seal)
        {
            if (ReasoningSeal.Open(seal) is { } thinking)
            {
                turn.Add(thinking);
            }
            else
            {
                request.Unshared.AddOnce("input[].encrypted_content"); // only the provider that sealed it can read it
            }

            return;
        }

        var text = string.Join(
            "\n\n", WireJson.Items(item, "content").Concat(WireJson.Items(item, "summary")).Select(p => WireJson.StringOrEmpty(p, "text")));
        if (text.Length > 0)
        {
            turn.Add(new ThinkingPart(text, ""));
        }
    }

    private static void Close(List<Part> turn, ChatRequest request)
    {
        if (turn.Count > 0)
        {
            request.Messages.Add(new ChatMessage(ChatRole.Assistant, [.. turn]));
            turn.Clear();
        }
    }

    private static List<Part> Content(JsonElement content, string path, ChatRequest request)
    {
        if (content.ValueKind == JsonValueKind.String)
        {
            return [new TextPart(content.GetString()!)];
        }

        var parts = new List<Part>();
        var i = 0;
        foreach (var part in WireJson.Array(content, path).EnumerateArray())
        {
            parts.Add(ReadPart(part, $"{path}[{i++}]", request));
        }

        return parts;
    }

    private static Part ReadPart(JsonElement part, string path, ChatRequest request)
    {
        var type = WireJson.RequireString(WireJson.Object(part, path), path, "type");
        switch (type)
        {
            case "input_text" or "output_text" or "text":
                AddUnknown(part, "input[].content[]", ["type", "text", "annotations", "logprobs"], request);
                return new TextPart(Text(part, path, "text"));
            case "refusal":
                return new RefusalPart(Text(part, path, "refusal"));
            case "input_image":
                AddUnknown(part, "input[].content[]", ["type", "image_url", "file_id", "detail"], request);
                return new ImagePart(SourceOf(part, path, "image_url", "image_url"), WireJson.OptionalString(part, path, "detail"));
            case "input_file":
                AddUnknown(part, "input[].content[]", ["type", "file_data", "file_url", "file_id", "filename"], request);
                return new FilePart(SourceOf(part, path, "file_url", "file_data"), WireJson.OptionalString(part, path, "filename"));
            default:
                return new OpaquePart(type, part);
        }
    }

    private static Source SourceOf(JsonElement part, string path, string url, string data)
    {
        if (WireJson.OptionalString(part, path, "file_id") is { Length: > 0 } id)
        {
            return new Source(FileId: id);
        }

        var field = WireJson.OptionalString(part, path, data) is null ? url : data;
        var text = WireJson.RequireString(part, path, field);
        if (field == data && data == "file_data" && !text.StartsWith("data:", StringComparison.OrdinalIgnoreCase))
        {
            return new Source(MediaType: "application/pdf", Data: text); // bare base64, which the format allows for a PDF
        }

        return DataUrl.Read(text, $"{path}.{field}");
    }

    private static string Text(JsonElement part, string path, string name) =>
        WireJson.OptionalString(part, path, name) ?? throw WireJson.Invalid($"{path}.{name}", "is required: send a string");

    private static void AddUnknown(JsonElement value, string path, ReadOnlySpan<string> known, ChatRequest request)
    {
        foreach (var field in value.EnumerateObject())
        {
            if (field.Value.ValueKind != JsonValueKind.Null && !known.Contains(field.Name))
            {
                request.Unshared.AddOnce($"{path}.{field.Name}");
            }
        }
    }
}
