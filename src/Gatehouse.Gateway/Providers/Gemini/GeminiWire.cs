using System.Buffers;
using Gatehouse.Gateway.Conversation;
using Gatehouse.Gateway.Streaming;

namespace Gatehouse.Gateway.Providers.Gemini;

/// <summary>Google's <c>generateContent</c>. The model stands in the path.</summary>
internal sealed class GeminiWire : ProviderWire
{
    private const string Tuned = "tunedModels/";

    /// <summary>The name is one segment, whatever a client put into it.</summary>
    public static string PathOf(string model, string action)
    {
        var name = model.StartsWith("models/", StringComparison.Ordinal) ? model["models/".Length..] : model;
        return name.StartsWith(Tuned, StringComparison.Ordinal)
            ? $"/{Tuned}{Uri.EscapeDataString(name[Tuned.Length..])}:{action}"
            : $"/models/{Uri.EscapeDataString(name)}:{action}";
    }

    public override string PathOf(ProviderSettings settings, string model, bool stream) =>
        PathOf(model, stream ? "streamGenerateContent?alt=sse" : "generateContent");

    public override AnswerTap NewTap() => new GeminiTap();

    public override void WriteRequest(
        ChatRequest request, string model, ProviderSettings settings, IBufferWriter<byte> to, List<string> dropped) =>
        GeminiRequestWriter.Write(request, model, to, dropped);

    public override ChatAnswer ReadAnswer(ReadOnlySpan<byte> body, string model) => GeminiAnswerReader.Read(body);

    public override IStreamReader NewStreamReader(string model) => new GeminiStreamReader();

    public override UpstreamError ReadError(ReadOnlySpan<byte> body, int status) => GeminiErrorReader.Read(body, status);

    public override int StatusOf(UpstreamError error) => GeminiErrorReader.StatusOf(error);

    public override int Meaning(int status, UpstreamError error) => GeminiErrorReader.Meaning(status, error);

    public override TimeSpan? RetryAfter(ReadOnlySpan<byte> body) => GeminiErrorReader.RetryAfter(body);
}
