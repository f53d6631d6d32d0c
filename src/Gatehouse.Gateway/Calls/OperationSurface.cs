using System.Buffers;
using System.Diagnostics;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Chat;
using Gatehouse.Gateway.Conversation;
using Gatehouse.Gateway.Providers;
using Gatehouse.Gateway.Streaming;

namespace Gatehouse.Gateway.Calls;

/// <summary>
/// A surface that asks a provider for something other than an answer to a conversation: vectors, an order of documents. There is no
/// canonical conversation between the two formats; the surface writes and reads each provider's own form itself, in
/// <see cref="Surface.TryPatch"/> and <see cref="Surface.PatchAnswer"/>.
/// </summary>
internal abstract class OperationSurface : Surface
{
    public override WireFormat Wire => WireFormat.OpenAi;

    public override bool HasOutput => false;

    public sealed override bool HasConversation => false;

    public sealed override bool Translates(WireFormat provider) => false;

    public override Problem? Peek(ReadOnlySpan<byte> body, out RequestPeek peek) => OperationPeek.Read(body, out peek);

    /// <summary>The path at a provider of this format, and what listens to its answer.</summary>
    /// <exception cref="ProblemException">Providers of this format offer no such thing.</exception>
    public abstract override string PathAt(Attempt attempt, bool stream);

    public override void WriteError(Problem problem, string requestId, IBufferWriter<byte> to) => ChatErrors.Write(problem, requestId, to);

    public sealed override ChatRequest ReadRequest(ReadOnlyMemory<byte> body) => throw new UnreachableException();

    public sealed override void WriteAnswer(ChatAnswer answer, ChatRequest request, IBufferWriter<byte> to) =>
        throw new UnreachableException();

    public sealed override IStreamWriter NewStreamWriter(ChatRequest request) => throw new UnreachableException();

    public override void WriteTerminator(IBufferWriter<byte> to) => throw new UnreachableException();

    public override void WriteErrorEvent(Problem problem, string requestId, bool isFirst, IBufferWriter<byte> to) =>
        throw new UnreachableException();

    /// <summary>Another target of the route may offer it.</summary>
    protected static ProblemException NotOffered(Attempt attempt, string what) => new(new Problem(
        "not_offered", 400, $"{attempt.Settings.Name} ({attempt.Settings.Kind}) offers no {what}: name a model of a provider that does."));
}
