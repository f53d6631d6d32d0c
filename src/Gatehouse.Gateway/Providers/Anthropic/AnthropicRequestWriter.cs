using System.Buffers;
using System.Text.Json;
using Gatehouse.Gateway.Conversation;
using Gatehouse.Gateway.Providers.Vertex;

namespace Gatehouse.Gateway.Providers.Anthropic;

/// <summary>Writes the body of <c>POST /messages</c> for a request of another format.</summary>
internal static class AnthropicRequestWriter
{
    /// <param name="dropped">Receives the names of parameters that cannot be carried, or not with their full meaning.</param>
    public static void Write(ChatRequest r, string model, ProviderSettings p, IBufferWriter<byte> to, List<string> dropped)
    {
        using var json = JsonOut.Begin(to);
        json.WriteStartObject();
        if (p.IsVertexClaude)
        {
            VertexClaude.WriteVersion(json);
        }
        else
        {
            json.WriteString("model", model);
        }

        WriteMembers(json, r, AnthropicModel.From(model), dropped);
        json.WriteEndObject();
    }

    private static void WriteMembers(Utf8JsonWriter json, ChatRequest r, AnthropicModel model, List<string> dropped)
    {
        var thinking = AnthropicThinking.For(r, model, dropped);
        r.AnswersByTool = !model.EnforcesSchemas && !thinking.On && SchemaTool.Fits(r);
        var user = r.User ?? WireJson.StringOrNull(r.Body, "safety_identifier");
        foreach (var name in r.Unshared)
        {
            if (name != "safety_identifier" || r.User is not null)
            {
                dropped.AddOnce(name);
            }
        }

        Logprobs.Drop(r, dropped);

        json.WriteNumber("max_tokens", thinking.MaxTokens);
        AnthropicMessageWriter.WriteSystem(json, r, JsonInstruction(r, model, dropped), dropped);
        AnthropicMessageWriter.WriteMessages(json, r, dropped);
        WriteSampling(json, r, model, thinking, dropped);
        WriteThinking(json, thinking);
        WriteOutputConfig(json, r, model, thinking);
        WriteTools(json, r, model, dropped);
        WriteToolChoice(json, r);
        if (user is not null)
        {
            json.WriteStartObject("metadata");
            json.WriteString("user_id", user);
            json.WriteEndObject();
        }

        switch (r.ServiceTier)
        {
            case null:
                break;
            case "auto":
                json.WriteString("service_tier", "auto");
                break;
            case "default":
                json.WriteString("service_tier", "standard_only");
                break;
            default:
                dropped.AddOnce("service_tier");
                break;
        }

        if (r.Stream)
        {
            json.WriteBoolean("stream", true);
        }
    }

    private static void WriteSampling(
        Utf8JsonWriter json, ChatRequest r, AnthropicModel model, AnthropicThinking thinking, List<string> dropped)
    {
        if (!model.TakesSampling)
        {
            DropSampling(r, dropped);
        }
        else
        {
            WriteTemperature(json, r, model, thinking, dropped);
        }

        WriteStops(json, r, dropped);
    }

    private static void DropSampling(ChatRequest r, List<string> dropped)
    {
        if (r.Temperature is { } temperature && temperature != 1)
        {
            dropped.AddOnce(r.NameOf("temperature", "temperature", "generationConfig.temperature"));
        }

        if (r.TopP < 1)
        {
            dropped.AddOnce(r.NameOf("top_p", "top_p", "generationConfig.topP"));
        }

        if (r.TopK > 0)
        {
            dropped.AddOnce(r.NameOf("top_k", "top_k", "generationConfig.topK"));
        }
    }

