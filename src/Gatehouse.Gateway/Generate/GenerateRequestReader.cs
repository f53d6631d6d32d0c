using System.Text.Json;
using Gatehouse.Gateway.Conversation;
using Gatehouse.Gateway.Providers;

namespace Gatehouse.Gateway.Generate;

/// <summary>Reads the body of <c>generateContent</c>. Google takes each field in camel case and in snake case.</summary>
internal static class GenerateRequestReader
{
    private const string Config = "generationConfig";

    /// <exception cref="Contracts.ProblemException">The body is malformed or a field is wrong; the problem names it.</exception>
    public static ChatRequest Read(ReadOnlyMemory<byte> body, string model, bool stream)
    {
        var root = WireJson.ParseRequest(body.Span);
        if (WireJson.TryGet(root, "generateContentRequest", out var inner))
        {
            root = WireJson.Object(inner, "generateContentRequest"); // how token counts are asked for
        }

        var request = new ChatRequest { Wire = WireFormat.Gemini, Body = root, Model = model, Stream = stream };
        foreach (var field in root.EnumerateObject())
        {
            if (Camel(field.Name) == "systemInstruction" && field.Value.ValueKind != JsonValueKind.Null)
            {
                request.Messages.Add(GenerateContentReader.ReadSystem(field.Value, request));
            }
        }

        GenerateContentReader.ReadContents(WireJson.RequireArray(root, "", "contents"), request);
        foreach (var field in root.EnumerateObject())
        {
            if (field.Value.ValueKind != JsonValueKind.Null)
            {
                ReadField(Camel(field.Name), field.Value, request);
            }
        }

        return request;
    }

    /// <summary>The field's name in camel case.</summary>
    public static string Camel(string name)
    {
        if (!name.Contains('_', StringComparison.Ordinal))
        {
            return name;
        }

        var words = name.Split('_', StringSplitOptions.RemoveEmptyEntries);
        return string.Concat(words.Select((word, i) => i == 0 ? word : char.ToUpperInvariant(word[0]) + word[1..]));
    }

    /// <summary>A field under either of its names.</summary>
    public static bool TryGet(JsonElement parent, string name, out JsonElement value)
    {
        if (WireJson.TryGet(parent, name, out value))
        {
            return true;
        }

        foreach (var field in parent.ValueKind == JsonValueKind.Object ? parent.EnumerateObject() : default)
        {
            if (field.Value.ValueKind != JsonValueKind.Null && Camel(field.Name) == name)
            {
                value = field.Value;
                return true;
            }
        }

        return false;
    }

    private static void ReadField(string name, JsonElement value, ChatRequest request)
    {
        switch (name)
        {
            case "model" or "contents" or "systemInstruction":
                break;
            case Config:
                foreach (var field in WireJson.Object(value, Config).EnumerateObject())
                {
                    if (field.Value.ValueKind != JsonValueKind.Null)
                    {
                        ReadConfig(Camel(field.Name), field.Value, value, request);
                    }
                }

                break;
            case "tools":
                ReadTools(WireJson.Array(value, name), request);
                break;
            case "toolConfig":
                request.ToolChoice = TryGet(WireJson.Object(value, name), "functionCallingConfig", out var calling)
                    ? ReadToolChoice(WireJson.Object(calling, "toolConfig.functionCallingConfig"))
                    : null;
                break;
            default:
                request.Unshared.AddOnce(name);
                break;
        }
    }

    private static void ReadConfig(string name, JsonElement value, JsonElement config, ChatRequest request)
    {
        var path = $"{Config}.{name}";
        switch (name)
        {
            case "temperature":
                request.Temperature = WireJson.Number(value, path, 0, 2);
                break;
            case "topP":
                request.TopP = WireJson.Number(value, path, 0, 1);
                break;
            case "topK":
                request.TopK = WireJson.Count(value, path, 0);
                break;
            case "maxOutputTokens":
                request.MaxTokens = WireJson.Count(value, path, 1);
                break;
            case "stopSequences":
                request.Stop = [.. WireJson.Array(value, path).EnumerateArray().Select((item, i) => WireJson.String(item, $"{path}[{i}]"))];
                break;
            case "responseMimeType" when WireJson.String(value, path) == "application/json":
                JsonElement? schema = TryGet(config, "responseJsonSchema", out var plain)
                    ? WireJson.Object(plain, $"{Config}.responseJsonSchema")
                    : TryGet(config, "responseSchema", out var typed)
                        ? GoogleSchema.ToJsonSchema(WireJson.Object(typed, $"{Config}.responseSchema"))
                    : null;
                request.ResponseFormat = new ResponseFormat(schema, Strict: schema is null ? null : true);
                break;
            case "responseJsonSchema" or "responseSchema":
                break;
            case "responseLogprobs":
                request.TopLogprobs ??= WireJson.Bool(value, path) ? 0 : null;
                break;
            case "logprobs":
                request.TopLogprobs = WireJson.Count(value, path, 0) is > 0 and var top ? top : request.TopLogprobs;
                break;
            case "thinkingConfig":
                request.Reasoning = ReadThinking(WireJson.Object(value, path), path);
                break;
            default:
                if (!IsDefault(name, value))
                {
                    request.Unshared.AddOnce(path);
                }

                break;
        }
    }

