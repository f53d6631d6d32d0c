using System.Buffers;
using System.Text.Json;
using Gatehouse.Gateway.Conversation;

namespace Gatehouse.Gateway.Providers.Gemini;

/// <summary>Writes the body of <c>generateContent</c>; the model and whether to stream stand in its path.</summary>
internal static class GeminiRequestWriter
{
    private const int MaxStops = 5;

    /// <summary>Fields of the chat format that this one has a word for.</summary>
    private static readonly (string Chat, string Gemini)[] Same =
    [
        ("n", "candidateCount"), ("seed", "seed"), ("presence_penalty", "presencePenalty"), ("frequency_penalty", "frequencyPenalty"),
    ];

    /// <param name="dropped">Receives the names of parameters that cannot be carried, or not with their full meaning.</param>
    public static void Write(ChatRequest r, string model, IBufferWriter<byte> to, List<string> dropped)
    {
        using var json = JsonOut.Begin(to);
        var known = GeminiModel.From(model);
        Report(r, dropped);
        json.WriteStartObject();
        GeminiContentWriter.Write(json, r, known, JsonInstruction(r, known, dropped), dropped);
        WriteGenerationConfig(json, r, known, dropped);
        WriteTools(json, r, dropped);
        json.WriteEndObject();
    }

    private static void Report(ChatRequest r, List<string> dropped)
    {
        foreach (var name in r.Unshared)
        {
            if (!IsSame(r, name))
            {
                dropped.AddOnce(name);
            }
        }

        if (r.User is not null)
        {
            dropped.AddOnce(r.NameOf("user", "metadata.user_id", "labels"));
        }

        if (r.ServiceTier is not (null or "auto" or "default" or "standard_only"))
        {
            dropped.AddOnce("service_tier");
        }

        if (r.ParallelTools == false && r.Tools.Count > 0)
        {
            dropped.AddOnce(r.NameOf("parallel_tool_calls", "tool_choice.disable_parallel_tool_use", "toolConfig"));
        }
    }

    private static bool IsSame(ChatRequest r, string name) => r.Wire == WireFormat.OpenAi && Same.Any(s => s.Chat == name);

    private static void WriteGenerationConfig(Utf8JsonWriter json, ChatRequest r, GeminiModel model, List<string> dropped)
    {
        json.WriteStartObject("generationConfig");
        if (r.Temperature is { } temperature)
        {
            json.WriteNumber("temperature", temperature);
        }

        if (r.TopP is { } topP)
        {
            json.WriteNumber("topP", topP);
        }

        if (r.TopK > 0)
        {
            json.WriteNumber("topK", r.TopK.Value);
        }

        if (r.MaxTokens is { } max)
        {
            json.WriteNumber("maxOutputTokens", max);
        }

        WriteStops(json, r, dropped);
        foreach (var (chat, gemini) in Same)
        {
            if (r.Wire == WireFormat.OpenAi && WireJson.TryGet(r.Body, chat, out var value))
            {
                json.WriteRaw(gemini, value);
            }
        }

        if (r.TopLogprobs is { } top)
        {
            json.WriteBoolean("responseLogprobs", true);
            if (top > 0)
            {
                json.WriteNumber("logprobs", top);
            }
        }

        if (r.ResponseFormat is { } format && MayEnforce(r, model))
        {
            json.WriteString("responseMimeType", "application/json");
            if (format.Schema is { } schema)
            {
                json.WriteRaw("responseJsonSchema", schema);
            }
        }

        GeminiThinking.Write(json, r, model, dropped);
        json.WriteEndObject();
    }

    private static void WriteStops(Utf8JsonWriter json, ChatRequest r, List<string> dropped)
    {
        if (r.Stop.Count == 0)
        {
            return;
        }

        json.WriteStartArray("stopSequences");
        foreach (var stop in r.Stop.Where(s => s.Length > 0).Take(MaxStops))
        {
            json.WriteStringValue(stop);
        }

        json.WriteEndArray();
        if (r.Stop.Count > MaxStops || r.Stop.Contains(""))
        {
            dropped.AddOnce(r.NameOf("stop", "stop_sequences", "generationConfig.stopSequences"));
        }
    }

    private static bool MayEnforce(ChatRequest r, GeminiModel model) => model.TakesSchemaWithTools || !r.Tools.Any(t => IsWritten(t, r));

    /// <summary>Models before 3 refuse a response format along with tools: it must be said in words.</summary>
    private static string? JsonInstruction(ChatRequest r, GeminiModel model, List<string> dropped)
    {
        if (r.ResponseFormat is not { } format || MayEnforce(r, model))
        {
            return null;
        }

        // asked for, not enforced
        dropped.AddOnce(r.NameOf("response_format", "output_config.format", "generationConfig.responseJsonSchema"));
        return format.Schema is { } schema
            ? $"When you answer without calling a tool, answer with one JSON value that matches this JSON Schema, and nothing else:\n{schema.GetRawText()}"
            : "When you answer without calling a tool, answer with one JSON object and nothing else.";
    }

    private static void WriteTools(Utf8JsonWriter json, ChatRequest r, List<string> dropped)
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

        if (!r.Tools.Any(t => IsWritten(t, r)))
        {
            return;
        }

        json.WriteStartArray("tools");
        json.WriteStartObject();
        json.WriteStartArray("functionDeclarations");
        foreach (var tool in r.Tools)
        {
            if (IsWritten(tool, r))
            {
                WriteTool(json, tool);
            }
        }

        json.WriteEndArray();
        json.WriteEndObject();
        json.WriteEndArray();
        WriteToolChoice(json, r);
    }

    /// <summary>Tools that the caller's choice forbids are left out: the format's list of allowed ones forces a call.</summary>
    private static bool IsWritten(ChatTool tool, ChatRequest r) =>
        tool.Kind != ToolKind.Opaque && (r.ToolChoice?.Allowed is not { } allowed || allowed.Contains(tool.Name));

    private static void WriteTool(Utf8JsonWriter json, ChatTool tool)
    {
        json.WriteStartObject();
        json.WriteString("name", tool.Name);
        if (tool.Description is { } description)
        {
            json.WriteString("description", description);
        }

        if (tool.Kind == ToolKind.Custom)
        {
            json.WritePropertyName("parametersJsonSchema");
            json.WriteRawValue(ToolArguments.CustomSchema, skipInputValidation: true);
        }
        else if (tool.Schema is { } schema && schema.EnumerateObject().Any()) // an empty one is refused
        {
            json.WriteRaw("parametersJsonSchema", schema);
        }

        json.WriteEndObject();
    }

    /// <summary>A strict tool asks for <c>VALIDATED</c>, which holds the model to the schemas and leaves it free to call.</summary>
    private static void WriteToolChoice(Utf8JsonWriter json, ChatRequest r)
    {
        var strict = r.Tools.Any(t => t.Strict == true);
        if (r.ToolChoice is null && !strict)
        {
            return;
        }

        json.WriteStartObject("toolConfig");
        json.WriteStartObject("functionCallingConfig");
        var mode = r.ToolChoice?.Mode ?? ToolChoiceMode.Auto;
        json.WriteString("mode", mode switch
        {
            ToolChoiceMode.None => "NONE",
            ToolChoiceMode.Required or ToolChoiceMode.Named => "ANY",
            _ => strict ? "VALIDATED" : "AUTO",
        });
        if (mode == ToolChoiceMode.Named)
        {
            json.WriteStartArray("allowedFunctionNames");
            json.WriteStringValue(r.ToolChoice!.Name);
            json.WriteEndArray();
        }

        json.WriteEndObject();
        json.WriteEndObject();
    }
}
