using System.Text.Json;
using Gatehouse.Gateway.Conversation;
using Gatehouse.Gateway.Providers;

namespace Gatehouse.Gateway.Chat;

/// <summary>Reads the body of <c>POST /v1/chat/completions</c>.</summary>
internal static class ChatRequestReader
{
    /// <exception cref="Contracts.ProblemException">The body is malformed or a field is wrong; the problem names it.</exception>
    public static ChatRequest Read(ReadOnlyMemory<byte> body)
    {
        var root = WireJson.ParseRequest(body.Span);
        var request = new ChatRequest { Wire = WireFormat.OpenAi, Body = root, Model = WireJson.RequireString(root, "", "model") };
        ChatMessageReader.Read(WireJson.RequireArray(root, "", "messages"), request);
        foreach (var field in root.EnumerateObject())
        {
            if (field.Value.ValueKind != JsonValueKind.Null)
            {
                ReadField(field.Name, field.Value, request);
            }
        }

        return request;
    }

    private static void ReadField(string name, JsonElement value, ChatRequest request)
    {
        switch (name)
        {
            case "model" or "messages":
                break;
            case "max_completion_tokens":
                request.MaxTokens = WireJson.Count(value, name, 1);
                break;
            case "max_tokens":
                request.MaxTokens = WireJson.TryGet(request.Body, "max_completion_tokens", out _)
                    ? request.MaxTokens
                    : WireJson.Count(value, name, 1);
                break;
            case "temperature":
                request.Temperature = WireJson.Number(value, name, 0, 2);
                break;
            case "top_p":
                request.TopP = WireJson.Number(value, name, 0, 1);
                break;
            case "top_k":
                request.TopK = WireJson.Count(value, name, -1);
                break;
            case "stop":
                request.Stop = ReadStop(value);
                break;
            case "stream":
                request.Stream = WireJson.Bool(value, name);
                break;
            case "stream_options":
                ReadStreamOptions(WireJson.Object(value, name), request);
                break;
            case "tools":
                ReadTools(WireJson.Array(value, name), request);
                break;
            case "functions":
                ReadFunctions(WireJson.Array(value, name), request);
                break;
            case "tool_choice" or "function_call":
                request.ToolChoice = ReadToolChoice(name, value);
                break;
            case "parallel_tool_calls":
                request.ParallelTools = WireJson.Bool(value, name);
                break;
            case "response_format":
                request.ResponseFormat = ReadResponseFormat(WireJson.Object(value, name));
                break;
            case "reasoning_effort":
                var effort = WireJson.String(value, name);
                request.Reasoning = new Reasoning(effort == "none" ? ReasoningMode.Disabled : ReasoningMode.Unset, effort);
                break;
            case "logprobs":
                request.TopLogprobs ??= WireJson.Bool(value, name) ? 0 : null;
                break;
            case "top_logprobs":
                request.TopLogprobs = WireJson.Count(value, name, 0) is > 0 and var top ? top : request.TopLogprobs;
                break;
            case "user":
                request.User = WireJson.String(value, name);
                break;
            case "service_tier":
                request.ServiceTier = WireJson.String(value, name);
                break;
            default:
                if (!IsDefault(name, value))
                {
                    request.Unshared.AddOnce(name);
                }

                break;
        }
    }

    private static string[] ReadStop(JsonElement value)
    {
        if (value.ValueKind == JsonValueKind.String)
        {
            return [value.GetString()!];
        }

        if (value.ValueKind != JsonValueKind.Array)
        {
            throw WireJson.Invalid("stop", "must be a string or an array of strings");
        }

        return [.. value.EnumerateArray().Select((item, i) => WireJson.String(item, $"stop[{i}]"))];
    }

    private static void ReadStreamOptions(JsonElement options, ChatRequest request)
    {
        foreach (var option in options.EnumerateObject())
        {
            if (option.Name == "include_usage" && option.Value.ValueKind != JsonValueKind.Null)
            {
                request.IncludeUsage = WireJson.Bool(option.Value, "stream_options.include_usage");
            }
            else if (option.Name != "include_usage" && option.Value.ValueKind is not (JsonValueKind.Null or JsonValueKind.False))
            {
                request.Unshared.AddOnce($"stream_options.{option.Name}");
            }
        }
    }

    private static void ReadTools(JsonElement tools, ChatRequest request)
    {
        var i = 0;
        foreach (var tool in tools.EnumerateArray())
        {
            var path = $"tools[{i++}]";
            var type = WireJson.RequireString(WireJson.Object(tool, path), path, "type");
            var definition = tool;
            switch (type)
            {
                case "function":
                    definition = WireJson.RequireObject(tool, path, "function");
                    request.Tools.Add(ReadFunction(definition, $"{path}.function", request) with { CacheControl = CacheControl(tool) });
                    break;
                case "custom":
                    definition = WireJson.RequireObject(tool, path, "custom");
                    var custom = $"{path}.custom";
                    var name = WireJson.RequireString(definition, custom, "name");
                    request.Tools.Add(new ChatTool(ToolKind.Custom, name, WireJson.OptionalString(definition, custom, "description")));
                    if (WireJson.TryGet(definition, "format", out var format) && WireJson.StringOrNull(format, "type") != "text")
                    {
                        request.Unshared.AddOnce("tools[].custom.format");
                    }

                    break;
                default:
                    request.Tools.Add(new ChatTool(ToolKind.Opaque, type));
                    break;
            }

            AddUnknown(tool, "tools[]", ["type", type, "cache_control"], request);
        }
    }

