using System.Buffers;
using Gatehouse.Gateway.Conversation;
using Gatehouse.Gateway.Providers.Anthropic;
using Gatehouse.Gateway.Providers.Bedrock;
using Gatehouse.Gateway.Providers.Cohere;
using Gatehouse.Gateway.Providers.Gemini;
using Gatehouse.Gateway.Providers.OpenAi;
using Gatehouse.Gateway.Streaming;

namespace Gatehouse.Gateway.Providers;

/// <summary>A wire format that providers speak: how requests are written to it and its answers read.</summary>
internal abstract class ProviderWire
{
    private static readonly ProviderWire[] ByFormat = Enum.GetValues<WireFormat>().Select(Make).ToArray();

    public static ProviderWire Of(WireFormat format) => ByFormat[(int)format];

    /// <summary>Appended to the provider's base address.</summary>
    /// <param name="model">The provider's name of the model.</param>
    public abstract string PathOf(ProviderSettings settings, string model, bool stream);

    /// <summary>Cuts a stream's bytes into events.</summary>
    public virtual IEventParser NewParser() => new SseParser();

    public abstract AnswerTap NewTap();

    /// <param name="dropped">Gets the names of parameters that the format cannot carry.</param>
    public abstract void WriteRequest(
        ChatRequest request, string model, ProviderSettings settings, IBufferWriter<byte> to, List<string> dropped);

    /// <param name="model">What was asked, for formats whose answers do not name their model.</param>
    /// <exception cref="FormatException">The body is not an answer of this format.</exception>
    public abstract ChatAnswer ReadAnswer(ReadOnlySpan<byte> body, string model);

    public abstract IStreamReader NewStreamReader(string model);

    /// <summary>Never throws: garbage becomes a general message.</summary>
    public abstract UpstreamError ReadError(ReadOnlySpan<byte> body, int status);

    /// <summary>The HTTP status that an error within a stream stands for.</summary>
    public abstract int StatusOf(UpstreamError error);

    /// <summary>What an error's status means, for formats that tell a credential that is not good as a mistake of the request.</summary>
    public virtual int Meaning(int status, UpstreamError error) => status;

    /// <summary>How long an error's body asks to wait, for formats that say it there.</summary>
    public virtual TimeSpan? RetryAfter(ReadOnlySpan<byte> body) => null;

    private static ProviderWire Make(WireFormat format) => format switch
    {
        WireFormat.OpenAi => new OpenAiWire(),
        WireFormat.Anthropic => new AnthropicWire(),
        WireFormat.Gemini => new GeminiWire(),
        WireFormat.Responses => new ResponsesWire(),
        WireFormat.Bedrock => new BedrockWire(),
        WireFormat.Completions => new CompletionsWire(),
        WireFormat.Cohere => new CohereWire(),
        _ => throw new ArgumentOutOfRangeException(nameof(format), format, "No such wire format."),
    };
}
