using System.Buffers;
using Gatehouse.Gateway.Calls;
using Gatehouse.Gateway.Conversation;
using Gatehouse.Gateway.Providers;
using Gatehouse.Gateway.Providers.Gemini;
using Gatehouse.Gateway.Streaming;

namespace Gatehouse.Gateway.Embeddings;

/// <summary>How providers are asked for vectors: OpenAI's form, which most offer, Google's and Cohere's.</summary>
internal static class EmbeddingProviders
{
    /// <returns><see langword="null"/> when providers of this format offer none.</returns>
    public static string? PathAt(Attempt attempt) => attempt.Wire switch
    {
        WireFormat.OpenAi when attempt.Settings.ModelInPath => $"/deployments/{Uri.EscapeDataString(attempt.Model)}/embeddings",
        WireFormat.OpenAi => "/embeddings",
        WireFormat.Cohere => "/embed",
        WireFormat.Gemini => GeminiWire.PathOf(attempt.Model, "batchEmbedContents"),
        _ => null,
    };

    public static AnswerTap NewTap(WireFormat wire) => wire switch
    {
        WireFormat.Gemini => new GeminiVectorTap(),
        WireFormat.Cohere => new CohereVectorTap(),
        _ => new VectorTap(),
    };

    /// <summary>Writes the request, or the next part of it where the provider takes fewer texts at a time.</summary>
    public static void Write(EmbeddingRequest request, Attempt attempt, IBufferWriter<byte> to, List<string> dropped)
    {
        if (MostTexts(attempt.Wire) is { } most && request.Texts.Count > most)
        {
            attempt.Parts ??= new VectorParts(request.Texts, most);
            request = request with { Texts = attempt.Parts.Texts };
        }

        foreach (var name in request.Unshared)
        {
            dropped.AddOnce(name);
        }

        if (attempt.Wire == WireFormat.Gemini)
        {
            WriteGemini(request, attempt.Model, to);
            return;
        }

        if (attempt.Wire == WireFormat.Cohere)
        {
            CohereEmbeddings.Write(request, attempt.Model, to, dropped);
            return;
        }

        if (request.Purpose is not null)
        {
            dropped.AddOnce(request.PurposeName);
        }

        WriteOpenAi(request, attempt.Model, to);
    }

    /// <param name="texts">Of the whole request.</param>
    public static EmbeddingAnswer Read(Attempt attempt, ReadOnlySpan<byte> body, int texts) =>
        attempt.Parts is { } parts ? parts.Complete(ReadPart(attempt, body, parts.Texts.Count)) : ReadPart(attempt, body, texts);

    /// <returns>Whether another part is to be asked for.</returns>
    public static bool TakePart(Attempt attempt, ReadOnlySpan<byte> body)
    {
        if (attempt.Parts is not { IsLast: false } parts)
        {
            return false;
        }

        parts.Take(ReadPart(attempt, body, parts.Texts.Count));
        return true;
    }

    /// <summary>As the providers state it; where none is known, the provider's own refusal reaches the client.</summary>
    private static int? MostTexts(WireFormat wire) => wire switch
    {
        WireFormat.Cohere => 96,
        WireFormat.Gemini => 100,
        _ => null,
    };

    private static EmbeddingAnswer ReadPart(Attempt attempt, ReadOnlySpan<byte> body, int texts)
    {
        var answer = attempt.Wire switch
        {
            WireFormat.Gemini => EmbeddingAnswer.ReadGemini(body, attempt.Model),
            WireFormat.Cohere => CohereEmbeddings.Read(body, attempt.Model),
            _ => EmbeddingAnswer.ReadOpenAi(body),
        };
        return answer.Vectors.Count == texts
            ? answer
            : throw new FormatException("The answer does not hold one vector for each text.");
    }

    private static void WriteOpenAi(EmbeddingRequest request, string model, IBufferWriter<byte> to)
    {
        using var json = JsonOut.Begin(to);
        json.WriteStartObject();
        json.WriteString("model", model);
        json.WriteStartArray("input");
        foreach (var text in request.Texts)
        {
            json.WriteStringValue(text);
        }

        json.WriteEndArray();
        if (request.Dimensions is { } dimensions)
        {
            json.WriteNumber("dimensions", dimensions);
        }

        json.WriteEndObject();
    }

    private static void WriteGemini(EmbeddingRequest request, string model, IBufferWriter<byte> to)
    {
        var name = model.StartsWith("models/", StringComparison.Ordinal) ? model : "models/" + model;
        using var json = JsonOut.Begin(to);
        json.WriteStartObject();
        json.WriteStartArray("requests");
        foreach (var text in request.Texts)
        {
            json.WriteStartObject();
            json.WriteString("model", name);
            json.WriteStartObject("content");
            json.WriteStartArray("parts");
            json.WriteStartObject();
            json.WriteString("text", text);
            json.WriteEndObject();
            json.WriteEndArray();
            json.WriteEndObject();
            if (request.Purpose is { } purpose)
            {
                json.WriteString("taskType", purpose);
            }

            if (request.Dimensions is { } dimensions)
            {
                json.WriteNumber("outputDimensionality", dimensions);
            }

            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }
}
