using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Conversation;

namespace Gatehouse.Gateway.Embeddings;

/// <summary>What is to be turned into vectors, in no provider's words.</summary>
/// <param name="Texts">In the caller's order; at least one.</param>
/// <param name="Dimensions">Length of the vectors; <see langword="null"/> leaves it to the model.</param>
/// <param name="Purpose">In Google's words, for example <c>RETRIEVAL_QUERY</c>; <see langword="null"/> when the caller does not
/// say.</param>
/// <param name="Unshared">Names of parameters that only the caller's own format has.</param>
internal sealed record EmbeddingRequest(IReadOnlyList<string> Texts, int? Dimensions, string? Purpose, IReadOnlyList<string> Unshared)
{
    /// <summary>Cohere's words for purposes, and Google's.</summary>
    public static readonly (string Cohere, string Google)[] Purposes =
    [
        ("search_document", "RETRIEVAL_DOCUMENT"), ("search_query", "RETRIEVAL_QUERY"), ("classification", "CLASSIFICATION"),
        ("clustering", "CLUSTERING"),
    ];

    private const int MaxTexts = 2048; // as at OpenAI
    private const int MaxDimensions = 1 << 16;

    /// <summary>What the caller's format calls the purpose.</summary>
    public string PurposeName { get; private init; } = "taskType";

    /// <summary>Reads OpenAI's <c>embeddings</c>, with Cohere's <c>input_type</c> where a caller adds it.</summary>
    /// <exception cref="ProblemException">The request is not what that format allows, or holds tokens in place of text.</exception>
    public static EmbeddingRequest ReadOpenAi(ReadOnlySpan<byte> body)
    {
        var root = WireJson.ParseRequest(body);
        if (!WireJson.TryGet(root, "input", out var input))
        {
            throw WireJson.Invalid("input", "is required: send a text or an array of texts");
        }

        var texts = input.ValueKind == JsonValueKind.String ? [input.GetString()!] : ReadTexts(WireJson.Array(input, "input"));
        var unshared = new List<string>();
        foreach (var property in root.EnumerateObject())
        {
            if (property.Name is not ("model" or "input" or "dimensions" or "encoding_format" or "user" or "input_type"))
            {
                unshared.Add(property.Name);
            }
        }

        var dimensions = WireJson.TryGet(root, "dimensions", out var d) ? DimensionsOf(d, "dimensions") : null;
        var type = WireJson.StringOrNull(root, "input_type");
        var purpose = type is null ? null : Array.Find(Purposes, p => p.Cohere == type).Google;
        if (type is not null && purpose is null)
        {
            throw WireJson.Invalid("input_type", $"must be one of {string.Join(", ", Purposes.Select(p => p.Cohere))}");
        }

        return new EmbeddingRequest(texts, dimensions, purpose, unshared) { PurposeName = "input_type" };
    }

    /// <summary>Reads Google's <c>embedContent</c>, or <c>batchEmbedContents</c> whose parts differ in nothing but their text.</summary>
    /// <exception cref="ProblemException">The request is not what that format allows, or not what other formats can carry.</exception>
    public static EmbeddingRequest ReadGemini(ReadOnlySpan<byte> body, bool batch)
    {
        var root = WireJson.ParseRequest(body);
        if (!batch)
        {
            return ReadContent(root, "");
        }

        var requests = WireJson.RequireArray(root, "", "requests");
        var texts = new List<string>();
        EmbeddingRequest? first = null;
        foreach (var part in requests.EnumerateArray())
        {
            var path = $"requests[{texts.Count}]";
            var one = ReadContent(WireJson.Object(part, path), path);
            first ??= one;
            if (one.Dimensions != first.Dimensions || one.Purpose != first.Purpose)
            {
                throw WireJson.Invalid(
                    path, "must ask for the same 'outputDimensionality' and 'taskType' as the others: this provider takes one for all");
            }

            texts.Add(one.Texts[0]);
        }

        return first is null ? throw WireJson.Invalid("requests", "must hold at least one request") : first with { Texts = texts };
    }

    private static EmbeddingRequest ReadContent(JsonElement request, string path)
    {
        var parts = WireJson.RequireArray(WireJson.RequireObject(request, path, "content"), WireJson.Join(path, "content"), "parts");
        var field = WireJson.Join(path, "content.parts");
        var texts = new List<string>();
        foreach (var part in parts.EnumerateArray())
        {
            texts.Add(WireJson.StringOrNull(part, "text")
                ?? throw WireJson.Invalid(field, "must hold only text: this provider embeds nothing else"));
        }

        if (texts.Count == 0)
        {
            throw WireJson.Invalid(field, "must hold at least one part");
        }

        var config = WireJson.TryGet(request, "config", out var inner) ? inner : request; // the SDKs nest what the service takes flat
        return new EmbeddingRequest(
            [string.Concat(texts)],
            WireJson.TryGet(config, "outputDimensionality", out var d) ? DimensionsOf(
                d, WireJson.Join(path, "outputDimensionality")) : null,
            WireJson.StringOrNull(config, "taskType"),
            WireJson.TryGet(config, "title", out _) ? ["title"] : []);
    }

    private static List<string> ReadTexts(JsonElement input)
    {
        var texts = new List<string>();
        foreach (var item in input.EnumerateArray())
        {
            if (item.ValueKind is JsonValueKind.Number or JsonValueKind.Array)
            {
                throw WireJson.Invalid("input", "must be text here: tokens mean something to the model they were made for only");
            }

            var text = WireJson.String(item, $"input[{texts.Count}]");
            texts.Add(text.Length > 0 ? text : throw WireJson.Invalid($"input[{texts.Count}]", "must not be empty"));
        }

        return texts.Count is > 0 and <= MaxTexts ? texts : throw WireJson.Invalid("input", $"must hold between 1 and {MaxTexts} texts");
    }

    private static int? DimensionsOf(JsonElement value, string field)
    {
        var count = WireJson.Count(value, field, 1);
        return count <= MaxDimensions ? (int)count : throw WireJson.Invalid(field, $"must be at most {MaxDimensions}");
    }
}
