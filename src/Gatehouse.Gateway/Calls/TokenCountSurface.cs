using System.Buffers;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Conversation;
using Gatehouse.Gateway.Providers;
using Gatehouse.Gateway.Providers.Vertex;
using Gatehouse.Gateway.Streaming;

namespace Gatehouse.Gateway.Calls;

/// <summary>
/// Counts the input tokens of a request of another surface: <c>/v1/messages/count_tokens</c>, <c>/v1/responses/input_tokens</c>. Asked of
/// the provider where every target of the route speaks the format; else estimated, and the header <c>x-gatehouse-estimate</c> says so.
/// </summary>
/// <param name="of">The surface whose request it is.</param>
/// <param name="path">Of the count at a provider.</param>
/// <param name="objectName">What the answer calls itself, where the format has a word for it.</param>
/// <param name="read">Reads the request; a count needs less of it than an answer.</param>
internal sealed class TokenCountSurface(Surface of, string path, string? objectName, Func<ReadOnlyMemory<byte>, ChatRequest> read) : Surface
{
    private const string Field = "input_tokens";

    public override string Name => of.Name;

    public override WireFormat Wire => of.Wire;

    public override string? RequestIdHeader => of.RequestIdHeader;

    public override bool IsFree => true;

    public override bool HasConversation => of.HasConversation;

    public override WireFormat WireAt(ProviderSettings settings, string model) => of.WireAt(settings, model);

    public override string PathAt(Attempt attempt, bool stream) => attempt.Settings.IsVertexClaude ? VertexClaude.CountPath : path;

    public override AnswerTap NewTap(WireFormat provider) => new TokenCountTap(Field);

    public override Problem? Peek(ReadOnlySpan<byte> body, out RequestPeek peek)
    {
        var problem = of.Peek(body, out peek);
        peek.Stream = false;
        return problem;
    }

    public override ValueTask<Problem?> CompleteAsync(Call call) => of.CompleteAsync(call);

    public override bool TryPatch(Call call, Attempt attempt, IBufferWriter<byte> to, ref List<string>? dropped)
    {
        if (!attempt.Settings.IsVertexClaude)
        {
            return of.TryPatch(call, attempt, to, ref dropped);
        }

        VertexClaude.Patch(call.Body.Span, attempt.Model, to);
        return true;
    }

    public override bool TryAnswerHere(Call call, IBufferWriter<byte> to)
    {
        if (call.Route.Targets.All(t => of.WireAt(t.Provider.Settings, t.Model) == Wire))
        {
            return false;
        }

        call.Http.Response.Headers["x-gatehouse-estimate"] = Field;
        using var json = JsonOut.Begin(to);
        json.WriteStartObject();
        if (objectName is not null)
        {
            json.WriteString("object", objectName);
        }

        json.WriteNumber(Field, call.Request.EstimateInputTokens());
        json.WriteEndObject();
        return true;
    }

    public override ChatRequest ReadRequest(ReadOnlyMemory<byte> body) => read(body);

    public override void WriteAnswer(ChatAnswer answer, ChatRequest request, IBufferWriter<byte> to) =>
        throw new NotSupportedException(); // a target of another format is never asked

    public override IStreamWriter NewStreamWriter(ChatRequest request) => throw new NotSupportedException();

    public override void WriteTerminator(IBufferWriter<byte> to)
    {
        // A count is no stream.
    }

    public override void WriteError(Problem problem, string requestId, IBufferWriter<byte> to) => of.WriteError(problem, requestId, to);

    public override void WriteErrorEvent(Problem problem, string requestId, bool isFirst, IBufferWriter<byte> to) =>
        of.WriteErrorEvent(problem, requestId, isFirst, to);
}

/// <summary>Listens to the answer of a count of tokens, which uses none.</summary>
internal sealed class TokenCountTap(string field) : AnswerTap
{
    /// <summary>None, and that is known: nothing is to be estimated or billed.</summary>
    public override TokenUsage? Usage => default(TokenUsage);

    public override bool IsFinished => true;

    public override TapEvent Read(ReadOnlySpan<byte> data) => throw new FormatException("A count of tokens is no stream.");

    public override TapEvent ReadWhole(ReadOnlySpan<byte> body)
    {
        var root = WireJson.ParseAnswer(body);
        return WireJson.TryGet(root, field, out var count) && count.ValueKind == System.Text.Json.JsonValueKind.Number ? TapEvent.End
            : WireJson.TryGet(root, "error", out _) ? TapEvent.Error
            : throw new FormatException($"The answer has no '{field}'.");
    }
}
