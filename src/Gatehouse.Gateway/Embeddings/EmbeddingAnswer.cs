using System.Buffers;
using System.Buffers.Binary;
using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Conversation;
using Gatehouse.Gateway.Providers.OpenAi;

namespace Gatehouse.Gateway.Embeddings;

/// <summary>Vectors in the order of the request's texts, in no provider's words.</summary>
/// <param name="Usage"><see langword="null"/> when the provider does not say.</param>
internal sealed record EmbeddingAnswer(string Model, IReadOnlyList<float[]> Vectors, TokenUsage? Usage)
{
    /// <summary>Reads OpenAI's answer, whichever way its vectors are written.</summary>
    /// <exception cref="FormatException">It is none, or vectors are missing.</exception>
    public static EmbeddingAnswer ReadOpenAi(ReadOnlySpan<byte> body)
    {
        var root = WireJson.ParseAnswer(body);
        var vectors = new List<float[]?>();
        foreach (var item in WireJson.Items(root, "data"))
        {
            var index = WireJson.TryGet(item, "index", out _) ? WireJson.IndexOrZero(item, "index") : vectors.Count;
            if (index > vectors.Count + 4096 || !WireJson.TryGet(item, "embedding", out var vector))
            {
                throw new FormatException("The answer's 'data' does not hold one vector for each text.");
            }

            while (vectors.Count <= index)
            {
                vectors.Add(null);
            }

            vectors[index] = vector.ValueKind == JsonValueKind.String ? Decode(vector) : Floats(vector);
        }

        TokenUsage? usage = WireJson.TryGet(root, "usage", out var counts) ? OpenAiUsage.Read(counts, hasOutput: false) : null;
        return new EmbeddingAnswer(WireJson.StringOrEmpty(root, "model"), Complete(vectors), usage);
    }

    /// <summary>Reads Google's answer to <c>batchEmbedContents</c>, which counts no tokens.</summary>
    /// <exception cref="FormatException">It is none.</exception>
    public static EmbeddingAnswer ReadGemini(ReadOnlySpan<byte> body, string model)
    {
        var vectors = new List<float[]?>();
        foreach (var item in WireJson.Items(WireJson.ParseAnswer(body), "embeddings"))
        {
            vectors.Add(WireJson.TryGet(item, "values", out var values) ? Floats(values) : null);
        }

        return new EmbeddingAnswer(model, Complete(vectors), null);
    }

    /// <param name="base64">Little-endian 32-bit floats in Base64, as OpenAI's SDKs ask for; else numbers.</param>
    /// <param name="estimatedTokens">Stands in for a count that the provider does not give.</param>
    public void WriteOpenAi(bool base64, long estimatedTokens, IBufferWriter<byte> to)
    {
        using var json = JsonOut.Begin(to);
        json.WriteStartObject();
        json.WriteString("object", "list");
        json.WriteStartArray("data");
        for (var i = 0; i < Vectors.Count; i++)
        {
            json.WriteStartObject();
            json.WriteString("object", "embedding");
            json.WriteNumber("index", i);
            json.WritePropertyName("embedding");
            WriteVector(json, Vectors[i], base64);
            json.WriteEndObject();
            json.Flush(); // the writer would gather all vectors before it hands any over
        }

        json.WriteEndArray();
        json.WriteString("model", Model);
        var tokens = Usage?.TotalInput ?? estimatedTokens;
        json.WriteStartObject("usage");
        json.WriteNumber("prompt_tokens", tokens);
        json.WriteNumber("total_tokens", tokens);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    /// <summary>Writes what <c>embedContent</c> or <c>batchEmbedContents</c> answers.</summary>
    public void WriteGemini(bool batch, IBufferWriter<byte> to)
    {
        using var json = JsonOut.Begin(to);
        json.WriteStartObject();
        if (batch)
        {
            json.WriteStartArray("embeddings");
            foreach (var vector in Vectors)
            {
                WriteValues(json, vector);
            }

            json.WriteEndArray();
        }
        else
        {
            json.WritePropertyName("embedding");
            WriteValues(json, Vectors[0]);
        }

        json.WriteEndObject();
    }

    private static void WriteValues(Utf8JsonWriter json, float[] vector)
    {
        json.WriteStartObject();
        json.WritePropertyName("values");
        WriteVector(json, vector, base64: false);
        json.WriteEndObject();
    }

    private static void WriteVector(Utf8JsonWriter json, float[] vector, bool base64)
    {
        if (!base64)
        {
            json.WriteStartArray();
            foreach (var value in vector)
            {
                json.WriteNumberValue(value);
            }

            json.WriteEndArray();
            return;
        }

        var bytes = ArrayPool<byte>.Shared.Rent(vector.Length * sizeof(float));
        for (var i = 0; i < vector.Length; i++)
        {
            BinaryPrimitives.WriteSingleLittleEndian(bytes.AsSpan(i * sizeof(float)), vector[i]);
        }

        json.WriteBase64StringValue(bytes.AsSpan(0, vector.Length * sizeof(float)));
        ArrayPool<byte>.Shared.Return(bytes);
    }

    internal static float[] Floats(JsonElement array)
    {
        if (array.ValueKind != JsonValueKind.Array)
        {
            throw new FormatException("A vector of the answer is no array of numbers.");
        }

        var vector = new float[array.GetArrayLength()];
        var i = 0;
        foreach (var item in array.EnumerateArray())
        {
            vector[i++] = item.ValueKind == JsonValueKind.Number && item.TryGetSingle(out var value) && float.IsFinite(value)
                ? value
                : throw new FormatException("A vector of the answer holds something that is no number.");
        }

        return vector;
    }

    internal static float[] Decode(JsonElement text)
    {
        if (!text.TryGetBytesFromBase64(out var bytes) || bytes.Length % sizeof(float) != 0)
        {
            throw new FormatException("A vector of the answer is no Base64 of 32-bit numbers.");
        }

        var vector = new float[bytes.Length / sizeof(float)];
        for (var i = 0; i < vector.Length; i++)
        {
            var value = BinaryPrimitives.ReadSingleLittleEndian(bytes.AsSpan(i * sizeof(float)));
            vector[i] = float.IsFinite(value)
                ? value
                : throw new FormatException("A vector of the answer holds something that is no number.");
        }

        return vector;
    }

    internal static List<float[]> Complete(List<float[]?> vectors)
    {
        var complete = vectors.OfType<float[]>().ToList();
        return complete.Count > 0 && complete.Count == vectors.Count
            ? complete
            : throw new FormatException("The answer does not hold one vector for each text.");
    }
}