    private static void ReadFunctions(JsonElement functions, ChatRequest request)
    {
        request.LegacyFunctions = true;
        var i = 0;
        foreach (var function in functions.EnumerateArray())
        {
            var path = $"functions[{i++}]";
            request.Tools.Add(ReadFunction(WireJson.Object(function, path), path, request));
        }
    }

    private static ChatTool ReadFunction(JsonElement function, string path, ChatRequest request)
    {
        AddUnknown(function, "tools[].function", ["name", "description", "parameters", "strict", "cache_control"], request);
        return new ChatTool(
            ToolKind.Function,
            WireJson.RequireString(function, path, "name"),
            WireJson.OptionalString(function, path, "description"),
            WireJson.TryGet(function, "parameters", out var schema) ? WireJson.Object(schema, $"{path}.parameters") : null,
            WireJson.TryGet(function, "strict", out var strict) ? WireJson.Bool(strict, $"{path}.strict") : null);
    }

    private static ToolChoice ReadToolChoice(string field, JsonElement value)
    {
        if (value.ValueKind == JsonValueKind.String)
        {
            return new ToolChoice(ModeOf(value.GetString(), field));
        }

        if (value.ValueKind != JsonValueKind.Object)
        {
            throw WireJson.Invalid(field, "must be 'none', 'auto', 'required' or an object that names a tool");
        }

        if (field == "function_call")
        {
            return new ToolChoice(ToolChoiceMode.Named, WireJson.RequireString(value, field, "name"));
        }

        var type = WireJson.RequireString(value, field, "type");
        switch (type)
        {
            case "function" or "custom":
                var named = WireJson.RequireObject(value, field, type);
                return new ToolChoice(ToolChoiceMode.Named, WireJson.RequireString(named, $"{field}.{type}", "name"));
            case "allowed_tools":
                var path = $"{field}.allowed_tools";
                var allowed = WireJson.RequireObject(value, field, type);
                var mode = ModeOf(WireJson.RequireString(allowed, path, "mode"), $"{path}.mode");
                var names = WireJson.RequireArray(allowed, path, "tools").EnumerateArray()
                    .Select((tool, i) => AllowedName(tool, $"{path}.tools[{i}]"));
                return new ToolChoice(mode, Allowed: [.. names]);
            default:
                throw WireJson.Invalid($"{field}.type", "must be 'function', 'custom' or 'allowed_tools'");
        }
    }

    private static string AllowedName(JsonElement tool, string path)
    {
        var type = WireJson.RequireString(WireJson.Object(tool, path), path, "type");
        return WireJson.RequireString(WireJson.RequireObject(tool, path, type), $"{path}.{type}", "name");
    }

    private static ToolChoiceMode ModeOf(string? name, string field) => name switch
    {
        "none" => ToolChoiceMode.None,
        "auto" => ToolChoiceMode.Auto,
        "required" => ToolChoiceMode.Required,
        _ => throw WireJson.Invalid(field, "must be 'none', 'auto' or 'required'"),
    };

    private static ResponseFormat? ReadResponseFormat(JsonElement value)
    {
        const string Path = "response_format.json_schema";
        switch (WireJson.RequireString(value, "response_format", "type"))
        {
            case "text":
                return null;
            case "json_object":
                return new ResponseFormat(null);
            case "json_schema":
                var format = WireJson.RequireObject(value, "response_format", "json_schema");
                return new ResponseFormat(
                    WireJson.TryGet(format, "schema", out var schema) ? WireJson.Object(schema, $"{Path}.schema") : null,
                    WireJson.RequireString(format, Path, "name"),
                    WireJson.OptionalString(format, Path, "description"),
                    WireJson.TryGet(format, "strict", out var strict) ? WireJson.Bool(strict, $"{Path}.strict") : null);
            default:
                throw WireJson.Invalid("response_format.type", "must be 'text', 'json_object' or 'json_schema'");
        }
    }

    private static JsonElement? CacheControl(JsonElement value) =>
        WireJson.TryGet(value, "cache_control", out var control) ? control : null;

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

    /// <summary>Whether the field says only what every other format does anyway.</summary>
    private static bool IsDefault(string name, JsonElement value) => name switch
    {
        "n" => value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var n) && n == 1,
        "store" => value.ValueKind == JsonValueKind.False,
        "frequency_penalty" or "presence_penalty" =>
            value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var number) && number == 0,
        "logit_bias" or "metadata" => value.ValueKind == JsonValueKind.Object && !value.EnumerateObject().Any(),
        "modalities" => value.ValueKind == JsonValueKind.Array && value.EnumerateArray().All(m => WireJson.TextOrNull(m) == "text"),
        _ => false,
    };
}
