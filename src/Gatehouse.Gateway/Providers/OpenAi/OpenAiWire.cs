using System.Buffers;
using Gatehouse.Gateway.Conversation;
using Gatehouse.Gateway.Streaming;

namespace Gatehouse.Gateway.Providers.OpenAi;

/// <summary>OpenAI's <c>chat/completions</c>.</summary>
internal sealed class OpenAiWire : ProviderWire
{
    public const string ChatPath = "/chat/completions";

    public override string PathOf(ProviderSettings settings, string model, bool stream) =>
        settings.ModelInPath ? $"/deployments/{Uri.EscapeDataString(model)}{ChatPath}" : ChatPath;

    public override AnswerTap NewTap() => new OpenAiTap();

    public override void WriteRequest(
        ChatRequest request, string model, ProviderSettings settings, IBufferWriter<byte> to, List<string> dropped) =>
        OpenAiRequestWriter.Write(request, model, settings, to, dropped);

    public override ChatAnswer ReadAnswer(ReadOnlySpan<byte> body, string model) => OpenAiAnswerReader.Read(body);

    public override IStreamReader NewStreamReader(string model) => new OpenAiStreamReader();

    public override UpstreamError ReadError(ReadOnlySpan<byte> body, int status) => OpenAiErrorReader.Read(body, status);

    public override int StatusOf(UpstreamError error) => OpenAiErrorReader.StatusOf(error);
}
