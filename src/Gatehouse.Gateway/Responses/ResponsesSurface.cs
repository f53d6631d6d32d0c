using System.Buffers;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Calls;
using Gatehouse.Gateway.Chat;
using Gatehouse.Gateway.Conversation;
using Gatehouse.Gateway.Providers;
using Gatehouse.Gateway.Providers.OpenAi;
using Gatehouse.Gateway.Streaming;

namespace Gatehouse.Gateway.Responses;

/// <summary>
/// OpenAI's <c>POST /v1/responses</c>; one for each call. What a response goes on from is put into the request before any target is asked,
/// so every provider can go on from what any other one said.
/// </summary>
/// <param name="store">Where earlier responses are, and this one goes if it is to be stored.</param>
/// <param name="runs">Takes over what is to be made in the background.</param>
/// <param name="run">The background run that this call makes; <see langword="null"/> for a client's own call.</param>
/// <param name="isCount">Only the tokens of the request are asked for: nothing is made, streamed or kept.</param>
internal sealed class ResponsesSurface(
    IResponseStore store, BackgroundRuns runs, TimeProvider clock, BackgroundRun? run = null, bool isCount = false) : Surface
{
    private ResponsesPeek _own;
    private ResponseTerms _terms = new("", null, false, false);
    private ReadOnlyMemory<byte> _input;
    private ResponsesStreamWriter? _writer;
    private ResponsesRelay? _relay;

    public override string Name => "responses";

    public override WireFormat Wire => WireFormat.Responses;

    public override bool PatchesAnswer(Attempt attempt, ReadOnlySpan<byte> body) => true;

    public override bool IsShared => false;

    public override bool MayHedge => run is null;

    /// <summary>
    /// A stored response is one of its own, and so is one made in the background; what another one went on from was put into the request.
    /// </summary>
    public override bool MayBeKept => !_terms.IsStored && run is null && !isCount;

    public static string NewId() => $"resp_{Guid.CreateVersion7():N}";

    public override Problem? Peek(ReadOnlySpan<byte> body, out RequestPeek peek)
    {
        var problem = ResponsesPeek.Read(body, out peek, out _own);
        if (isCount)
        {
            peek.Stream = false;
            (_own.Background, _own.Store) = (false, false);
        }

        return problem;
    }

    public override Problem? Admitted() => run?.Admit();

    public override WireFormat WireAt(ProviderSettings settings, string model) =>
        settings.SpeaksResponses ? WireFormat.Responses : settings.Wire;

    public override async ValueTask<Problem?> CompleteAsync(Call call)
    {
        var principal = call.Principal;
        if (!principal.StoreContent && StoredContent.Refusal(_own, principal) is { } refusal)
        {
            return refusal;
        }

        if (_own is { Background: true, Store: false })
        {
            return new Problem(
                "invalid_request", 400,
                "A response that is made in the background is kept until it is asked for: leave 'store' out.") { Field = "store" };
        }

        var stored = principal.StoreContent && _own.Store != false;
        _terms = new ResponseTerms(run?.Id ?? NewId(), run is null ? _own.PreviousId : run.PreviousId, stored, run is not null);
        var request = await ResponseThread.ExpandAsync(
            store, StoredContent.ScopeOf(principal), call.Body.Memory, _own, stored && run is null, call.Table.MaxBodyBytes, call.Aborted);
        if (_own.Background)
        {
            call.IsTakenOver = true;
            await runs.StartAsync(call, _terms with { IsBackground = true }, request);
            return null;
        }

        _input = request.Input;
        if (request.Body.IsEmpty)
        {
            return null;
        }

        call.Body.Clear();
        call.Body.Write(request.Body.Span);
        return Peek(call.Body.Span, out call.Peek);
    }

    public override ChatRequest ReadRequest(ReadOnlyMemory<byte> body)
    {
        var request = ResponsesRequestReader.Read(body);
        if (_own.Store == true && !_terms.IsStored)
        {
            request.Unshared.AddOnce("store");
        }

        return request;
    }

    public override bool TryPatch(Call call, Attempt attempt, IBufferWriter<byte> to, ref List<string>? dropped)
    {
        var body = call.Body.Span;
        var sameModel = ReferenceEquals(attempt.Model, call.Record.Route);
        if (!isCount && sameModel && _own.Store == false && body.IndexOf("\"encrypted_content\""u8) < 0)
        {
            return false;
        }

        dropped = [];
        if (_own.Store == true && !_terms.IsStored)
        {
            dropped.AddOnce("store");
        }

        var seals = attempt.Settings.Kind is "openai" or "azure" && OpenAiModel.SealsReasoning(attempt.Model);
        ResponsesRequestPatch.Write(body, attempt, wantsSeal: _terms.IsStored && seals, isCount, dropped, to);
        return true;
    }

    public override void PatchAnswer(Attempt attempt, ReadOnlySpan<byte> body, IBufferWriter<byte> to) =>
        ResponsePatch.Write(body, isWhole: true, _terms, ReasoningSeal.PrefixOf(attempt.Settings.Name), to);

    public override void WriteAnswer(ChatAnswer answer, ChatRequest request, IBufferWriter<byte> to) =>
        ResponseWriter.Write(answer, request, _terms, to);

    public override IStreamWriter NewStreamWriter(ChatRequest request) => _writer = new ResponsesStreamWriter(request, _terms);

    public override StreamRelay NewPassThrough(Attempt attempt, bool wantsAccounts)
    {
        _writer = null; // of an attempt that failed
        return _relay = new ResponsesRelay(this, _terms, attempt.Settings.Name);
    }

    public override void Chosen(StreamRelay relay)
    {
        _relay = relay as ResponsesRelay;
        _writer = (relay as TranslatingRelay)?.Writer as ResponsesStreamWriter;
    }

    public override void Answered(Call call, Attempt attempt, ReadOnlySpan<byte> whole)
    {
        if (!_terms.IsStored || run is not null)
        {
            return;
        }

        var response = whole.IsEmpty ? _writer?.Final ?? _relay!.Final : whole.ToArray();
        try
        {
            store.TryKeep(
                StoredItems.Response(StoredContent.ScopeOf(call.Principal), _terms.PreviousId, clock.GetUtcNow(), _input, response));
        }
        catch (FormatException)
        {
            runs.NotReadable(_terms.Id); // the call is settled, and its client gets what it paid for
        }
    }

    public override void WriteTerminator(IBufferWriter<byte> to)
    {
        // The last event is the terminator: without it no answer is complete.
    }

    public override void WriteError(Problem problem, string requestId, IBufferWriter<byte> to) => ChatErrors.Write(problem, requestId, to);

    public override void WriteErrorEvent(Problem problem, string requestId, bool isFirst, IBufferWriter<byte> to)
    {
        if (isFirst)
        {
            ResponsesErrors.WriteEvent(problem, 0, to);
        }
        else if (_writer is { } writer)
        {
            writer.Error(problem, to);
        }
        else
        {
            ResponsesErrors.WriteEvent(problem, _relay?.Sequence ?? 0, to);
        }
    }
}
