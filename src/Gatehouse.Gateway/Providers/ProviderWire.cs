using System.Buffers;
using Gatehouse.Gateway.Conversation;
using Gatehouse.Gateway.Providers.Anthropic;
using Gatehouse.Gateway.Providers.Gemini;
using Gatehouse.Gateway.Providers.OpenAi;
using Gatehouse.Gateway.Streaming;

namespace Gatehouse.Gateway.Providers;

/// <summary>A wire format that providers speak: how requests are written to it and its answers read.</summary>
internal abstract class ProviderWire
{
    private static readonly OpenAiWire OpenAi = new();
    private static readonly AnthropicWire Anthropic = new();
    private static readonly GeminiWire Gemini = new();
    private static readonly ResponsesWire Responses = new();

    public static ProviderWire Of(WireFormat format) => format switch
    {
        WireFormat.OpenAi => OpenAi,
        WireFormat.Anthropic => Anthropic,
        WireFormat.Responses => Responses,
        _ => Gemini,
    };

    /// <summary>Appended to the provider's base address.</summary>
    /// <param name="model">The provider's name of the model.</param>
    public abstract string PathOf(string model, bool stream);

    public abstract AnswerTap NewTap();

    /// <param name="dropped">Gets the names of parameters that the format cannot carry.</param>
    public abstract void WriteRequest(ChatRequest request, string model, ProviderSettings settings, IBufferWriter<byte> to, List<string> dropped);

    /// <exception cref="FormatException">The body is not an answer of this format.</exception>
    public abstract ChatAnswer ReadAnswer(ReadOnlySpan<byte> body);

    public abstract IStreamReader NewStreamReader();

    /// <summary>Never throws: garbage becomes a general message.</summary>
    public abstract UpstreamError ReadError(ReadOnlySpan<byte> body, int status);

    /// <summary>The HTTP status that an error within a stream stands for.</summary>
    public abstract int StatusOf(UpstreamError error);

    /// <summary>What an error's status means, for formats that tell a credential that is not good as a mistake of the request.</summary>
    public virtual int Meaning(int status, UpstreamError error) => status;

    /// <summary>How long an error's body asks to wait, for formats that say it there.</summary>
    public virtual TimeSpan? RetryAfter(ReadOnlySpan<byte> body) => null;
}

/// <summary>OpenAI's <c>chat/completions</c>.</summary>
internal sealed class OpenAiWire : ProviderWire
{
    public const string ChatPath = "/chat/completions";

    public override string PathOf(string model, bool stream) => ChatPath;

    public override AnswerTap NewTap() => new OpenAiTap();

    public override void WriteRequest(ChatRequest request, string model, ProviderSettings settings, IBufferWriter<byte> to, List<string> dropped) =>
        OpenAiRequestWriter.Write(request, model, settings, to, dropped);

    public override ChatAnswer ReadAnswer(ReadOnlySpan<byte> body) => OpenAiAnswerReader.Read(body);

    public override IStreamReader NewStreamReader() => new OpenAiStreamReader();

    public override UpstreamError ReadError(ReadOnlySpan<byte> body, int status) => OpenAiErrorReader.Read(body, status);

    public override int StatusOf(UpstreamError error) => OpenAiErrorReader.StatusOf(error);
}

/// <summary>OpenAI's <c>responses</c>. Only requests of that format reach it: others go to the same provider's chat format.</summary>
internal sealed class ResponsesWire : ProviderWire
{
    public const string ResponsesPath = "/responses";

    public override string PathOf(string model, bool stream) => ResponsesPath;

    public override AnswerTap NewTap() => new ResponsesTap();

    public override void WriteRequest(ChatRequest request, string model, ProviderSettings settings, IBufferWriter<byte> to, List<string> dropped) =>
        throw new NotSupportedException();

    public override ChatAnswer ReadAnswer(ReadOnlySpan<byte> body) => throw new NotSupportedException();

    public override IStreamReader NewStreamReader() => throw new NotSupportedException();

    public override UpstreamError ReadError(ReadOnlySpan<byte> body, int status) => ResponsesErrorReader.Read(body, status);

    public override int StatusOf(UpstreamError error) => ResponsesErrorReader.StatusOf(error);
}

/// <summary>Anthropic's <c>messages</c>.</summary>
internal sealed class AnthropicWire : ProviderWire
{
    public const string MessagesPath = "/messages";

    public override string PathOf(string model, bool stream) => MessagesPath;

    public override AnswerTap NewTap() => new AnthropicTap();

    public override void WriteRequest(ChatRequest request, string model, ProviderSettings settings, IBufferWriter<byte> to, List<string> dropped) =>
        AnthropicRequestWriter.Write(request, model, settings, to, dropped);

    public override ChatAnswer ReadAnswer(ReadOnlySpan<byte> body) => AnthropicAnswerReader.Read(body);

    public override IStreamReader NewStreamReader() => new AnthropicStreamReader();

    public override UpstreamError ReadError(ReadOnlySpan<byte> body, int status) => AnthropicErrorReader.Read(body, status);

    public override int StatusOf(UpstreamError error) => AnthropicErrorReader.StatusOf(error);
}

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

    public override string PathOf(string model, bool stream) => PathOf(model, stream ? "streamGenerateContent?alt=sse" : "generateContent");

    public override AnswerTap NewTap() => new GeminiTap();

    public override void WriteRequest(ChatRequest request, string model, ProviderSettings settings, IBufferWriter<byte> to, List<string> dropped) =>
        GeminiRequestWriter.Write(request, model, to, dropped);

    public override ChatAnswer ReadAnswer(ReadOnlySpan<byte> body) => GeminiAnswerReader.Read(body);

    public override IStreamReader NewStreamReader() => new GeminiStreamReader();

    public override UpstreamError ReadError(ReadOnlySpan<byte> body, int status) => GeminiErrorReader.Read(body, status);

    public override int StatusOf(UpstreamError error) => GeminiErrorReader.StatusOf(error);

    public override int Meaning(int status, UpstreamError error) => GeminiErrorReader.Meaning(status, error);

    public override TimeSpan? RetryAfter(ReadOnlySpan<byte> body) => GeminiErrorReader.RetryAfter(body);
}
