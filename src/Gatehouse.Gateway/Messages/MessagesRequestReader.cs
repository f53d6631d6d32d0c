using System.Text.Json;
using Gatehouse.Gateway.Conversation;
using Gatehouse.Gateway.Providers;

namespace Gatehouse.Gateway.Messages;

/// <summary>Reads the body of <c>POST /v1/messages</c>.</summary>
internal static class MessagesRequestReader
{
    /// <exception cref="Contracts.ProblemException">The body is malformed or a field is wrong; the problem names it.</exception>
    /// <param name="isCount">Only its tokens are to be counted: the format then wants no limit.</param>
    public static ChatRequest Read(ReadOnlyMemory<byte> body, bool isCount = false)
    {
        var root = WireJson.ParseRequest(body.Span);
        var request = new ChatRequest { Wire = WireFormat.Anthropic, Body = root, Model = WireJson.RequireString(root, "", "model") };
        if (!WireJson.TryGet(root, "max_tokens", out var maxTokens) && !isCount)
        {
            throw WireJson.Invalid("max_tokens", "is required: send the largest number of output tokens you accept");
        }

        request.MaxTokens = isCount ? null : WireJson.Count(maxTokens, "max_tokens", 1);
        if (WireJson.TryGet(root, "system", out var system))
        {
            request.Messages.Add(new ChatMessage(ChatRole.System, MessagesBlockReader.ReadContent(system, "system", request)));
        }

        ReadMessages(WireJson.RequireArray(root, "", "messages"), request);
        foreach (var field in root.EnumerateObject())
        {
            if (field.Value.ValueKind != JsonValueKind.Null)
            {
                ReadField(field.Name, field.Value, request);
            }
        }

        return request;
    }

    private static void ReadMessages(JsonElement messages, ChatRequest request)
    {
        var i = 0;
        foreach (var message in messages.EnumerateArray())
        {
            var path = $"messages[{i++}]";
            var role = WireJson.RequireString(WireJson.Object(message, path), path, "role") switch
            {
                "user" => ChatRole.User,
                "assistant" => ChatRole.Assistant,
                "system" => ChatRole.System,
                _ => throw WireJson.Invalid($"{path}.role", "must be 'user' or 'assistant'; instructions go into 'system'"),
            };
            if (!WireJson.TryGet(message, "content", out var content))
            {
                throw WireJson.Invalid($"{path}.content", "is required: send a string or an array of blocks");
            }

            request.Messages.Add(new ChatMessage(role, MessagesBlockReader.ReadContent(content, $"{path}.content", request)));
            AddUnknown(message, "messages[]", ["role", "content"], request);
        }

        if (i == 0)
        {
            throw WireJson.Invalid("messages", "must hold at least one message");
        }
    }

    private static void ReadField(string name, JsonElement value, ChatRequest request)
    {
        switch (name)
        {
            case "model" or "messages" or "system" or "max_tokens":
                break;
            case "temperature":
                request.Temperature = WireJson.Number(value, name, 0, 1);
                break;
            case "top_p":
                request.TopP = WireJson.Number(value, name, 0, 1);
                break;
            case "top_k":
                request.TopK = WireJson.Count(value, name, 0);
                break;
            case "stop_sequences":
                request.Stop =
                    [.. WireJson.Array(value, name).EnumerateArray().Select((item, i) => WireJson.String(item, $"stop_sequences[{i}]"))];
                break;
            case "stream":
                request.Stream = WireJson.Bool(value, name);
                break;
            case "tools":
                ReadTools(WireJson.Array(value, name), request);
                break;
            case "tool_choice":
                ReadToolChoice(WireJson.Object(value, name), request);
                break;
            case "thinking":
                ReadThinking(WireJson.Object(value, name), request);
                break;
            case "output_config":
                ReadOutputConfig(WireJson.Object(value, name), request);
                break;
            case "output_format":
                request.ResponseFormat = ReadFormat(WireJson.Object(value, name), name);
                break;
            case "metadata":
                request.User = WireJson.OptionalString(WireJson.Object(value, name), name, "user_id");
                AddUnknown(value, "metadata", ["user_id"], request);
                break;
            case "service_tier":
                request.ServiceTier = WireJson.String(value, name);
                break;
            default:
                request.Unshared.AddOnce(name);
                break;
        }
    }

