using System.Buffers;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Conversation;
using Gatehouse.Gateway.Providers;
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

    /// <summary>A sign of life within a stream that clients of this format read over.</summary>
    public virtual ReadOnlySpan<byte> KeepAlive => ": keep-alive\n\n"u8;

    /// <summary>What is asked of a provider of the same format when it is not an answer; <see langword="null"/> when it is.</summary>
    public virtual string? Action => null;

    /// <summary>Proves the body and reads what routing needs.</summary>
    public virtual Problem? Peek(ReadOnlySpan<byte> body, out RequestPeek peek) => RequestPeek.Read(body, out peek);

    /// <summary>The name of the model asked for.</summary>
    public virtual string ModelOf(ReadOnlySpan<byte> body, in RequestPeek peek) => peek.ModelText(body);

    public virtual AnswerTap NewTap(WireFormat provider) => ProviderWire.Of(provider).NewTap();

    /// <summary>Whether the call is answered without asking any target.</summary>
    public virtual bool TryAnswerHere(Call call, IBufferWriter<byte> to) => false;

    /// <summary>Carries a stream of the same format.</summary>
    public virtual StreamRelay NewPassThrough(bool wantsAccounts) => new PassThroughRelay(this, wantsAccounts);

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
