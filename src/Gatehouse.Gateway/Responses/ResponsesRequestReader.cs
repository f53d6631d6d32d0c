using System.Text.Json;
using Gatehouse.Gateway.Conversation;
using Gatehouse.Gateway.Providers;

namespace Gatehouse.Gateway.Responses;

/// <summary>Reads the body of <c>POST /v1/responses</c> for a provider that does not speak it.</summary>
internal static class ResponsesRequestReader
{
    /// <exception cref="Contracts.ProblemException">The body is malformed or a field is wrong; the problem names it.</exception>
    public static ChatRequest Read(ReadOnlyMemory<byte> body)
    {
        var root = WireJson.ParseRequest(body.Span);
        var request = new ChatRequest { Wire = WireFormat.Responses, Body = root, Model = WireJson.RequireString(root, "", "model") };
        if (WireJson.OptionalString(root, "", "instructions") is { Length: > 0 } instructions)
        {
            request.Messages.Add(new ChatMessage(ChatRole.System, [new TextPart(instructions)]));
        }

        if (WireJson.TryGet(root, "prompt", out _))
        {
            throw WireJson.Invalid(
                "prompt", "is kept at OpenAI, and this route's target does not speak its format: send 'instructions' and 'input'");
        }

        ResponsesItemReader.Read(
            WireJson.TryGet(root, "input", out var input) ? input : throw WireJson.Invalid("input", "is required"), request);
        if (request.Messages.Count == 0)
        {
            throw WireJson.Invalid("input", "must hold at least one item that the model can read");
        }

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
            case "model" or "input" or "instructions":
            case "store" or "previous_response_id" or "background" or "metadata": // Gatehouse's own business
            case "include":
                request.TopLogprobs ??= Logprobs.IsIncluded(value) ? 0 : null;
                break;
            case "top_logprobs":
                request.TopLogprobs = WireJson.Count(value, name, 0) is > 0 and var top ? top : request.TopLogprobs;
                break;
            case "stream_options": // asks for more about what is there: nothing is lost without it
                break;
            case "max_output_tokens":
                request.MaxTokens = WireJson.Count(value, name, 1);
                break;
            case "temperature":
                request.Temperature = WireJson.Number(value, name, 0, 2);
                break;
            case "top_p":
                request.TopP = WireJson.Number(value, name, 0, 1);
                break;
            case "stream":
                request.Stream = WireJson.Bool(value, name);
                break;
            case "tools":
                ReadTools(WireJson.Array(value, name), request);
                break;
            case "tool_choice":
                request.ToolChoice = ReadToolChoice(value, request);
                break;
            case "parallel_tool_calls":
                request.ParallelTools = WireJson.Bool(value, name);
                break;
            case "text":
                ReadText(WireJson.Object(value, name), request);
                break;
            case "reasoning":
                ReadReasoning(WireJson.Object(value, name), request);
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

    private static void ReadTools(JsonElement tools, ChatRequest request)
    {
        var i = 0;
        foreach (var tool in tools.EnumerateArray())
        {
            var path = $"tools[{i++}]";
            var type = WireJson.RequireString(WireJson.Object(tool, path), path, "type");
            if (type is not ("function" or "custom"))
            {
                request.Tools.Add(new ChatTool(ToolKind.Opaque, type)); // runs at OpenAI: the writers say that they cannot carry it
                continue;
            }

            var name = WireJson.RequireString(tool, path, "name");
            var description = WireJson.OptionalString(tool, path, "description");
            if (type == "custom")
            {
                request.Tools.Add(new ChatTool(ToolKind.Custom, name, description));
                if (WireJson.TryGet(tool, "format", out var format) && WireJson.StringOrNull(format, "type") != "text")
                {
                    request.Unshared.AddOnce("tools[].format");
                }

                continue;
            }

            request.Tools.Add(new ChatTool(
                ToolKind.Function,
                name,
                description,
                WireJson.TryGet(tool, "parameters", out var schema) ? WireJson.Object(schema, $"{path}.parameters") : null,
                WireJson.TryGet(tool, "strict", out var strict) ? WireJson.Bool(strict, $"{path}.strict") : null));
        }
    }

    private static ToolChoice ReadToolChoice(JsonElement value, ChatRequest request)
    {
        const string Field = "tool_choice";
        if (value.ValueKind == JsonValueKind.String)
        {
            return new ToolChoice(ModeOf(value.GetString(), Field));
        }

        var type = WireJson.RequireString(WireJson.Object(value, Field), Field, "type");
        switch (type)
        {
            case "function" or "custom":
                return new ToolChoice(ToolChoiceMode.Named, WireJson.RequireString(value, Field, "name"));
            case "allowed_tools":
                var mode = ModeOf(WireJson.RequireString(value, Field, "mode"), $"{Field}.mode");
                var allowed = new List<string>();
                foreach (var tool in WireJson.RequireArray(value, Field, "tools").EnumerateArray())
                {
                    allowed.Add(WireJson.StringOrNull(tool, "name") ?? WireJson.StringOrEmpty(tool, "type"));
                }

                return new ToolChoice(mode, Allowed: allowed);
            default:
                throw WireJson.Invalid(
                    Field, $"forces the tool '{ParameterNames.Shown(type, 64)}', which runs at OpenAI; the model '{ParameterNames.Shown(request.Model, 64)}' is served by another provider");
        }
    }

    private static ToolChoiceMode ModeOf(string? name, string field) => name switch
    {
        "none" => ToolChoiceMode.None,
        "auto" => ToolChoiceMode.Auto,
        "required" => ToolChoiceMode.Required,
        _ => throw WireJson.Invalid(field, "must be 'none', 'auto' or 'required'"),
    };

    private static void ReadText(JsonElement text, ChatRequest request)
    {
        const string Path = "text.format";
        foreach (var field in text.EnumerateObject())
        {
            if (field.Name != "format" && field.Value.ValueKind != JsonValueKind.Null && !IsDefault($"text.{field.Name}", field.Value))
            {
                request.Unshared.AddOnce($"text.{field.Name}");
            }
        }

        if (!WireJson.TryGet(text, "format", out var format))
        {
            return;
        }

        request.ResponseFormat = WireJson.RequireString(WireJson.Object(format, Path), Path, "type") switch
        {
            "text" => null,
            "json_object" => new ResponseFormat(null),
            "json_schema" => new ResponseFormat(
                WireJson.RequireObject(format, Path, "schema"),
                WireJson.RequireString(format, Path, "name"),
                WireJson.OptionalString(format, Path, "description"),
                WireJson.TryGet(format, "strict", out var strict) ? WireJson.Bool(strict, $"{Path}.strict") : null),
            _ => throw WireJson.Invalid($"{Path}.type", "must be 'text', 'json_object' or 'json_schema'"),
        };
    }

    private static void ReadReasoning(JsonElement reasoning, ChatRequest request)
    {
        if (WireJson.OptionalString(reasoning, "reasoning", "effort") is { } effort)
        {
            request.Reasoning = new Reasoning(effort == "none" ? ReasoningMode.Disabled : ReasoningMode.Unset, effort);
        }

        foreach (var field in reasoning.EnumerateObject())
        {
            // A summary is what other providers show of their thinking anyway.
            if (field.Name is not ("effort" or "summary" or "generate_summary") && field.Value.ValueKind != JsonValueKind.Null)
            {
                request.Unshared.AddOnce($"reasoning.{field.Name}");
            }
        }
    }

    /// <summary>Whether the field says only what every other format does anyway.</summary>
    private static bool IsDefault(string name, JsonElement value) => name switch
    {
        "truncation" => WireJson.TextOrNull(value) == "disabled",
        "text.verbosity" => WireJson.TextOrNull(value) == "medium",
        _ => false,
    };
}