    private static void WriteTemperature(
        Utf8JsonWriter json, ChatRequest r, AnthropicModel model, AnthropicThinking thinking, List<string> dropped)
    {
        if (r.Temperature is { } temperature)
        {
            if (temperature > 1 || (thinking.On && temperature != 1))
            {
                // clamped to 1, the only value that thinking allows
                dropped.AddOnce(r.NameOf("temperature", "temperature", "generationConfig.temperature"));
            }

            json.WriteNumber("temperature", thinking.On ? 1 : Math.Min(temperature, 1));
        }

        if (r.TopP is { } topP && topP < 1)
        {
            if ((thinking.On && topP < 0.95) || (r.Temperature is not null && model.TakesOneOfTemperatureAndTopP))
            {
                dropped.AddOnce(r.NameOf("top_p", "top_p", "generationConfig.topP"));
            }
            else
            {
                json.WriteNumber("top_p", topP);
            }
        }

        if (r.TopK is { } topK && topK > 0)
        {
            if (thinking.On)
            {
                dropped.AddOnce(r.NameOf("top_k", "top_k", "generationConfig.topK"));
            }
            else
            {
                json.WriteNumber("top_k", topK);
            }
        }
    }

    private static void WriteStops(Utf8JsonWriter json, ChatRequest r, List<string> dropped)
    {
        if (r.Stop.Any(s => !string.IsNullOrWhiteSpace(s)))
        {
            json.WriteStartArray("stop_sequences");
            foreach (var stop in r.Stop.Where(s => !string.IsNullOrWhiteSpace(s)))
            {
                json.WriteStringValue(stop);
            }

            json.WriteEndArray();
        }

        if (r.Stop.Any(string.IsNullOrWhiteSpace))
        {
            // blank sequences are refused by the provider
            dropped.AddOnce(r.NameOf("stop", "stop_sequences", "generationConfig.stopSequences"));
        }
    }

    public static void WriteThinking(Utf8JsonWriter json, AnthropicThinking thinking)
    {
        if (thinking.Mode == ReasoningMode.Unset)
        {
            return;
        }

        json.WriteStartObject("thinking");
        switch (thinking.Mode)
        {
            case ReasoningMode.Enabled:
                json.WriteString("type", "enabled");
                json.WriteNumber("budget_tokens", thinking.Budget);
                break;
            case ReasoningMode.Adaptive:
                json.WriteString("type", "adaptive");
                break;
            default:
                json.WriteString("type", "disabled");
                break;
        }

        json.WriteEndObject();
    }

    private static void WriteOutputConfig(Utf8JsonWriter json, ChatRequest r, AnthropicModel model, AnthropicThinking thinking)
    {
        var schema = model.EnforcesSchemas ? r.ResponseFormat?.Schema : null;
        if (thinking.Effort is null && schema is null)
        {
            return;
        }

        json.WriteStartObject("output_config");
        if (thinking.Effort is { } effort)
        {
            json.WriteString("effort", effort);
        }

        if (schema is { } s)
        {
            json.WriteStartObject("format");
            json.WriteString("type", "json_schema");
            json.WriteRaw("schema", s);
            json.WriteEndObject();
        }

        json.WriteEndObject();
    }

    /// <summary>
    /// What must be said in words because no parameter says it: JSON without a schema, or a schema to a model that enforces none.
    /// </summary>
    private static string? JsonInstruction(ChatRequest r, AnthropicModel model, List<string> dropped)
    {
        if (r.ResponseFormat is not { } format || (format.Schema is not null && model.EnforcesSchemas) || r.AnswersByTool)
        {
            return null;
        }

        if (format.Schema is not { } schema)
        {
            return "Answer with one JSON object and nothing else.";
        }

        dropped.AddOnce(r.NameOf("response_format", "output_config.format", "generationConfig.responseSchema")); // asked for, not enforced
        return $"Answer with one JSON value that matches this JSON Schema, and nothing else:\n{schema.GetRawText()}";
    }