    private static void ReadTools(JsonElement tools, ChatRequest request)
    {
        var i = 0;
        foreach (var tool in tools.EnumerateArray())
        {
            var path = $"tools[{i++}]";
            var type = WireJson.OptionalString(WireJson.Object(tool, path), path, "type") ?? "custom";
            if (type != "custom")
            {
                request.Tools.Add(new ChatTool(ToolKind.Opaque, type));
                continue;
            }

            request.Tools.Add(new ChatTool(
                ToolKind.Function,
                WireJson.RequireString(tool, path, "name"),
                WireJson.OptionalString(tool, path, "description"),
                WireJson.RequireObject(tool, path, "input_schema"),
                WireJson.TryGet(tool, "strict", out var strict) ? WireJson.Bool(strict, $"{path}.strict") : null)
            {
                CacheControl = WireJson.TryGet(tool, "cache_control", out var control) ? control : null,
            });
            AddUnknown(tool, "tools[]", ["type", "name", "description", "input_schema", "strict", "cache_control"], request);
        }
    }

    private static void ReadToolChoice(JsonElement choice, ChatRequest request)
    {
        request.ToolChoice = WireJson.RequireString(choice, "tool_choice", "type") switch
        {
            "auto" => new ToolChoice(ToolChoiceMode.Auto),
            "any" => new ToolChoice(ToolChoiceMode.Required),
            "none" => new ToolChoice(ToolChoiceMode.None),
            "tool" => new ToolChoice(ToolChoiceMode.Named, WireJson.RequireString(choice, "tool_choice", "name")),
            _ => throw WireJson.Invalid("tool_choice.type", "must be 'auto', 'any', 'tool' or 'none'"),
        };
        if (WireJson.TryGet(choice, "disable_parallel_tool_use", out var disable))
        {
            request.ParallelTools = !WireJson.Bool(disable, "tool_choice.disable_parallel_tool_use");
        }
    }

    private static void ReadThinking(JsonElement thinking, ChatRequest request)
    {
        var effort = request.Reasoning?.Effort;
        switch (WireJson.RequireString(thinking, "thinking", "type"))
        {
            case "enabled":
                if (!WireJson.TryGet(thinking, "budget_tokens", out var budget))
                {
                    throw WireJson.Invalid("thinking.budget_tokens", "is required: send at least 1024");
                }

                request.Reasoning = new Reasoning(ReasoningMode.Enabled, effort, WireJson.Count(budget, "thinking.budget_tokens", 1024));
                break;
            case "adaptive":
                request.Reasoning = new Reasoning(ReasoningMode.Adaptive, effort);
                break;
            case "disabled":
                request.Reasoning = new Reasoning(ReasoningMode.Disabled, effort);
                break;
            default:
                throw WireJson.Invalid("thinking.type", "must be 'enabled', 'adaptive' or 'disabled'");
        }

        AddUnknown(thinking, "thinking", ["type", "budget_tokens"], request);
    }

    private static void ReadOutputConfig(JsonElement config, ChatRequest request)
    {
        if (WireJson.OptionalString(config, "output_config", "effort") is { } effort)
        {
            request.Reasoning = (request.Reasoning ?? new Reasoning(ReasoningMode.Unset)) with { Effort = effort };
        }

        if (WireJson.TryGet(config, "format", out var format))
        {
            request.ResponseFormat = ReadFormat(WireJson.Object(format, "output_config.format"), "output_config.format");
        }

        AddUnknown(config, "output_config", ["effort", "format"], request);
    }

    private static ResponseFormat ReadFormat(JsonElement format, string path) =>
        WireJson.RequireString(format, path, "type") == "json_schema"
            ? new ResponseFormat(WireJson.RequireObject(format, path, "schema"), Strict: true)
            : throw WireJson.Invalid($"{path}.type", "must be 'json_schema'");

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
