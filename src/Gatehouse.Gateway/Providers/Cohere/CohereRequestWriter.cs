using System.Buffers;
using System.Text.Json;
using Gatehouse.Gateway.Conversation;
using Gatehouse.Gateway.Generate;

namespace Gatehouse.Gateway.Providers.Cohere;

/// <summary>Writes the body of <c>POST /chat</c>.</summary>
internal static class CohereRequestWriter
{
    private const int MaxStops = 5;

    /// <summary>Fields of the other formats that this one has under its own name.</summary>
    private static readonly (string Chat, string Gemini, string Cohere)[] Same =
    [
        ("seed", "seed", "seed"), ("presence_penalty", "presencePenalty", "presence_penalty"),
        ("frequency_penalty", "frequencyPenalty", "frequency_penalty"),
    ];

    /// <param name="dropped">Receives the names of parameters that cannot be carried, or not with their full meaning.</param>
    public static void Write(ChatRequest r, string model, IBufferWriter<byte> to, List<string> dropped)
    {
        Report(r, dropped);
        var tools = Offered(r, dropped);
        r.AnswersByTool = tools.Count > 0 && SchemaTool.Fits(r); // a response format excludes tools there
        using var json = JsonOut.Begin(to);
        json.WriteStartObject();
        json.WriteString("model", model);
        json.WriteBoolean("stream", r.Stream);
        CohereMessageWriter.Write(json, r, Instruction(r, tools.Count, dropped), dropped);
        WriteSampling(json, r, dropped);
        WriteThinking(json, r, model, dropped);
        if (r.ResponseFormat is { } format && tools.Count == 0)
        {
            json.WriteStartObject("response_format");
            json.WriteString("type", "json_object");
            if (format.Schema is { } schema)
            {
                json.WriteRaw("schema", schema);
            }

            json.WriteEndObject();
        }

        WriteTools(json, r, tools);
        json.WriteEndObject();
    }

    private static void Report(ChatRequest r, List<string> dropped)
    {
        foreach (var name in r.Unshared)
        {
            if (!Same.Any(
                s => r.Wire == WireFormat.OpenAi ? name == s.Chat : r.Wire == WireFormat.Gemini && name == $"generationConfig.{s.Gemini}"))
            {
                dropped.AddOnce(name);
            }
        }

        Logprobs.Drop(r, dropped);

        if (r.User is not null)
        {
            dropped.AddOnce(r.NameOf("user", "metadata.user_id", "labels"));
        }

        if (r.ServiceTier is not (null or "auto" or "default" or "standard_only"))
        {
            dropped.AddOnce("service_tier");
        }
    }

    private static void WriteSampling(Utf8JsonWriter json, ChatRequest r, List<string> dropped)
    {
        if (r.MaxTokens is { } max)
        {
            json.WriteNumber("max_tokens", max);
        }

        if (r.Temperature is { } temperature)
        {
            if (temperature > 1)
            {
                dropped.AddOnce(r.NameOf("temperature", "temperature", "generationConfig.temperature"));
            }

            json.WriteNumber("temperature", Math.Min(temperature, 1));
        }

        if (r.TopP is { } topP && topP < 1)
        {
            json.WriteNumber("p", Math.Clamp(topP, 0.01, 0.99));
        }

        if (r.TopK > 0)
        {
            json.WriteNumber("k", Math.Min(r.TopK.Value, 500));
        }

        if (r.Stop.Count > 0)
        {
            json.WriteStartArray("stop_sequences");
            foreach (var stop in r.Stop.Take(MaxStops))
            {
                json.WriteStringValue(stop);
            }

            json.WriteEndArray();
        }

        if (r.Stop.Count > MaxStops)
        {
            dropped.AddOnce(r.NameOf("stop", "stop_sequences", "generationConfig.stopSequences"));
        }

        var source = r.Wire == WireFormat.Gemini
            ? GenerateRequestReader.TryGet(r.Body, "generationConfig", out var config) ? config : default
            : r.Body;
        foreach (var (chat, gemini, cohere) in Same)
        {
            if (r.Wire is WireFormat.OpenAi or WireFormat.Gemini
                && WireJson.TryGet(source, r.Wire == WireFormat.OpenAi ? chat : gemini, out var value))
            {
                json.WriteRaw(cohere, value);
            }
        }
    }

