using System.Buffers;
using Gatehouse.Gateway.Conversation;
using Gatehouse.Gateway.Providers.Anthropic;
using Gatehouse.Gateway.Providers.OpenAi;
using Gatehouse.Gateway.Streaming;

namespace Gatehouse.Gateway.Providers;

/// <summary>A wire format that providers speak: how requests are written to it and its answers read.</summary>
internal abstract class ProviderWire
{
    private static readonly OpenAiWire OpenAi = new();
    private static readonly AnthropicWire Anthropic = new();

    /// <summary>Appended to the provider's base address.</summary>
    public abstract string Path { get; }

    public static ProviderWire Of(WireFormat format) => format == WireFormat.OpenAi ? OpenAi : Anthropic;

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
}

/// <summary>OpenAI's <c>chat/completions</c>.</summary>
internal sealed class OpenAiWire : ProviderWire
{
    public const string ChatPath = "/chat/completions";

    public override string Path => ChatPath;

    public override AnswerTap NewTap() => new OpenAiTap();

    public override void WriteRequest(ChatRequest request, string model, ProviderSettings settings, IBufferWriter<byte> to, List<string> dropped) =>
        OpenAiRequestWriter.Write(request, model, settings, to, dropped);

    public override ChatAnswer ReadAnswer(ReadOnlySpan<byte> body) => OpenAiAnswerReader.Read(body);

    public override IStreamReader NewStreamReader() => new OpenAiStreamReader();

    public override UpstreamError ReadError(ReadOnlySpan<byte> body, int status) => OpenAiErrorReader.Read(body, status);

    public override int StatusOf(UpstreamError error) => OpenAiErrorReader.StatusOf(error);
}

/// <summary>Anthropic's <c>messages</c>.</summary>
internal sealed class AnthropicWire : ProviderWire
{
    public const string MessagesPath = "/messages";

    public override string Path => MessagesPath;

    public override AnswerTap NewTap() => new AnthropicTap();

    public override void WriteRequest(ChatRequest request, string model, ProviderSettings settings, IBufferWriter<byte> to, List<string> dropped) =>
        AnthropicRequestWriter.Write(request, model, settings, to, dropped);

    public override ChatAnswer ReadAnswer(ReadOnlySpan<byte> body) => AnthropicAnswerReader.Read(body);

    public override IStreamReader NewStreamReader() => new AnthropicStreamReader();

    public override UpstreamError ReadError(ReadOnlySpan<byte> body, int status) => AnthropicErrorReader.Read(body, status);

    public override int StatusOf(UpstreamError error) => AnthropicErrorReader.StatusOf(error);
}
