using System.Buffers;
using System.Text.Json;
using Gatehouse.Gateway.Conversation;

namespace Gatehouse.Gateway.Providers.Simulator;

/// <summary>
/// The simulator's vectors and orders of documents: counts of hashed words and of their three-letter pieces, so that texts that share words
/// come out near each other. No model's, and the same for the same text always.
/// </summary>
internal static class SimulatorVectors
{
    public const int DefaultDimensions = 256;

    private const int MaxDimensions = 4096;

    /// <returns>The answer's body, or <see langword="null"/> and why there is none.</returns>
    public static byte[]? Embeddings(JsonElement root, out string? error)
    {
        var texts = new List<string>();
        if (root.ValueKind != JsonValueKind.Object || !root.TryGetProperty("input", out var input) || !TryTexts(input, texts))
        {
            error = "'input' must be a text or an array of texts.";
            return null;
        }

        var dimensions = WireJson.TryGet(root, "dimensions", out _) ? WireJson.IndexOrZero(root, "dimensions") : DefaultDimensions;
        if (dimensions is < 1 or > MaxDimensions)
        {
            error = $"'dimensions' must be between 1 and {MaxDimensions}.";
            return null;
        }

        var answer = new Embeddings.EmbeddingAnswer(
            WireJson.StringOrEmpty(root, "model"),
            [.. texts.Select(t => Of(t, dimensions))],
            new Contracts.TokenUsage(texts.Sum(Tokens), 0, 0, 0, 0, 0));
        var to = new ArrayBufferWriter<byte>();
        answer.WriteOpenAi(WireJson.StringOrNull(root, "encoding_format") == "base64", 0, to);
        error = null;
        return to.WrittenSpan.ToArray();
    }

    /// <inheritdoc cref="Embeddings"/>
    public static byte[]? Rerank(JsonElement root, out string? error)
    {
        var documents = new List<string>();
        var query = WireJson.StringOrNull(root, "query");
        if (query is null || !WireJson.TryGet(root, "documents", out var list) || !TryTexts(list, documents))
        {
            error = "'query' must be a text and 'documents' an array of texts.";
            return null;
        }

        var asked = Of(query, DefaultDimensions);
        var order = documents
            .Select((text, index) => (Score: Math.Max(0, Dot(asked, Of(text, DefaultDimensions))), Index: index, Text: text))
            .OrderByDescending(d => d.Score)
            .Take(WireJson.TryGet(root, "top_n", out _) ? WireJson.IndexOrZero(root, "top_n") : documents.Count);
        var withText = WireJson.TryGet(root, "return_documents", out var flag) && flag.ValueKind == JsonValueKind.True;
        var to = new ArrayBufferWriter<byte>();
        using (var json = JsonOut.Begin(to))
        {
            json.WriteStartObject();
            json.WriteString("model", WireJson.StringOrEmpty(root, "model"));
            json.WriteStartArray("results");
            foreach (var (score, index, text) in order)
            {
                json.WriteStartObject();
                json.WriteNumber("index", index);
                json.WriteNumber("relevance_score", score);
                if (withText)
                {
                    json.WriteStartObject("document");
                    json.WriteString("text", text);
                    json.WriteEndObject();
                }

                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteStartObject("usage");
            json.WriteNumber("total_tokens", documents.Sum(d => Tokens(d) + Tokens(query)));
            json.WriteEndObject();
            json.WriteEndObject();
        }

        error = null;
        return to.WrittenSpan.ToArray();
    }

    /// <summary>A vector of length 1.</summary>
    private static float[] Of(string text, int dimensions)
    {
        var vector = new float[dimensions];
        var word = new List<char>();
        foreach (var c in text.Append(' '))
        {
            if (char.IsLetterOrDigit(c))
            {
                word.Add(char.ToLowerInvariant(c));
                continue;
            }

            if (word.Count > 0)
            {
                Count(new string([.. word]), vector);
                word.Clear();
            }
        }

        var length = MathF.Sqrt(vector.Sum(v => v * v));
        if (length == 0)
        {
            vector[0] = length = 1;
        }

        for (var i = 0; i < vector.Length; i++)
        {
            vector[i] /= length;
        }

        return vector;
    }

    private static void Count(string word, float[] vector)
    {
        Add(word, 1, vector);
        for (var i = 0; i + 3 <= word.Length; i++)
        {
            Add(string.Concat("~", word.AsSpan(i, 3)), 0.25f, vector);
        }
    }

    private static void Add(string piece, float weight, float[] vector)
    {
        var hash = SimulatorReply.Hash(piece);
        vector[(uint)hash % (uint)vector.Length] += ((hash >> 30) & 1) == 0 ? weight : -weight;
    }

    private static float Dot(float[] a, float[] b)
    {
        var sum = 0f;
        for (var i = 0; i < a.Length; i++)
        {
            sum += a[i] * b[i];
        }

        return sum;
    }

    private static int Tokens(string text) => (text.Length + 3) / 4;

    private static bool TryTexts(JsonElement value, List<string> texts)
    {
        foreach (var item in value.ValueKind == JsonValueKind.Array ? value.EnumerateArray().ToList() : [value])
        {
            var text = item.ValueKind == JsonValueKind.Object ? WireJson.StringOrNull(item, "text") : WireJson.TextOrNull(item);
            if (text is null)
            {
                return false;
            }

            texts.Add(text);
        }

        return texts.Count > 0;
    }
}
