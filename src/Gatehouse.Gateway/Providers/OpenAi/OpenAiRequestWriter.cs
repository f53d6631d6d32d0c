using System.Buffers;
using System.Text.Json;
using Gatehouse.Gateway.Completions;
using Gatehouse.Gateway.Conversation;
using Gatehouse.Gateway.Generate;

namespace Gatehouse.Gateway.Providers.OpenAi;

/// <summary>Writes the body of <c>POST /chat/completions</c> for a request of another format.</summary>
internal static class OpenAiRequestWriter
{
    private const int MaxStops = 4;

    /// <summary>Fields of Google's format that this one has a word for.</summary>
    private static readonly (string Chat, string Gemini)[] Same =
    [
        ("n", "candidateCount"), ("seed", "seed"), ("presence_penalty", "presencePenalty"), ("frequency_penalty", "frequencyPenalty"),
    ];

    /// <param name="dropped">Receives the names of parameters that cannot be carried, or not with their full meaning.</param>
    public static void Write(ChatRequest r, string model, ProviderSettings p, IBufferWriter<byte> to, List<string> dropped)
    {
        using var json = JsonOut.Begin(to);
        json.WriteStartObject();
        json.WriteString("model", model);
        WriteMembers(json, r, model, p, dropped);

        json.WriteEndObject();
    }

    private static void WriteMembers(Utf8JsonWriter json, ChatRequest r, string model, ProviderSettings p, List<string> dropped)
    {
        foreach (var name in r.Unshared)
        {
            if (!IsSame(r, name))
            {
                dropped.AddOnce(name);
            }
        }

        var quirks = OpenAiQuirks.Of(p.Kind);
        r.AnswersByTool = !quirks.EnforcesSchemas && SchemaTool.Fits(r);
        WriteSame(json, r, quirks);
        OpenAiMessageWriter.Write(json, r, p, dropped);
        if (r.MaxTokens is { } max)
        {
            json.WriteNumber(p.MaxTokensField, max);
        }

        WriteSampling(json, r, model, quirks, dropped);
        WriteReasoning(json, r, model, dropped);
        WriteResponseFormat(json, r, quirks, dropped);
        WriteTools(json, r, quirks, dropped);
        WriteCaller(json, r, p, quirks, dropped);

        if (r.Stream)
        {
            json.WriteBoolean("stream", true);
            if (p.StreamUsage)
            {
                json.WriteStartObject("stream_options");
                json.WriteBoolean("include_usage", true);
                json.WriteEndObject();
            }
        }
    }

    private static void WriteCaller(Utf8JsonWriter json, ChatRequest r, ProviderSettings p, OpenAiQuirks quirks, List<string> dropped)
    {
        if (r.User is { } user)
        {
            if (quirks.TakesCaller)
            {
                json.WriteString("user", user);
            }
            else
            {
                dropped.AddOnce(r.NameOf("user", "metadata.user_id", "labels"));
            }
        }

        if (!quirks.TakesCaller)
        {
            if (r.ServiceTier is not (null or "auto" or "default" or "standard_only"))
            {
                dropped.AddOnce("service_tier");
            }

            return;
        }

        switch (r.ServiceTier)
        {
            case null:
                break;
            case "auto":
                json.WriteString("service_tier", "auto");
                break;
            case "standard_only":
                json.WriteString("service_tier", "default");
                break;
            case var tier when r.Wire == WireFormat.Responses && p.Kind is "openai" or "azure":
                json.WriteString("service_tier", tier);
                break;
            case "default" when r.Wire == WireFormat.Responses:
                break;
            default:
                dropped.AddOnce("service_tier");
                break;
        }
    }

    private static bool IsSame(ChatRequest r, string name) => r.Wire switch
    {
        WireFormat.Gemini => Same.Any(s => name == $"generationConfig.{s.Gemini}"),
        WireFormat.Completions => CompletionsRequestReader.IsSameInChat(name),
        _ => false,
    };

