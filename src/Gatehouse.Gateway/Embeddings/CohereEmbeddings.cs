using System.Buffers;
using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Conversation;
using Gatehouse.Gateway.Streaming;

namespace Gatehouse.Gateway.Embeddings;

/// <summary>Cohere's <c>embed</c>, version 2, which wants to know what the texts are for.</summary>
internal static class CohereEmbeddings
{
    public static void Write(EmbeddingRequest request, string model, IBufferWriter<byte> to, List<string> dropped)
    {
        var purpose = Array.Find(EmbeddingRequest.Purposes, p => p.Google == request.Purpose).Cohere;
        if (request.Purpose is not null && purpose is null)
        {
            dropped.AddOnce(request.PurposeName);
        }

        using var json = JsonOut.Begin(to);
        json.WriteStartObject();
        json.WriteString("model", model);
        json.WriteString("input_type", purpose ?? EmbeddingRequest.Purposes[0].Cohere);
        json.WriteStartArray("texts");
        foreach (var text in request.Texts)
        {
            json.WriteStringValue(text);
        }

        json.WriteEndArray();
        json.WriteStartArray("embedding_types");
        json.WriteStringValue("float");
        json.WriteEndArray();
        if (request.Dimensions is { } dimensions)
        {
            json.WriteNumber("output_dimension", dimensions);
        }

        json.WriteEndObject();
    }

    /// <exception cref="FormatException">It is no such answer.</exception>
    public static EmbeddingAnswer Read(ReadOnlySpan<byte> body, string model)
    {
        var root = WireJson.ParseAnswer(body);
        var vectors = new List<float[]?>();
        if (WireJson.TryGet(root, "embeddings", out var kinds) && WireJson.TryGet(kinds, "float", out var floats))
        {
            foreach (var vector in floats.ValueKind == JsonValueKind.Array ? floats.EnumerateArray() : default)
            {
                vectors.Add(EmbeddingAnswer.Floats(vector));
            }
        }

        return new EmbeddingAnswer(model, EmbeddingAnswer.Complete(vectors), UsageOf(root));
    }

    /// <summary>Cohere counts what it bills.</summary>
    public static TokenUsage? UsageOf(JsonElement root) =>
        WireJson.TryGet(root, "meta", out var meta) && WireJson.TryGet(meta, "billed_units", out var billed)
            ? new TokenUsage(Math.Clamp(WireJson.LongOrZero(billed, "input_tokens"), 0, 1L << 40), 0, 0, 0, 0, 0)
            : null;
}

/// <summary>Listens to Cohere's vectors.</summary>
internal sealed class CohereVectorTap : AnswerTap
{
    private TokenUsage? _usage;

    public override TokenUsage? Usage => _usage;

    public override bool IsFinished => true;

    public override TapEvent Read(ReadOnlySpan<byte> data) => throw new FormatException("Vectors are no stream.");

    public override TapEvent ReadWhole(ReadOnlySpan<byte> body)
    {
        var root = WireJson.ParseAnswer(body);
        if (!WireJson.TryGet(root, "embeddings", out _))
        {
            return WireJson.TryGet(root, "message", out _)
                ? TapEvent.Error
                : throw new FormatException("The answer has no 'embeddings'.");
        }

        var counted = CohereEmbeddings.UsageOf(root);
        _usage = _usage is { } sum && counted is { } more ? sum.Plus(more) : counted;
        return TapEvent.End;
    }
}
