using System.Buffers;
using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Caching;
using Gatehouse.Gateway.Calls;
using Gatehouse.Gateway.Conversation;
using Gatehouse.Gateway.Providers;
using Gatehouse.Gateway.Streaming;

namespace Gatehouse.Gateway.Embeddings;

/// <summary>
/// OpenAI's <c>POST /v1/embeddings</c>; one for each call. Bytes pass through to providers of that format; where one writes numbers though
/// Base64 was asked for, which the official SDKs do unasked, the vectors are written anew.
/// </summary>
internal sealed class EmbeddingsSurface : OperationSurface
{
    private bool _base64;
    private EmbeddingRequest? _request;

    public override string Name => "embeddings";

    public override bool IsShared => Batch is null;

    /// <summary>The texts of the call, where the route keeps their vectors: then the provider is asked only for what is missing.</summary>
    public EmbeddingBatch? Batch { get; set; }

    public override Problem? Peek(ReadOnlySpan<byte> body, out RequestPeek peek)
    {
        if (base.Peek(body, out peek) is { } problem)
        {
            return problem;
        }

        _base64 = OperationPeek.Text(body, "encoding_format"u8) == "base64";
        return null;
    }

    public override string PathAt(Attempt attempt, bool stream) =>
        EmbeddingProviders.PathAt(attempt) ?? throw NotOffered(attempt, "embeddings");

    public override AnswerTap NewTap(WireFormat provider) => EmbeddingProviders.NewTap(provider);

    public override bool TryPatch(Call call, Attempt attempt, IBufferWriter<byte> to, ref List<string>? dropped)
    {
        if (attempt.Wire == WireFormat.OpenAi && Batch is { IsPart: true } batch)
        {
            WriteMissing(call, attempt.Model, batch.Missing, to);
            return true;
        }

        if (attempt.Wire == WireFormat.OpenAi)
        {
            var model = ReferenceEquals(attempt.Model, call.Record.Route) ? null : attempt.Model;
            return RequestPatch.TryWrite(call.Body.Span, call.Peek, model, null, false, to);
        }

        _request ??= EmbeddingRequest.ReadOpenAi(call.Body.Span) is var request && Batch is { } part
            ? request with { Texts = part.Missing }
            : request;
        EmbeddingProviders.Write(_request, attempt, to, dropped = []);
        return true;
    }

    public override bool PatchesAnswer(Attempt attempt, ReadOnlySpan<byte> body) =>
        Batch is not null || attempt.Wire != WireFormat.OpenAi || (_base64 && HoldsNumbers(body));

    public override void PatchAnswer(Attempt attempt, ReadOnlySpan<byte> body, IBufferWriter<byte> to)
    {
        if (Batch is { } batch && TryComplete(batch, attempt, body) is { } all)
        {
            all.WriteOpenAi(_base64, batch.Missing.Sum(Tokens), to);
        }
        else if (attempt.Wire != WireFormat.OpenAi)
        {
            // Bytes over four: the format demands a count, and Google gives none.
            EmbeddingProviders.Read(attempt, body, _request!.Texts.Count).WriteOpenAi(_base64, _request.Texts.Sum(Tokens), to);
        }
        else if (_base64 && HoldsNumbers(body))
        {
            EmbeddingAnswer.ReadOpenAi(body).WriteOpenAi(base64: true, 0, to);
        }
        else
        {
            to.Write(body);
        }
    }

    public override bool TakePart(Attempt attempt, ReadOnlySpan<byte> body) => EmbeddingProviders.TakePart(attempt, body);

    public override void Answered(Call call, Attempt attempt, ReadOnlySpan<byte> whole) => Batch?.Keep(call, attempt);

    /// <summary>Writes an answer for which no provider was asked.</summary>
    public void WriteKept(EmbeddingAnswer answer, IBufferWriter<byte> to) => answer.WriteOpenAi(_base64, 0, to);

    /// <returns><see langword="null"/> when the provider's bytes are the answer.</returns>
    private static EmbeddingAnswer? TryComplete(EmbeddingBatch batch, Attempt attempt, ReadOnlySpan<byte> body)
    {
        if (batch.IsPart)
        {
            return batch.Complete(EmbeddingProviders.Read(attempt, body, batch.Missing.Count));
        }

        try
        {
            batch.Take(EmbeddingProviders.Read(attempt, body, batch.Missing.Count));
        }
        catch (FormatException)
        {
            // Vectors of a kind that is not read here go to the client as they came, and are not kept.
        }

        return null;
    }

    private static void WriteMissing(Call call, string model, IReadOnlyList<string> missing, IBufferWriter<byte> to)
    {
        using var body = JsonDocument.Parse(call.Body.Memory, new JsonDocumentOptions { MaxDepth = 128 });
        using var json = JsonOut.Begin(to);
        json.WriteStartObject();
        foreach (var member in body.RootElement.EnumerateObject())
        {
            if (member.NameEquals("model"u8))
            {
                json.WriteString("model", model);
            }
            else if (member.NameEquals("input"u8))
            {
                json.WriteStartArray("input");
                foreach (var text in missing)
                {
                    json.WriteStringValue(text);
                }

                json.WriteEndArray();
            }
            else
            {
                json.WriteRaw(member.Name, member.Value);
            }
        }

        json.WriteEndObject();
    }

    private static long Tokens(string text) => (text.Length + 3L) / 4;

    /// <summary>Whether the first vector is an array.</summary>
    private static bool HoldsNumbers(ReadOnlySpan<byte> body)
    {
        var rest = body[(body.IndexOf("\"embedding\":"u8) is var at and >= 0 ? at + "\"embedding\":"u8.Length : body.Length)..];
        return rest.TrimStart(" \t\r\n"u8).StartsWith("["u8);
    }
}
