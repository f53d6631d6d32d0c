using System.Buffers;
using Gatehouse.Gateway.Conversation;
using Gatehouse.Gateway.Providers.Vertex;
using Gatehouse.Gateway.Streaming;

namespace Gatehouse.Gateway.Providers.Anthropic;

/// <summary>Anthropic's <c>messages</c>.</summary>
internal sealed class AnthropicWire : ProviderWire
{
    public const string MessagesPath = "/messages";

    public override string PathOf(ProviderSettings settings, string model, bool stream) =>
        settings.IsVertexClaude ? VertexClaude.PathOf(model, stream) : MessagesPath;

    public override AnswerTap NewTap() => new AnthropicTap();

    public override void WriteRequest(
        ChatRequest request, string model, ProviderSettings settings, IBufferWriter<byte> to, List<string> dropped) =>
        AnthropicRequestWriter.Write(request, model, settings, to, dropped);

    public override ChatAnswer ReadAnswer(ReadOnlySpan<byte> body, string model) => AnthropicAnswerReader.Read(body);

    public override IStreamReader NewStreamReader(string model) => new AnthropicStreamReader();

    public override UpstreamError ReadError(ReadOnlySpan<byte> body, int status) => AnthropicErrorReader.Read(body, status);

    public override int StatusOf(UpstreamError error) => AnthropicErrorReader.StatusOf(error);
}
