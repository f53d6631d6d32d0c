using System.Buffers;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Calls;
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
        if (attempt.Wire == WireFormat.OpenAi)
        {
            var model = ReferenceEquals(attempt.Model, call.Record.Route) ? null : attempt.Model;
            return RequestPatch.TryWrite(call.Body.Span, call.Peek, model, null, false, to);
        }

        _request ??= EmbeddingRequest.ReadOpenAi(call.Body.Span);
        EmbeddingProviders.Write(_request, attempt, to, dropped = []);
        return true;
    }

    public override void PatchAnswer(Attempt attempt, ReadOnlySpan<byte> body, IBufferWriter<byte> to)
    {
        if (attempt.Wire != WireFormat.OpenAi)
        {
            // Bytes over four: the format demands a count, and Google gives none.
            EmbeddingProviders.Read(attempt, body, _request!.Texts.Count).WriteOpenAi(_base64, _request.Texts.Sum(t => (t.Length + 3L) / 4), to);
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

    /// <summary>Whether the first vector is an array.</summary>
    private static bool HoldsNumbers(ReadOnlySpan<byte> body)
    {
        var rest = body[(body.IndexOf("\"embedding\":"u8) is var at and >= 0 ? at + "\"embedding\":"u8.Length : body.Length)..];
        return rest.TrimStart(" \t\r\n"u8).StartsWith("["u8);
    }
}