    private static void WriteThinking(Utf8JsonWriter json, ChatRequest r, string model, List<string> dropped)
    {
        if (r.Reasoning is not { } reasoning)
        {
            return;
        }

        var off = reasoning.Mode == ReasoningMode.Disabled;
        if (!model.Contains("reasoning", StringComparison.OrdinalIgnoreCase))
        {
            if (!off)
            {
                dropped.AddOnce(r.NameOf("reasoning_effort", "thinking", "generationConfig.thinkingConfig"));
            }

            return;
        }

        json.WriteStartObject("thinking");
        json.WriteString("type", off ? "disabled" : "enabled");
        if (!off && (reasoning.BudgetTokens ?? BudgetOf(reasoning.Effort)) is { } budget)
        {
            json.WriteNumber("token_budget", budget);
        }

        json.WriteEndObject();
    }

    private static long? BudgetOf(string? effort) => effort switch
    {
        "minimal" or "low" => 1024,
        "medium" => 8192,
        _ => null, // as much as the model likes
    };

    /// <summary>The format has no way to name one tool: then it is the only one offered.</summary>
    private static List<ChatTool> Offered(ChatRequest r, List<string> dropped)
    {
        foreach (var tool in r.Tools)
        {
            if (tool.Kind == ToolKind.Opaque)
            {
                dropped.AddOnce($"tools[].{tool.Name}");
            }

            if (tool.CacheControl is not null)
            {
                dropped.AddOnce("cache_control");
            }
        }

        if (r.ParallelTools == false && r.Tools.Count > 0)
        {
            dropped.AddOnce(r.NameOf("parallel_tool_calls", "tool_choice.disable_parallel_tool_use", "toolConfig"));
        }

        var choice = r.ToolChoice;
        return
        [
            .. r.Tools.Where(t => t.Kind != ToolKind.Opaque
                && (choice?.Allowed is not { } allowed || allowed.Contains(t.Name))
                && (choice?.Mode != ToolChoiceMode.Named || choice.Name == t.Name)),
        ];
    }

    private static string? Instruction(ChatRequest r, int tools, List<string> dropped)
    {
        if (r.ResponseFormat is not { } format || tools == 0 || r.AnswersByTool)
        {
            return null;
        }

        if (format.Schema is not { } schema)
        {
            return "When you answer without calling a tool, answer with one JSON object and nothing else.";
        }

        // asked for, not enforced
        dropped.AddOnce(r.NameOf("response_format", "output_config.format", "generationConfig.responseJsonSchema"));
        return $"When you answer without calling a tool, answer with one JSON value that matches this JSON Schema, and nothing else:\n{schema.GetRawText()}";
    }

    private static void WriteTools(Utf8JsonWriter json, ChatRequest r, List<ChatTool> tools)
    {
        if (tools.Count == 0)
        {
            return;
        }

        json.WriteStartArray("tools");
        foreach (var tool in r.AnswersByTool ? tools.Append(SchemaTool.Of(r.ResponseFormat!)) : tools)
        {
            WriteTool(json, tool);
        }

        json.WriteEndArray();
        if (tools.TrueForAll(t => t.Strict == true))
        {
            json.WriteBoolean("strict_tools", true);
        }

        if (r.AnswersByTool || r.ToolChoice?.Mode is ToolChoiceMode.Required or ToolChoiceMode.Named)
        {
            json.WriteString("tool_choice", "REQUIRED");
        }
        else if (r.ToolChoice?.Mode == ToolChoiceMode.None)
        {
            json.WriteString("tool_choice", "NONE");
        }
    }

    private static void WriteTool(Utf8JsonWriter json, ChatTool tool)
    {
        json.WriteStartObject();
        json.WriteString("type", "function");
        json.WriteStartObject("function");
        json.WriteString("name", tool.Name);
        if (tool.Description is { } description)
        {
            json.WriteString("description", description);
        }

        json.WritePropertyName("parameters");
        Anthropic.AnthropicRequestWriter.WriteInputSchema(json, tool);
        json.WriteEndObject();
        json.WriteEndObject();
    }
}
