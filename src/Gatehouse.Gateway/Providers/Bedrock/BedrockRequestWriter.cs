using System.Buffers;
using System.Text.Json;
using Gatehouse.Gateway.Conversation;
using Gatehouse.Gateway.Providers.Anthropic;

namespace Gatehouse.Gateway.Providers.Bedrock;

/// <summary>
/// Writes the body of <c>Converse</c>; the model and whether to stream stand in its path. What only one family of models has a word for
/// goes into <c>additionalModelRequestFields</c>.
/// </summary>
internal static class BedrockRequestWriter
{
    private const int MaxMetadataChars = 256;

    /// <param name="dropped">Receives the names of parameters that cannot be carried, or not with their full meaning.</param>
    public static void Write(ChatRequest r, string modelId, IBufferWriter<byte> to, List<string> dropped)
    {
        var model = BedrockModel.From(modelId);
        using var json = JsonOut.Begin(to);
        json.WriteStartObject();
        foreach (var name in r.Unshared)
        {
            dropped.AddOnce(name);
        }

        Logprobs.Drop(r, dropped);

        var thinking = model.IsClaude ? AnthropicThinking.For(r, model.Claude, dropped) : default;
        var schema = MeansOf(r, model, thinking);
        r.AnswersByTool = schema == SchemaMeans.Tool;
        BedrockMessageWriter.Write(json, r, model, schema == SchemaMeans.Words ? Instruction(r, dropped) : null, dropped);
        WriteInference(json, r, model, thinking, dropped);
        BedrockTools.Write(json, r, model, dropped);
        WriteOutput(json, r, thinking, schema);
        WriteAdditional(json, r, model, thinking, dropped);
        WriteCaller(json, r, dropped);
        json.WriteEndObject();
    }

    /// <returns><see langword="null"/> when no JSON is asked for.</returns>
    private static SchemaMeans? MeansOf(ChatRequest r, BedrockModel model, AnthropicThinking thinking)
    {
        if (r.ResponseFormat is not { } format)
        {
            return null;
        }

        if (format.Schema is null)
        {
            return SchemaMeans.Words;
        }

        // A forced tool call excludes thinking.
        return model.Schemas == SchemaMeans.Tool && (thinking.On || !SchemaTool.Fits(r)) ? SchemaMeans.Words : model.Schemas;
    }

    private static string Instruction(ChatRequest r, List<string> dropped)
    {
        if (r.ResponseFormat!.Schema is not { } schema)
        {
            return "Answer with one JSON object and nothing else.";
        }

        // asked for, not enforced
        dropped.AddOnce(r.NameOf("response_format", "output_config.format", "generationConfig.responseJsonSchema"));
        return $"Answer with one JSON value that matches this JSON Schema, and nothing else:\n{schema.GetRawText()}";
    }

    private static void WriteInference(
        Utf8JsonWriter json, ChatRequest r, BedrockModel model, AnthropicThinking thinking, List<string> dropped)
    {
        var stops = r.Stop.Where(s => !string.IsNullOrWhiteSpace(s)).ToList();
        if (stops.Count < r.Stop.Count)
        {
            dropped.AddOnce(r.NameOf("stop", "stop_sequences", "generationConfig.stopSequences"));
        }

        var max = thinking.On ? thinking.MaxTokens : r.MaxTokens;
        var (temperature, topP) = Sampling(r, model, thinking, dropped);
        if (max is null && temperature is null && topP is null && stops.Count == 0)
        {
            return;
        }

        json.WriteStartObject("inferenceConfig");
        if (max is { } limit)
        {
            json.WriteNumber("maxTokens", limit);
        }

        if (temperature is { } t)
        {
            json.WriteNumber("temperature", t);
        }

        if (topP is { } p)
        {
            json.WriteNumber("topP", p);
        }

        if (stops.Count > 0)
        {
            json.WriteStartArray("stopSequences");
            foreach (var stop in stops)
            {
                json.WriteStringValue(stop);
            }

            json.WriteEndArray();
        }

        json.WriteEndObject();
    }