    private static Reasoning? ReadThinking(JsonElement thinking, string path)
    {
        if (TryGet(thinking, "thinkingBudget", out var budget))
        {
            return WireJson.Count(budget, $"{path}.thinkingBudget", -1) switch
            {
                0 => new Reasoning(ReasoningMode.Disabled),
                -1 => new Reasoning(ReasoningMode.Adaptive),
                var tokens => new Reasoning(ReasoningMode.Enabled, BudgetTokens: tokens),
            };
        }

        return TryGet(thinking, "thinkingLevel", out var level)
            ? new Reasoning(ReasoningMode.Unset, WireJson.String(level, $"{path}.thinkingLevel") switch
            {
                "MINIMAL" or "minimal" => "minimal",
                "LOW" or "low" => "low",
                "MEDIUM" or "medium" => "medium",
                "HIGH" or "high" => "high",
                _ => throw WireJson.Invalid($"{path}.thinkingLevel", "must be 'MINIMAL', 'LOW', 'MEDIUM' or 'HIGH'"),
            })
            : null;
    }

    private static void ReadTools(JsonElement tools, ChatRequest request)
    {
        var i = 0;
        foreach (var tool in tools.EnumerateArray())
        {
            var path = $"tools[{i++}]";
            foreach (var kind in WireJson.Object(tool, path).EnumerateObject())
            {
                var name = Camel(kind.Name);
                if (name != "functionDeclarations")
                {
                    request.Tools.Add(new ChatTool(ToolKind.Opaque, name));
                    continue;
                }

                var j = 0;
                foreach (var declaration in WireJson.Array(kind.Value, $"{path}.{name}").EnumerateArray())
                {
                    request.Tools.Add(ReadFunction(declaration, $"{path}.{name}[{j++}]"));
                }
            }
        }
    }

    private static ChatTool ReadFunction(JsonElement function, string path)
    {
        JsonElement? schema = TryGet(WireJson.Object(function, path), "parametersJsonSchema", out var plain)
            ? WireJson.Object(plain, $"{path}.parametersJsonSchema")
            : TryGet(function, "parameters", out var typed) ? GoogleSchema.ToJsonSchema(WireJson.Object(typed, $"{path}.parameters"))
            : null;
        return new ChatTool(
            ToolKind.Function, WireJson.RequireString(function, path, "name"), WireJson.OptionalString(function, path, "description"),
            schema);
    }

    private static ToolChoice ReadToolChoice(JsonElement config)
    {
        const string Path = "toolConfig.functionCallingConfig";
        string[]? allowed = TryGet(config, "allowedFunctionNames", out var names)
            ? [.. WireJson.Array(names, $"{Path}.allowedFunctionNames").EnumerateArray().Select(
                (item, i) => WireJson.String(item, $"{Path}.allowedFunctionNames[{i}]"))]
            : null;
        allowed = allowed is [] ? null : allowed;
        return (WireJson.OptionalString(config, Path, "mode") ?? "AUTO").ToUpperInvariant() switch
        {
            "NONE" => new ToolChoice(ToolChoiceMode.None),
            "ANY" when allowed is [var one] => new ToolChoice(ToolChoiceMode.Named, one),
            "ANY" => new ToolChoice(ToolChoiceMode.Required, Allowed: allowed),
            "AUTO" or "VALIDATED" or "MODE_UNSPECIFIED" => new ToolChoice(ToolChoiceMode.Auto, Allowed: allowed),
            _ => throw WireJson.Invalid($"{Path}.mode", "must be 'AUTO', 'ANY', 'NONE' or 'VALIDATED'"),
        };
    }

    /// <summary>Whether the field says only what every other format does anyway.</summary>
    private static bool IsDefault(string name, JsonElement value) => name switch
    {
        "candidateCount" => value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var n) && n == 1,
        "presencePenalty" or "frequencyPenalty" =>
            value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var number) && number == 0,
        "responseMimeType" => WireJson.TextOrNull(value) is "text/plain" or "",
        "responseModalities" => value.ValueKind == JsonValueKind.Array && value.EnumerateArray().All(m => WireJson.TextOrNull(m) == "TEXT"),
        _ => false,
    };
}
