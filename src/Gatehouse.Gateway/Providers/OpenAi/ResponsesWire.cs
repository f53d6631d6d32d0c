using System.Buffers;
using Gatehouse.Gateway.Conversation;
using Gatehouse.Gateway.Streaming;

namespace Gatehouse.Gateway.Providers.OpenAi;

/// <summary>OpenAI's <c>responses</c>. Only requests of that format reach it: others go to the same provider's chat format.</summary>
internal sealed class ResponsesWire : ProviderWire
{
    public const string ResponsesPath = "/responses";

    public override string PathOf(ProviderSettings settings, string model, bool stream) => ResponsesPath;

    public override AnswerTap NewTap() => new ResponsesTap();

    public override void WriteRequest(
        ChatRequest request, string model, ProviderSettings settings, IBufferWriter<byte> to, List<string> dropped) =>
        throw new NotSupportedException();

    public override ChatAnswer ReadAnswer(ReadOnlySpan<byte> body, string model) => throw new NotSupportedException();

    public override IStreamReader NewStreamReader(string model) => throw new NotSupportedException();

    public override UpstreamError ReadError(ReadOnlySpan<byte> body, int status) => ResponsesErrorReader.Read(body, status);

    public override int StatusOf(UpstreamError error) => ResponsesErrorReader.StatusOf(error);
}
