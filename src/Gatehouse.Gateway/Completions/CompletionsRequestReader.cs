using System.Text.Json;
using Gatehouse.Gateway.Conversation;
using Gatehouse.Gateway.Providers;

namespace Gatehouse.Gateway.Completions;

/// <summary>
/// Reads the body of <c>POST /v1/completions</c> for a chat model: the prompt is what the user says. A chat model answers it rather than
/// continuing it, unless a suffix says where the text must lead.
/// </summary>
internal static class CompletionsRequestReader
{
    /// <summary>Fields that the chat format has under the same name.</summary>
    private static readonly string[] Same = ["n", "seed", "presence_penalty", "frequency_penalty", "logit_bias"];

    /// <exception cref="Contracts.ProblemException">The body is malformed, a field is wrong, or a chat model cannot do it.</exception>
    public static ChatRequest Read(ReadOnlyMemory<byte> body)
    {
        var root = WireJson.ParseRequest(body.Span);
        var request = new ChatRequest { Wire = WireFormat.Completions, Body = root, Model = WireJson.RequireString(root, "", "model") };
        if (WireJson.OptionalString(root, "", "suffix") is { Length: > 0 } suffix)
        {
            request.Messages.Add(new ChatMessage(ChatRole.System, [new TextPart(
                "The user's message is the beginning of a text. Write what comes between it and the ending below, and nothing else:"
                + " neither the beginning nor the ending.\n<ending>\n" + suffix + "\n</ending>")]));
        }

        request.Messages.Add(new ChatMessage(ChatRole.User, [new TextPart(PromptOf(root))]));
        foreach (var field in root.EnumerateObject())
        {
            if (field.Value.ValueKind != JsonValueKind.Null)
            {
                ReadField(field.Name, field.Value, request);
            }
        }

        return request;
    }

    public static string PromptOf(JsonElement root)
    {
        if (!WireJson.TryGet(root, "prompt", out var prompt))
        {
            throw WireJson.Invalid("prompt", "is required: send a string");
        }

        return prompt.ValueKind switch
        {
            JsonValueKind.String => prompt.GetString()!,
            JsonValueKind.Array when prompt.GetArrayLength() == 1 && prompt[0].ValueKind == JsonValueKind.String => prompt[0].GetString()!,
            JsonValueKind.Array when prompt.GetArrayLength() > 1 && prompt[0].ValueKind == JsonValueKind.String =>
                throw WireJson.Invalid(
                    "prompt", "must be one text here: the model is served through a chat format, so send a request for each prompt"),
            _ => throw WireJson.Invalid(
                "prompt", "must be a text here: the model is served through a chat format, which takes no token ids"),
        };
    }

    /// <summary>Whether the chat format says the same.</summary>
    public static bool IsSameInChat(string name) => Array.IndexOf(Same, name) >= 0;

    public static void WriteSame(Utf8JsonWriter json, ChatRequest request)
    {
        foreach (var name in Same)
        {
            if (WireJson.TryGet(request.Body, name, out var value))
            {
                json.WriteRaw(name, value);
            }
        }
    }

    private static void ReadField(string name, JsonElement value, ChatRequest request)
    {
        switch (name)
        {
            case "model" or "prompt" or "suffix" or "echo":
                break;
            case "max_tokens":
                request.MaxTokens = WireJson.Count(value, name, 1);
                break;
            case "temperature":
                request.Temperature = WireJson.Number(value, name, 0, 2);
                break;
            case "top_p":
                request.TopP = WireJson.Number(value, name, 0, 1);
                break;
            case "stop":
                request.Stop = value.ValueKind == JsonValueKind.String
                    ? [value.GetString()!]
                    : [.. WireJson.Array(value, name).EnumerateArray().Select((item, i) => WireJson.String(item, $"stop[{i}]"))];
                break;
            case "stream":
                request.Stream = WireJson.Bool(value, name);
                break;
            case "stream_options":
                request.IncludeUsage = WireJson.TryGet(value, "include_usage", out var usage)
                    && WireJson.Bool(usage, "stream_options.include_usage");
                break;
            case "logprobs":
                request.TopLogprobs = WireJson.Count(value, name, 0);
                break;
            case "user":
                request.User = WireJson.String(value, name);
                break;
            default:
                if (!IsDefault(name, value))
                {
                    request.Unshared.AddOnce(name);
                }

                break;
        }
    }

    private static bool IsDefault(string name, JsonElement value) => name switch
    {
        "n" or "best_of" => value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var n) && n == 1,
        "presence_penalty" or "frequency_penalty" =>
            value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var number) && number == 0,
        "logit_bias" => value.ValueKind == JsonValueKind.Object && !value.EnumerateObject().Any(),
        _ => false,
    };
}
