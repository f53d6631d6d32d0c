using System.Buffers;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Calls;
using Gatehouse.Gateway.Conversation;
using Gatehouse.Gateway.Providers;
using Gatehouse.Gateway.Streaming;

namespace Gatehouse.Gateway.Chat;

/// <summary>OpenAI's <c>POST /v1/chat/completions</c>.</summary>
internal sealed class ChatSurface : Surface
{
    public static readonly ChatSurface Instance = new();

    public override string Name => "chat";

    public override WireFormat Wire => WireFormat.OpenAi;

    public override ChatRequest ReadRequest(ReadOnlyMemory<byte> body) => ChatRequestReader.Read(body);

    public override void WriteAnswer(ChatAnswer answer, ChatRequest request, IBufferWriter<byte> to) =>
        ChatAnswerWriter.Write(answer, to, request);

    public override IStreamWriter NewStreamWriter(ChatRequest request) => new ChatStreamWriter(request);

    public override void WriteTerminator(IBufferWriter<byte> to) => to.Write("data: [DONE]\n\n"u8);

    public override void WriteError(Problem problem, string requestId, IBufferWriter<byte> to) => ChatErrors.Write(problem, requestId, to);

    public override void WriteErrorEvent(Problem problem, string requestId, bool isFirst, IBufferWriter<byte> to)
    {
        to.Write("data: "u8);
        ChatErrors.WriteEvent(problem, requestId, to);
        to.Write("\n\ndata: [DONE]\n\n"u8);
    }
}
