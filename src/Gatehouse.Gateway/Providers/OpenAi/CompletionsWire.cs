using System.Buffers;
using Gatehouse.Gateway.Conversation;
using Gatehouse.Gateway.Streaming;

namespace Gatehouse.Gateway.Providers.OpenAi;

/// <summary>
/// OpenAI's older <c>completions</c>. Only requests of that format reach it: others go to the same provider's chat format.
/// </summary>
internal sealed class CompletionsWire : ProviderWire
{
    public const string CompletionsPath = "/completions";

    public override string PathOf(ProviderSettings settings, string model, bool stream) => CompletionsPath;

    public override AnswerTap NewTap() => new OpenAiTap();

    public override void WriteRequest(
        ChatRequest request, string model, ProviderSettings settings, IBufferWriter<byte> to, List<string> dropped) =>
        throw new NotSupportedException();

    public override ChatAnswer ReadAnswer(ReadOnlySpan<byte> body, string model) => throw new NotSupportedException();

    public override IStreamReader NewStreamReader(string model) => throw new NotSupportedException();

    public override UpstreamError ReadError(ReadOnlySpan<byte> body, int status) => OpenAiErrorReader.Read(body, status);

    public override int StatusOf(UpstreamError error) => OpenAiErrorReader.StatusOf(error);
}
