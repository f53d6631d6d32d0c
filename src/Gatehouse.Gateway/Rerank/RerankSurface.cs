using System.Buffers;
using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Calls;
using Gatehouse.Gateway.Conversation;
using Gatehouse.Gateway.Providers;
using Gatehouse.Gateway.Streaming;

namespace Gatehouse.Gateway.Rerank;

/// <summary>
/// <c>POST /v1/rerank</c> and <c>/v2/rerank</c> in the shape that Cohere made and Jina, Voyage's peers and vLLM follow: a query, documents,
/// and the order they come back in. Bytes pass through to providers of that shape.
/// </summary>
internal sealed class RerankSurface : OperationSurface
{
    public static readonly RerankSurface Instance = new();

    public override string Name => "rerank";

    public override bool MayBeKept => true;

    public override Problem? Peek(ReadOnlySpan<byte> body, out RequestPeek peek) => base.Peek(body, out peek) ?? Check(body);

    public override string PathAt(Attempt attempt, bool stream) =>
        attempt.Wire is WireFormat.OpenAi or WireFormat.Cohere ? "/rerank" : throw NotOffered(attempt, "rerank");

    public override AnswerTap NewTap(WireFormat provider) => new RerankTap();

    public override bool TryPatch(Call call, Attempt attempt, IBufferWriter<byte> to, ref List<string>? dropped)
    {
        var model = ReferenceEquals(attempt.Model, call.Record.Route) ? null : attempt.Model;
        return RequestPatch.TryWrite(call.Body.Span, call.Peek, model, null, false, to);
    }

    /// <summary>Cohere's clients read <c>message</c>, Jina's <c>detail</c>.</summary>
    public override void WriteError(Problem problem, string requestId, IBufferWriter<byte> to)
    {
        using var json = JsonOut.Begin(to);
        json.WriteStartObject();
        json.WriteString("message", problem.Message);
        json.WriteString("detail", problem.Message);
        json.WriteString("code", problem.Code);
        json.WriteStringOrNull("param", problem.Field);
        json.WriteString("request_id", requestId);
        json.WriteEndObject();
    }

    private static Problem? Check(ReadOnlySpan<byte> body)
    {
        try
        {
            return CheckNames(body);
        }
        catch (InvalidOperationException)
        {
            return Problem.Malformed("The body holds half of an escaped surrogate pair where a name belongs; send whole characters.");
        }
    }

    private static Problem? CheckNames(ReadOnlySpan<byte> body)
    {
        var (query, documents) = (false, false);
        var reader = new Utf8JsonReader(body, new JsonReaderOptions { MaxDepth = 128 });
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var (isQuery, isDocuments) = (reader.ValueTextEquals("query"u8), reader.ValueTextEquals("documents"u8));
            reader.Read();
            query |= isQuery && reader.TokenType is JsonTokenType.String or JsonTokenType.StartObject;
            documents |= isDocuments && reader.TokenType == JsonTokenType.StartArray;
            reader.Skip();
        }

        return !query ? new Problem("invalid_request", 400, "'query' is required: send a text.") { Field = "query" }
            : !documents ? new Problem("invalid_request", 400, "'documents' is required: send an array of texts.") { Field = "documents" }
            : null;
    }
}
