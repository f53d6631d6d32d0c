using System.Buffers;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Conversation;
using Gatehouse.Gateway.Providers;
using Gatehouse.Gateway.Routing;
using Gatehouse.Gateway.Streaming;

namespace Gatehouse.Gateway.Calls;

/// <summary>A wire format that clients speak: how its requests are read and its answers and errors written.</summary>
internal abstract class Surface
{
    /// <summary>As recorded: <c>chat</c>, <c>messages</c> or <c>generate</c>.</summary>
    public abstract string Name { get; }

    /// <summary>Providers of this format need no translation.</summary>
    public abstract WireFormat Wire { get; }

    /// <summary>The header, besides <c>x-request-id</c>, that this format's SDKs read the request id from.</summary>
    public virtual string? RequestIdHeader => null;

    /// <summary>The content type of a stream.</summary>
    public virtual string StreamType => "text/event-stream";

    /// <summary>Whether a client that asked for a stream gets signs of life: only where it gets a stream for sure.</summary>
    public virtual bool KeepsCompany => true;

    /// <summary>A sign of life within a stream that clients of this format read over.</summary>
    public virtual ReadOnlySpan<byte> KeepAlive => ": keep-alive\n\n"u8;

    /// <summary>What a provider is asked at, after its base address.</summary>
    /// <exception cref="ProblemException">The provider offers no such thing.</exception>
    public virtual string PathAt(Attempt attempt, bool stream) =>
        ProviderWire.Of(attempt.Wire).PathOf(attempt.Settings, attempt.Model, stream);

    /// <summary>Whether request and answer go through the canonical conversation; if not, they are patched.</summary>
    public virtual bool Translates(WireFormat provider) => provider != Wire;

    /// <summary>Whether a request can be read as a conversation.</summary>
    public virtual bool HasConversation => true;

    /// <summary>One for all calls; <see langword="false"/>: it keeps what belongs to one call, which a copy cannot share.</summary>
    public virtual bool IsShared => true;

    /// <summary>Whether two targets may be asked at the same time.</summary>
    public virtual bool MayHedge => true;

    /// <summary>Of the attempts at a stream, the one whose relay this is serves the client.</summary>
    public virtual void Chosen(StreamRelay relay)
    {
    }

    /// <summary>Proves the body and reads what routing needs.</summary>
    public virtual Problem? Peek(ReadOnlySpan<byte> body, out RequestPeek peek) => RequestPeek.Read(body, out peek);

    /// <summary>The name of the model asked for.</summary>
    public virtual string ModelOf(ReadOnlySpan<byte> body, in RequestPeek peek) => peek.ModelText(body);

    /// <summary>Which of a provider's formats to use; the same as <see cref="Wire"/> passes through.</summary>
    /// <param name="model">The provider's name of the model.</param>
    public virtual WireFormat WireAt(ProviderSettings settings, string model) => settings.Wire;

    /// <summary>Budgets and limits have let the call through, and no target has been asked.</summary>
    /// <returns>Why it may not go on all the same; <see langword="null"/> when it may.</returns>
    public virtual Problem? Admitted() => null;

    public virtual AnswerTap NewTap(WireFormat provider) => ProviderWire.Of(provider).NewTap();

    /// <summary>Where a call goes whose model has no route in the configuration.</summary>
    /// <returns><see langword="null"/>: it is refused.</returns>
    public virtual Route? OwnRoute(string model) => null;

    /// <summary>Whether no provider charges for what is asked.</summary>
    public virtual bool IsFree => false;

    /// <summary>Whether an answer may be kept and given to the same request again.</summary>
    public virtual bool MayBeKept => HasConversation && !IsFree;

    /// <summary>Whether the answer is made of output tokens.</summary>
    public virtual bool HasOutput => true;

    /// <summary>The content type of what goes to a provider; <see langword="null"/>: JSON.</summary>
    public virtual string? ContentType => null;

    /// <summary>Bytes of files that came with the request and are not in the body as others read it.</summary>
    public virtual int FileBytes => 0;

