using System.Buffers;
using System.Text;
using System.Text.Json;
using Gatehouse.Gateway.Providers;

namespace Gatehouse.Gateway.Conversation;

/// <summary>
/// Log probabilities of an answer's tokens. In the canonical conversation they are as the chat format has them: an object whose
/// <c>content</c> lists tokens, each with its alternatives.
/// </summary>
internal static class Logprobs
{
    private const string Message = "message.output_text.logprobs";

    /// <summary>Whether <c>include</c> of the responses format asks for them.</summary>
    public static bool IsIncluded(JsonElement include) =>
        include.ValueKind == JsonValueKind.Array && include.EnumerateArray().Any(i => WireJson.TextOrNull(i) == Message);

    /// <summary>For formats that have none: names what was asked, in the words of the caller's format.</summary>
    public static void Drop(ChatRequest r, List<string> dropped)
    {
        if (r.TopLogprobs is not { } top)
        {
            return;
        }

        dropped.AddOnce(r.Wire switch
        {
            WireFormat.Responses => top > 0 ? "top_logprobs" : $"include[].{Message}",
            WireFormat.Gemini => "generationConfig.responseLogprobs",
            _ => "logprobs",
        });
        if (top > 0 && r.Wire is WireFormat.OpenAi or WireFormat.Gemini)
        {
            dropped.AddOnce(r.NameOf("top_logprobs", "", "generationConfig.logprobs"));
        }
    }

    /// <returns>The tokens, or <see langword="null"/> when there are none.</returns>
    public static JsonElement? Tokens(JsonElement? logprobs) =>
        logprobs is { } some && WireJson.TryGet(some, "content", out var tokens) && tokens.ValueKind == JsonValueKind.Array
            && tokens.GetArrayLength() > 0 ? tokens : null;

    /// <summary>Reads Gemini's <c>logprobsResult</c> of a candidate.</summary>
    public static JsonElement? FromGemini(JsonElement candidate)
    {
        if (!WireJson.TryGet(candidate, "logprobsResult", out var result))
        {
            return null;
        }

        var alternatives = WireJson.Items(result, "topCandidates").ToList();
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteStartArray("content");
            var i = 0;
            foreach (var chosen in WireJson.Items(result, "chosenCandidates"))
            {
                json.WriteStartObject();
                WriteGeminiToken(json, chosen);
                json.WriteStartArray("top_logprobs");
                foreach (var other in i < alternatives.Count ? WireJson.Items(alternatives[i], "candidates") : [])
                {
                    json.WriteStartObject();
                    WriteGeminiToken(json, other);
                    json.WriteEndObject();
                }

                i++;
                json.WriteEndArray();
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteNull("refusal");
            json.WriteEndObject();
        }

        return Tokens(JsonElement.Parse(buffer.WrittenSpan)) is null ? null : JsonElement.Parse(buffer.WrittenSpan);
    }

    /// <summary>Writes <c>avgLogprobs</c> and <c>logprobsResult</c> into an open candidate; nothing when there are no tokens.</summary>
    public static void WriteGemini(Utf8JsonWriter json, JsonElement? logprobs)
    {
        if (Tokens(logprobs) is not { } tokens)
        {
            return;
        }

        json.WriteNumber("avgLogprobs", tokens.EnumerateArray().Average(Number));
        json.WriteStartObject("logprobsResult");
        json.WriteStartArray("topCandidates");
        foreach (var token in tokens.EnumerateArray())
        {
            json.WriteStartObject();
            json.WriteStartArray("candidates");
            foreach (var other in WireJson.Items(token, "top_logprobs"))
            {
                WriteCandidate(json, other);
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteStartArray("chosenCandidates");
        foreach (var token in tokens.EnumerateArray())
        {
            WriteCandidate(json, token);
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    /// <summary>Writes the list <c>logprobs</c> of the responses format.</summary>
    public static void WriteResponses(Utf8JsonWriter json, IEnumerable<JsonElement> tokens)
    {
        json.WriteStartArray("logprobs");
        foreach (var token in tokens)
        {
            json.WriteStartObject();
            WriteToken(json, token);
            json.WriteStartArray("top_logprobs");
            foreach (var other in WireJson.Items(token, "top_logprobs"))
            {
                json.WriteStartObject();
                WriteToken(json, other);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void WriteToken(Utf8JsonWriter json, JsonElement token)
    {
        json.WriteString("token", WireJson.StringOrEmpty(token, "token"));
        json.WriteNumber("logprob", Number(token));
        if (WireJson.TryGet(token, "bytes", out var bytes) && bytes.ValueKind == JsonValueKind.Array)
        {
            json.WriteRaw("bytes", bytes);
        }
        else
        {
            WriteBytes(json, WireJson.StringOrEmpty(token, "token"));
        }
    }

    private static void WriteGeminiToken(Utf8JsonWriter json, JsonElement token)
    {
        var text = WireJson.StringOrEmpty(token, "token");
        json.WriteString("token", text);
        json.WriteNumber("logprob", NumberOf(token, "logProbability"));
        WriteBytes(json, text);
    }

    private static void WriteCandidate(Utf8JsonWriter json, JsonElement token)
    {
        json.WriteStartObject();
        json.WriteString("token", WireJson.StringOrEmpty(token, "token"));
        json.WriteNumber("logProbability", Number(token));
        json.WriteEndObject();
    }

    private static void WriteBytes(Utf8JsonWriter json, string text)
    {
        json.WriteStartArray("bytes");
        foreach (var b in Encoding.UTF8.GetBytes(text))
        {
            json.WriteNumberValue(b);
        }

        json.WriteEndArray();
    }

    private static double Number(JsonElement token) => NumberOf(token, "logprob");

    private static double NumberOf(JsonElement token, string name) =>
        WireJson.TryGet(token, name, out var value) && value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var number)
            ? number
            : 0;
}
