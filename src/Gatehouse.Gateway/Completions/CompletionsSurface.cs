using System.Buffers;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Calls;
using Gatehouse.Gateway.Chat;
using Gatehouse.Gateway.Conversation;
using Gatehouse.Gateway.Providers;
using Gatehouse.Gateway.Providers.OpenAi;
using Gatehouse.Gateway.Streaming;

namespace Gatehouse.Gateway.Completions;

/// <summary>OpenAI's older <c>POST /v1/completions</c>: passed through to models that have it, else asked of a chat model.</summary>
internal sealed class CompletionsSurface : Surface
{
    public static readonly CompletionsSurface Instance = new();

    public override string Name => "completions";

    public override WireFormat Wire => WireFormat.Completions;

    public override WireFormat WireAt(ProviderSettings settings, string model) =>
        settings.SpeaksCompletions && (settings.Kind is not ("openai" or "azure") || OpenAiModel.Completes(model))
            ? WireFormat.Completions
            : settings.Wire;

    public override Problem? Peek(ReadOnlySpan<byte> body, out RequestPeek peek) => RequestPeek.Read(body, out peek, needsMessages: false);

    public override ChatRequest ReadRequest(ReadOnlyMemory<byte> body) => CompletionsRequestReader.Read(body);

    public override void WriteAnswer(ChatAnswer answer, ChatRequest request, IBufferWriter<byte> to) =>
        CompletionsWriter.Write(answer, request, to);

    public override IStreamWriter NewStreamWriter(ChatRequest request) => new CompletionsStreamWriter(request);

    public override void WriteTerminator(IBufferWriter<byte> to) => ChatSurface.Instance.WriteTerminator(to);

    public override void WriteError(Problem problem, string requestId, IBufferWriter<byte> to) => ChatErrors.Write(problem, requestId, to);

    public override void WriteErrorEvent(Problem problem, string requestId, bool isFirst, IBufferWriter<byte> to) =>
        ChatSurface.Instance.WriteErrorEvent(problem, requestId, isFirst, to);
}