    private static void WriteTools(Utf8JsonWriter json, ChatRequest r, AnthropicModel model, List<string> dropped)
    {
        foreach (var tool in r.Tools)
        {
            if (tool.Kind == ToolKind.Opaque)
            {
                dropped.AddOnce($"tools[].{tool.Name}");
            }
        }

        if (!r.Tools.Any(t => IsWritten(t, r)) && !r.AnswersByTool)
        {
            return;
        }

        json.WriteStartArray("tools");
        foreach (var tool in r.Tools)
        {
            if (IsWritten(tool, r))
            {
                WriteTool(json, tool, model, dropped);
            }
        }

        if (r.AnswersByTool)
        {
            WriteTool(json, SchemaTool.Of(r.ResponseFormat!), model, dropped);
        }

        json.WriteEndArray();
    }

    /// <summary>Tools that the caller's choice forbids are left out: the format has no list of allowed ones.</summary>
    private static bool IsWritten(ChatTool tool, ChatRequest r) =>
        tool.Kind != ToolKind.Opaque && (r.ToolChoice?.Allowed is not { } allowed || allowed.Contains(tool.Name));

    private static void WriteTool(Utf8JsonWriter json, ChatTool tool, AnthropicModel model, List<string> dropped)
    {
        json.WriteStartObject();
        json.WriteString("name", tool.Name);
        if (tool.Description is { } description)
        {
            json.WriteString("description", description);
        }

        json.WritePropertyName("input_schema");
        WriteInputSchema(json, tool);
        if (tool.Strict == true)
        {
            if (model.EnforcesSchemas)
            {
                json.WriteBoolean("strict", true);
            }
            else
            {
                dropped.AddOnce("tools[].function.strict");
            }
        }

        if (tool.CacheControl is { } control)
        {
            json.WriteRaw("cache_control", control);
        }

        json.WriteEndObject();
    }

    public static void WriteInputSchema(Utf8JsonWriter json, ChatTool tool)
    {
        if (tool.Kind == ToolKind.Custom)
        {
            json.WriteRawValue(ToolArguments.CustomSchema, skipInputValidation: true);
        }
        else if (tool.Schema is { } schema && WireJson.TryGet(schema, "type", out _))
        {
            json.WriteRaw(schema);
        }
        else
        {
            WriteWithObjectType(json, tool.Schema);
        }
    }

    /// <summary>The format requires <c>"type":"object"</c>, which the other one lets callers leave out.</summary>
    private static void WriteWithObjectType(Utf8JsonWriter json, JsonElement? schema)
    {
        json.WriteStartObject();
        json.WriteString("type", "object");
        if (schema is { } s)
        {
            foreach (var field in s.EnumerateObject())
            {
                if (field.Name != "type")
                {
                    json.WriteRaw(field.Name, field.Value);
                }
            }
        }

        json.WriteEndObject();
    }

    private static void WriteToolChoice(Utf8JsonWriter json, ChatRequest r)
    {
        var serial = r.ParallelTools == false;
        var tools = r.Tools.Any(t => IsWritten(t, r));
        if (!r.AnswersByTool && ((r.ToolChoice is null && !serial) || !tools))
        {
            return;
        }

        json.WriteStartObject("tool_choice");
        var mode = r.ToolChoice?.Mode ?? ToolChoiceMode.Auto;
        var name = r.ToolChoice?.Name;
        if (r.AnswersByTool)
        {
            // With tools of the caller, one of them or the answer; without, the answer.
            (mode, name) = tools && mode != ToolChoiceMode.None ? (ToolChoiceMode.Required, null) : (ToolChoiceMode.Named, SchemaTool.Name);
        }

        json.WriteString("type", mode switch
        {
            ToolChoiceMode.None => "none",
            ToolChoiceMode.Required => "any",
            ToolChoiceMode.Named => "tool",
            _ => "auto",
        });
        if (mode == ToolChoiceMode.Named)
        {
            json.WriteString("name", name);
        }

        if (serial && mode != ToolChoiceMode.None)
        {
            json.WriteBoolean("disable_parallel_tool_use", true);
        }

        json.WriteEndObject();
    }
}
