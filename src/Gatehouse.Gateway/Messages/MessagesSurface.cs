using System.Buffers;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Calls;
using Gatehouse.Gateway.Conversation;
using Gatehouse.Gateway.Providers;
using Gatehouse.Gateway.Providers.Vertex;
using Gatehouse.Gateway.Streaming;

namespace Gatehouse.Gateway.Messages;

/// <summary>Anthropic's <c>POST /v1/messages</c>.</summary>
internal sealed class MessagesSurface : Surface
{
    public static readonly MessagesSurface Instance = new();

    public override string Name => "messages";

    public override WireFormat Wire => WireFormat.Anthropic;

    public override string RequestIdHeader => "request-id";

    public override bool TryPatch(Call call, Attempt attempt, IBufferWriter<byte> to, ref List<string>? dropped)
    {
        if (!attempt.Settings.IsVertexClaude)
        {
            return base.TryPatch(call, attempt, to, ref dropped);
        }

        VertexClaude.Patch(call.Body.Span, null, to);
        return true;
    }

    public override ChatRequest ReadRequest(ReadOnlyMemory<byte> body) => MessagesRequestReader.Read(body);

    public override void WriteAnswer(ChatAnswer answer, ChatRequest request, IBufferWriter<byte> to) =>
        MessagesAnswerWriter.Write(answer, request, to);

    public override IStreamWriter NewStreamWriter(ChatRequest request) => new MessagesStreamWriter(request);

    public override void WriteTerminator(IBufferWriter<byte> to) =>
        to.Write("event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"u8);

    public override void WriteError(Problem problem, string requestId, IBufferWriter<byte> to) =>
        MessagesErrors.Write(problem, requestId, to);

    public override void WriteErrorEvent(Problem problem, string requestId, bool isFirst, IBufferWriter<byte> to)
    {
        to.Write("event: error\ndata: "u8);
        MessagesErrors.Write(problem, requestId, to);
        to.Write("\n\n"u8);
    }
}