    /// <summary>The format takes temperatures up to 1; thinking, and newer models of Claude, take fewer still.</summary>
    private static (double? Temperature, double? TopP) Sampling(
        ChatRequest r, BedrockModel model, AnthropicThinking thinking, List<string> dropped)
    {
        var takes = !model.IsClaude || model.Claude.TakesSampling;
        double? temperature = r.Temperature is { } t && takes ? thinking.On ? 1 : Math.Min(t, 1) : null;
        if (r.Temperature is { } asked && asked != (temperature ?? 1))
        {
            dropped.AddOnce(r.NameOf("temperature", "temperature", "generationConfig.temperature"));
        }

        var one = model.IsClaude && model.Claude.TakesOneOfTemperatureAndTopP && temperature is not null;
        double? topP = r.TopP is { } p && p < 1 && takes && !one && (!thinking.On || p >= 0.95) ? p : null;
        if (r.TopP < 1 && topP is null)
        {
            dropped.AddOnce(r.NameOf("top_p", "top_p", "generationConfig.topP"));
        }

        return (temperature, topP);
    }

    private static void WriteOutput(Utf8JsonWriter json, ChatRequest r, AnthropicThinking thinking, SchemaMeans? schema)
    {
        if (schema != SchemaMeans.Native && thinking.Effort is null)
        {
            return;
        }

        json.WriteStartObject("outputConfig");
        if (schema == SchemaMeans.Native)
        {
            var format = r.ResponseFormat!;
            json.WriteStartObject("textFormat");
            json.WriteString("type", "json_schema");
            json.WriteStartObject("structure");
            json.WriteStartObject("jsonSchema");
            json.WriteString("schema", format.Schema!.Value.GetRawText()); // a string there
            json.WriteString("name", format.Name ?? "answer");
            if (format.Description is { } description)
            {
                json.WriteString("description", description);
            }

            json.WriteEndObject();
            json.WriteEndObject();
            json.WriteEndObject();
        }

        if (thinking.Effort is { } effort)
        {
            json.WriteString("effort", effort);
        }

        json.WriteEndObject();
    }

    private static void WriteAdditional(
        Utf8JsonWriter json, ChatRequest r, BedrockModel model, AnthropicThinking thinking, List<string> dropped)
    {
        var topK = r.TopK > 0 ? r.TopK : null;
        if (topK is not null && !(model.IsNova || (model.IsClaude && model.Claude.TakesSampling && !thinking.On)))
        {
            dropped.AddOnce(r.NameOf("top_k", "top_k", "generationConfig.topK"));
            topK = null;
        }

        if (!model.IsClaude && r.Reasoning is { Mode: not ReasoningMode.Disabled })
        {
            dropped.AddOnce(r.NameOf("reasoning_effort", "thinking", "generationConfig.thinkingConfig"));
        }

        if (topK is null && thinking.Mode == ReasoningMode.Unset)
        {
            return;
        }

        json.WriteStartObject("additionalModelRequestFields");
        if (topK is { } k && model.IsNova)
        {
            json.WriteStartObject("inferenceConfig");
            json.WriteNumber("topK", k);
            json.WriteEndObject();
        }
        else if (topK is { } number)
        {
            json.WriteNumber("top_k", number);
        }

        AnthropicRequestWriter.WriteThinking(json, thinking);
        json.WriteEndObject();
    }

    /// <summary>Who asks goes into the metadata of the invocation log, if it fits there.</summary>
    private static void WriteCaller(Utf8JsonWriter json, ChatRequest r, List<string> dropped)
    {
        if (r.User is { Length: > 0 } user)
        {
            if (user.Length <= MaxMetadataChars
                && user.All(c => char.IsAsciiLetterOrDigit(c) || " :_@$#=/+,-.".Contains(c, StringComparison.Ordinal)))
            {
                json.WriteStartObject("requestMetadata");
                json.WriteString("user", user);
                json.WriteEndObject();
            }
            else
            {
                dropped.AddOnce(r.NameOf("user", "metadata.user_id", "labels"));
            }
        }

        switch (r.ServiceTier)
        {
            case null or "auto":
                break;
            case "default" or "standard_only":
                WriteTier(json, "default");
                break;
            case "flex" or "priority" when r.Wire == WireFormat.OpenAi:
                WriteTier(json, r.ServiceTier);
                break;
            default:
                dropped.AddOnce("service_tier");
                break;
        }
    }

    private static void WriteTier(Utf8JsonWriter json, string tier)
    {
        json.WriteStartObject("serviceTier");
        json.WriteString("type", tier);
        json.WriteEndObject();
    }
}