    private static void WriteSame(Utf8JsonWriter json, ChatRequest r, OpenAiQuirks quirks)
    {
        if (r.Wire == WireFormat.Completions)
        {
            CompletionsRequestReader.WriteSame(json, r);
        }

        if (r.Wire == WireFormat.Gemini && GenerateRequestReader.TryGet(r.Body, "generationConfig", out var config))
        {
            foreach (var (chat, gemini) in Same)
            {
                if (GenerateRequestReader.TryGet(config, gemini, out var value))
                {
                    json.WriteRaw(chat == "seed" ? quirks.Seed : chat, value);
                }
            }
        }
    }

    private static void WriteSampling(Utf8JsonWriter json, ChatRequest r, string model, OpenAiQuirks quirks, List<string> dropped)
    {
        if (OpenAiModel.TakesSampling(model))
        {
            WriteTemperature(json, r, dropped);
        }
        else
        {
            DropSampling(r, dropped);
        }

        if (r.TopLogprobs is { } top)
        {
            json.WriteBoolean("logprobs", true);
            if (top > 0)
            {
                json.WriteNumber("top_logprobs", top);
            }
        }

        if (r.TopK is { } topK)
        {
            if (quirks.TakesTopK)
            {
                json.WriteNumber("top_k", topK);
            }
            else
            {
                dropped.AddOnce(r.NameOf("top_k", "top_k", "generationConfig.topK"));
            }
        }
    }