    /// <summary>Whether an answer that came whole is a text worth keeping.</summary>
    public virtual bool HasTextAnswer => true;

    /// <exception cref="FormatException">The provider's answer is of a kind that nobody asked for.</exception>
    public virtual AnswerShape ShapeOf(Call call, UpstreamAnswer answer) => call.Peek.Stream ? AnswerShape.Events : AnswerShape.Whole;

    /// <summary>The content type of an answer that is no stream of events.</summary>
    public virtual string TypeOf(UpstreamAnswer answer) => "application/json";

    /// <summary>
    /// Whether <see cref="PatchAnswer"/> is to be asked; if not, a whole answer of the same format goes on without being copied.
    /// </summary>
    public virtual bool PatchesAnswer(Attempt attempt, ReadOnlySpan<byte> body) => false;

    /// <summary>What must be known of earlier calls before any target is asked; may replace the body.</summary>
    /// <returns>Why the call cannot be served, or <see langword="null"/>.</returns>
    public virtual ValueTask<Problem?> CompleteAsync(Call call) => default;

    /// <summary>Whether the call is answered without asking any target.</summary>
    public virtual bool TryAnswerHere(Call call, IBufferWriter<byte> to) => false;

    /// <summary>Changes what must change for a provider of the same format.</summary>
    /// <param name="dropped">Gets the names of parameters that are not passed on.</param>
    /// <returns><see langword="false"/> when nothing changes: send the body itself.</returns>
    public virtual bool TryPatch(Call call, Attempt attempt, IBufferWriter<byte> to, ref List<string>? dropped)
    {
        var settings = attempt.Settings;
        var model = Wire == WireFormat.Gemini || ReferenceEquals(attempt.Model, call.Record.Route) ? null : attempt.Model;
        var includeUsage = call.Peek is { Stream: true, IncludeUsage: false } && settings is { Wire: WireFormat.OpenAi, StreamUsage: true };
        var limitName = Wire == WireFormat.OpenAi ? settings.MaxTokensField : null;
        return RequestPatch.TryWrite(call.Body.Span, call.Peek, model, limitName, includeUsage, to);
    }

    /// <summary>
    /// Takes the answer to a part of the request, where the provider takes no more of it at a time.
    /// </summary>
    /// <returns>Whether another part is to be asked for, which <see cref="TryPatch"/> writes now.</returns>
    /// <exception cref="FormatException">It is no answer to that part.</exception>
    public virtual bool TakePart(Attempt attempt, ReadOnlySpan<byte> body) => false;

    /// <summary>Changes what must change in a whole answer of the same format.</summary>
    public virtual void PatchAnswer(Attempt attempt, ReadOnlySpan<byte> body, IBufferWriter<byte> to) => to.Write(body);

    /// <summary>Carries a stream of the same format.</summary>
    public virtual StreamRelay NewPassThrough(Attempt attempt, bool wantsAccounts) => new PassThroughRelay(this, wantsAccounts);

    /// <summary>The call is settled and its answer's last bytes are about to leave.</summary>
    /// <param name="whole">The answer as the client gets it; empty when it is a stream.</param>
    public virtual void Answered(Call call, Attempt attempt, ReadOnlySpan<byte> whole)
    {
    }

    public abstract ChatRequest ReadRequest(ReadOnlyMemory<byte> body);

    public abstract void WriteAnswer(ChatAnswer answer, ChatRequest request, IBufferWriter<byte> to);

    public abstract IStreamWriter NewStreamWriter(ChatRequest request);

    /// <summary>Ends a passed-through stream whose provider left the terminator out after a complete answer.</summary>
    public abstract void WriteTerminator(IBufferWriter<byte> to);

    /// <summary>An error as a response's body.</summary>
    public abstract void WriteError(Problem problem, string requestId, IBufferWriter<byte> to);

    /// <summary>An error as the last event of a stream, so that the official SDKs raise.</summary>
    /// <param name="isFirst">Nothing of the stream has gone out yet.</param>
    public abstract void WriteErrorEvent(Problem problem, string requestId, bool isFirst, IBufferWriter<byte> to);
}
