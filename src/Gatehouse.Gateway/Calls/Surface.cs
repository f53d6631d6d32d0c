using System.Buffers;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Conversation;
using Gatehouse.Gateway.Providers;
using Gatehouse.Gateway.Streaming;

namespace Gatehouse.Gateway.Calls;

/// <summary>A wire format that clients speak: how its requests are read and its answers and errors written.</summary>
internal abstract class Surface
{
    /// <summary>As recorded: <c>chat</c> or <c>messages</c>.</summary>
    public abstract string Name { get; }

    /// <summary>Providers of this format need no translation.</summary>
    public abstract WireFormat Wire { get; }

    /// <summary>The header, besides <c>x-request-id</c>, that this format's SDKs read the request id from.</summary>
    public virtual string? RequestIdHeader => null;

    public abstract ChatRequest ReadRequest(ReadOnlyMemory<byte> body);

    public abstract void WriteAnswer(ChatAnswer answer, ChatRequest request, IBufferWriter<byte> to);

    public abstract IStreamWriter NewStreamWriter(ChatRequest request);

    /// <summary>Ends a passed-through stream whose provider left the terminator out after a complete answer.</summary>
    public abstract void WriteTerminator(IBufferWriter<byte> to);

    /// <summary>An error as a response's body.</summary>
    public abstract void WriteError(Problem problem, string requestId, IBufferWriter<byte> to);

    /// <summary>An error as the last event of a stream, so that the official SDKs raise.</summary>
    public abstract void WriteErrorEvent(Problem problem, string requestId, IBufferWriter<byte> to);
}
