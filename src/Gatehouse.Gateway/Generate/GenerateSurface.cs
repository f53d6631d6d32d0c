using System.Buffers;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Calls;
using Gatehouse.Gateway.Conversation;
using Gatehouse.Gateway.Providers;
using Gatehouse.Gateway.Providers.Gemini;
using Gatehouse.Gateway.Streaming;

namespace Gatehouse.Gateway.Generate;

/// <summary>What is asked of a model in Google's format.</summary>
internal enum GenerateAction
{
    Whole,

    /// <summary>Server-sent events.</summary>
    Events,

    /// <summary>One JSON array, whose items come one by one.</summary>
    Array,

    CountTokens,
}

/// <summary>
/// Google's <c>POST /v1beta/models/{model}:generateContent</c> and its kin. The path says which model and whether to stream, so there is
/// one of these for each call.
/// </summary>
internal sealed class GenerateSurface(string model, GenerateAction action) : Surface
{
    public override string Name => "generate";

    public override WireFormat Wire => WireFormat.Gemini;

    public override bool IsFree => action == GenerateAction.CountTokens;

    public override string StreamType => action == GenerateAction.Array ? "application/json" : "text/event-stream";

    /// <summary>An empty line: Google's SDK for Python takes a comment for broken JSON.</summary>
    public override ReadOnlySpan<byte> KeepAlive => "\n\n"u8;

    public override string PathAt(Attempt attempt, bool stream) =>
        action == GenerateAction.CountTokens ? GeminiWire.PathOf(attempt.Model, "countTokens") : base.PathAt(attempt, stream);

    public override Problem? Peek(ReadOnlySpan<byte> body, out RequestPeek peek)
    {
        var problem = GeneratePeek.Read(body, needsContents: action != GenerateAction.CountTokens, out peek);
        peek.Stream = action is GenerateAction.Events or GenerateAction.Array;
        return problem;
    }

    public override string ModelOf(ReadOnlySpan<byte> body, in RequestPeek peek) => model;

    public override ChatRequest ReadRequest(ReadOnlyMemory<byte> body) =>
        GenerateRequestReader.Read(body, model, action is GenerateAction.Events or GenerateAction.Array);

    public override AnswerTap NewTap(WireFormat provider) =>
        action == GenerateAction.CountTokens ? new GeminiCountTap() : base.NewTap(provider);

    /// <summary>Only Google counts tokens without answering; for other targets the count is an estimate, and its header says so.</summary>
    public override bool TryAnswerHere(Call call, IBufferWriter<byte> to)
    {
        if (action != GenerateAction.CountTokens || call.Route.Targets.All(t => t.Provider.Wire == WireFormat.Gemini))
        {
            return false;
        }

        call.Http.Response.Headers["x-gatehouse-estimate"] = "totalTokens";
        using var json = JsonOut.Begin(to);
        json.WriteStartObject();
        json.WriteNumber("totalTokens", call.Request.EstimateInputTokens());
        json.WriteEndObject();
        return true;
    }

    public override void WriteAnswer(ChatAnswer answer, ChatRequest request, IBufferWriter<byte> to) =>
        GenerateAnswerWriter.Write(answer, to);

    public override IStreamWriter NewStreamWriter(ChatRequest request) => new GenerateStreamWriter(request, NewFrames());

    public override StreamRelay NewPassThrough(Attempt attempt, bool wantsAccounts) =>
        action == GenerateAction.Array ? new GenerateArrayRelay(NewFrames()) : base.NewPassThrough(attempt, wantsAccounts);

    public override void WriteTerminator(IBufferWriter<byte> to)
    {
        // The format's events have none.
    }

    public override void WriteError(Problem problem, string requestId, IBufferWriter<byte> to) =>
        GenerateErrors.Write(problem, requestId, to);

    public override void WriteErrorEvent(Problem problem, string requestId, bool isFirst, IBufferWriter<byte> to)
    {
        var frames = NewFrames(begun: !isFirst);
        frames.Open(to);
        GenerateErrors.Write(problem, requestId, to);
        frames.Close(to);
        frames.End(to);
    }

    private GenerateFrames NewFrames(bool begun = false) => new(action == GenerateAction.Array, begun);
}
