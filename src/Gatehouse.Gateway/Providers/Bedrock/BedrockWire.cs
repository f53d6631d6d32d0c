using System.Buffers;
using Gatehouse.Gateway.Conversation;
using Gatehouse.Gateway.Streaming;

namespace Gatehouse.Gateway.Providers.Bedrock;

/// <summary>Amazon Bedrock's <c>Converse</c>. The model stands in the path, a stream comes in AWS's own framing.</summary>
internal sealed class BedrockWire : ProviderWire
{
    /// <summary>The id is one segment, also when it is an ARN.</summary>
    public override string PathOf(ProviderSettings settings, string model, bool stream) =>
        $"/model/{Uri.EscapeDataString(model)}/{(stream ? "converse-stream" : "converse")}";

    public override IEventParser NewParser() => new EventStreamParser();

    public override AnswerTap NewTap() => new BedrockTap();

    public override void WriteRequest(
        ChatRequest request, string model, ProviderSettings settings, IBufferWriter<byte> to, List<string> dropped) =>
        BedrockRequestWriter.Write(request, model, to, dropped);

    public override ChatAnswer ReadAnswer(ReadOnlySpan<byte> body, string model) => BedrockAnswerReader.Read(body, model);

    public override IStreamReader NewStreamReader(string model) => new BedrockStreamReader(model);

    public override UpstreamError ReadError(ReadOnlySpan<byte> body, int status) => BedrockErrorReader.Read(body, status);

    public override int StatusOf(UpstreamError error) => BedrockErrorReader.StatusOf(error);

    /// <summary>424 says that the model failed, not that the request is wrong.</summary>
    public override int Meaning(int status, UpstreamError error) => status == 424 ? 502 : status;
}