    private static void WriteTemperature(Utf8JsonWriter json, ChatRequest r, List<string> dropped)
    {
        if (r.Temperature is { } temperature)
        {
            json.WriteNumber("temperature", temperature);
        }

        if (r.TopP is { } topP)
        {
            json.WriteNumber("top_p", topP);
        }

        if (r.Stop.Count > 0)
        {
            json.WriteStartArray("stop");
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

        if (r.Stop.Count > 0)
        {
            dropped.AddOnce(r.NameOf("stop", "stop_sequences", "generationConfig.stopSequences"));
        }
    }

    private static void WriteReasoning(Utf8JsonWriter json, ChatRequest r, string model, List<string> dropped)
    {
        if (r.Reasoning is not { } reasoning)
        {
            return;
        }

        var name = r.NameOf(
            "reasoning_effort", reasoning.Mode == ReasoningMode.Unset ? "output_config.effort" : "thinking",
            "generationConfig.thinkingConfig");
        if (!OpenAiModel.Reasons(model))
        {
            if (reasoning.Mode != ReasoningMode.Disabled)
            {
                dropped.AddOnce(name);
            }

            return;
        }

        if (reasoning.Mode == ReasoningMode.Disabled)
        {
            if (OpenAiModel.LeastEffort(model) is { } least)
            {
                json.WriteString("reasoning_effort", least);
            }
            else if (OpenAiModel.AlwaysReasons(model))
            {
                dropped.AddOnce(name);
            }
        }
        else if ((reasoning.Effort ?? EffortOf(reasoning.BudgetTokens)) is { } effort)
        {
            json.WriteString("reasoning_effort", effort);
        }
    }

    private static string? EffortOf(long? budget) => budget switch
    {
        null => null,
        >= 10000 => "high",
        >= 5000 => "medium",
        >= 2000 => "low",
        _ => "minimal",
    };

    private static void WriteResponseFormat(Utf8JsonWriter json, ChatRequest r, OpenAiQuirks quirks, List<string> dropped)
    {
        if (r.ResponseFormat is not { } format || r.AnswersByTool)
        {
            return;
        }

        if (format.Schema is not null && !quirks.EnforcesSchemas)
        {
            // some JSON object is all that is enforced
            dropped.AddOnce(r.NameOf("response_format", "output_config.format", "generationConfig.responseSchema"));
        }

        json.WriteStartObject("response_format");
        if (format.Schema is { } schema && quirks.EnforcesSchemas)
        {
            json.WriteString("type", "json_schema");
            json.WriteStartObject("json_schema");
            json.WriteString("name", format.Name ?? "answer");
            json.WriteRaw("schema", schema);
            json.WriteBoolean(
                "strict", Enforced(
                    format.Strict ?? true, schema, r.NameOf("response_format", "output_config.format", "generationConfig.responseSchema"),
                    dropped));
            json.WriteEndObject();
        }
        else
        {
            json.WriteString("type", "json_object");
        }

        json.WriteEndObject();
    }

    private static void WriteTools(Utf8JsonWriter json, ChatRequest r, OpenAiQuirks quirks, List<string> dropped)
    {
        var open = false;
        foreach (var tool in r.Tools)
        {
            if (tool.CacheControl is not null)
            {
                dropped.AddOnce("cache_control");
            }

            if (tool.Kind == ToolKind.Opaque)
            {
                dropped.AddOnce($"tools[].{tool.Name}");
                continue;
            }

            if (r.ToolChoice?.Allowed is { } allowed && !allowed.Contains(tool.Name))
            {
                continue; // what the caller's choice forbids is not offered
            }

            if (!open)
            {
                open = true;
                json.WriteStartArray("tools");
            }

            WriteTool(json, tool, dropped);
        }

        var own = open; // tools of the caller
        if (r.AnswersByTool)
        {
            if (!open)
            {
                open = true;
                json.WriteStartArray("tools");
            }

            WriteTool(json, SchemaTool.Of(r.ResponseFormat!), dropped);
        }

        if (!open)
        {
            return;
        }

        json.WriteEndArray();
        WriteChoice(json, r, quirks, own, dropped);
    }

    private static void WriteChoice(Utf8JsonWriter json, ChatRequest r, OpenAiQuirks quirks, bool own, List<string> dropped)
    {
        var choice = r.ToolChoice;
        if (r.AnswersByTool)
        {
            // With tools of the caller, one of them or the answer; without, the answer.
            choice = own && choice?.Mode != ToolChoiceMode.None
                ? new ToolChoice(ToolChoiceMode.Required)
                : new ToolChoice(ToolChoiceMode.Named, SchemaTool.Name);
        }

        if (!quirks.TakesToolChoice)
        {
            if (choice?.Mode is ToolChoiceMode.Required or ToolChoiceMode.Named or ToolChoiceMode.None)
            {
                dropped.AddOnce(r.NameOf("tool_choice", "tool_choice", "toolConfig.functionCallingConfig.mode"));
            }

            if (r.ParallelTools == false)
            {
                dropped.AddOnce(r.NameOf("parallel_tool_calls", "tool_choice.disable_parallel_tool_use", "toolConfig"));
            }

            return;
        }

        if (choice is not null)
        {
            WriteToolChoice(json, choice);
        }

        if (r.ParallelTools is { } parallel)
        {
            json.WriteBoolean("parallel_tool_calls", parallel);
        }
    }

    private static void WriteTool(Utf8JsonWriter json, ChatTool tool, List<string> dropped)
    {
        json.WriteStartObject();
        json.WriteString("type", "function");
        json.WriteStartObject("function");
        json.WriteString("name", tool.Name);
        if (tool.Description is { } description)
        {
            json.WriteString("description", description);
        }

        if (tool.Schema is { } schema)
        {
            json.WriteRaw("parameters", schema);
        }
        else if (tool.Kind == ToolKind.Custom)
        {
            json.WritePropertyName("parameters");
            json.WriteRawValue(ToolArguments.CustomSchema, skipInputValidation: true);
        }

        if (tool.Strict is { } strict)
        {
            json.WriteBoolean("strict", Enforced(strict, tool.Schema, "tools[].strict", dropped));
        }

        json.WriteEndObject();
        json.WriteEndObject();
    }

    /// <summary>
    /// A schema beyond the rules of strict mode is refused under it: it is then followed as well as the model can, and that is reported.
    /// </summary>
    private static bool Enforced(bool strict, JsonElement? schema, string name, List<string> dropped)
    {
        var enforced = strict && schema is { } s && StrictSchema.IsMet(s);
        if (strict && !enforced)
        {
            dropped.AddOnce(name);
        }

        return enforced;
    }

    private static void WriteToolChoice(Utf8JsonWriter json, ToolChoice choice)
    {
        switch (choice.Mode)
        {
            case ToolChoiceMode.Named:
                json.WriteStartObject("tool_choice");
                json.WriteString("type", "function");
                json.WriteStartObject("function");
                json.WriteString("name", choice.Name);
                json.WriteEndObject();
                json.WriteEndObject();
                break;
            case ToolChoiceMode.None:
                json.WriteString("tool_choice", "none");
                break;
            case ToolChoiceMode.Required:
                json.WriteString("tool_choice", "required");
                break;
            default:
                json.WriteString("tool_choice", "auto");
                break;
        }
    }
}
