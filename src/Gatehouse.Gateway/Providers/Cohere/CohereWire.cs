using System.Buffers;
using Gatehouse.Gateway.Conversation;
using Gatehouse.Gateway.Streaming;

namespace Gatehouse.Gateway.Providers.Cohere;

/// <summary>Cohere's <c>chat</c>, version 2.</summary>
internal sealed class CohereWire : ProviderWire
{
    public override string PathOf(ProviderSettings settings, string model, bool stream) => "/chat";

    public override AnswerTap NewTap() => new CohereTap();

    public override void WriteRequest(
        ChatRequest request, string model, ProviderSettings settings, IBufferWriter<byte> to, List<string> dropped) =>
        CohereRequestWriter.Write(request, model, to, dropped);

    public override ChatAnswer ReadAnswer(ReadOnlySpan<byte> body, string model) => CohereAnswerReader.Read(body, model);

    public override IStreamReader NewStreamReader(string model) => new CohereStreamReader(model);

    public override UpstreamError ReadError(ReadOnlySpan<byte> body, int status) => CohereErrorReader.Read(body, status);

    public override int StatusOf(UpstreamError error) => CohereErrorReader.StatusOf(error);

    /// <summary>498 is an invalid token, 499 a request that was given up there.</summary>
    public override int Meaning(int status, UpstreamError error) => status switch { 498 => 401, 499 => 500, _ => status };
}
