using System.Text.Json;
using Gatehouse.Gateway.Providers;

namespace Gatehouse.Gateway.Conversation;

/// <summary>
/// A request in words that every wire format shares. What only its own format has a word for stays in <see cref="Body"/>,
/// its names in <see cref="Unshared"/>: a writer of the same format starts from the body, a writer of another one reports the names.
/// </summary>
internal sealed class ChatRequest
{
    /// <summary>The format it was read from.</summary>
    public required WireFormat Wire { get; init; }

    /// <summary>The request as it came; a copy, so it outlives the buffer it was read from.</summary>
    public required JsonElement Body { get; init; }

    public string Model { get; set; } = "";

    public List<ChatMessage> Messages { get; } = [];

    public List<ChatTool> Tools { get; } = [];

    public ToolChoice? ToolChoice { get; set; }

    public bool? ParallelTools { get; set; }

    public long? MaxTokens { get; set; }

    public double? Temperature { get; set; }

    public double? TopP { get; set; }

    public long? TopK { get; set; }

    public IReadOnlyList<string> Stop { get; set; } = [];

    public ResponseFormat? ResponseFormat { get; set; }

    public Reasoning? Reasoning { get; set; }

    /// <summary>
    /// How many alternatives to tell beside the log probability of each token; <see langword="null"/>: none are asked for.
    /// </summary>
    public long? TopLogprobs { get; set; }

    /// <summary>Who asks, as the application names its users.</summary>
    public string? User { get; set; }

    /// <summary>In the words of <see cref="Wire"/>.</summary>
    public string? ServiceTier { get; set; }

    public bool Stream { get; set; }

    /// <summary>Whether a chat client asked for the extra usage chunk.</summary>
    public bool IncludeUsage { get; set; }

    /// <summary>Whether a chat client speaks of <c>functions</c>, the older form of <c>tools</c>, and expects that form back.</summary>
    public bool LegacyFunctions { get; set; }

    /// <summary>Set by the writer of a provider's format: the answer comes as the input of <see cref="SchemaTool"/>.</summary>
    public bool AnswersByTool { get; set; }

    /// <summary>
    /// Names of fields that only <see cref="Wire"/> has a word for and whose value is not the default: <c>seed</c>,
    /// <c>messages[].name</c>. Without repeats.
    /// </summary>
    public List<string> Unshared { get; } = [];

    /// <summary>A rough count of input tokens (four characters a token), for answers that must name one before it is known.</summary>
    public long EstimateInputTokens()
    {
        long characters = 0;
        foreach (var message in Messages)
        {
            foreach (var part in message.Parts)
            {
                characters += part.TextLength;
            }
        }

        foreach (var tool in Tools)
        {
            characters += tool.Name.Length + (tool.Description?.Length ?? 0) + (tool.Schema is { } s ? s.GetRawText().Length : 0);
        }

        return EstimateTokens(characters);
    }

    /// <summary>Four characters are about a token.</summary>
    public static long EstimateTokens(long characters) => (characters + 3) / 4;

    /// <summary>A shared field in the words of the caller's format, for a message or a header.</summary>
    public string NameOf(string openAi, string anthropic, string gemini) => Wire switch
    {
        WireFormat.OpenAi or WireFormat.Completions => openAi,
        WireFormat.Anthropic => anthropic,
        WireFormat.Responses => openAi switch
        {
            "reasoning_effort" => "reasoning.effort",
            "response_format" => "text.format",
            _ => openAi,
        },
        _ => gemini,
    };

    public bool IsCustomTool(string name)
    {
        foreach (var tool in Tools)
        {
            if (tool.Kind == ToolKind.Custom && tool.Name == name)
            {
                return true;
            }
        }

        return false;
    }
}
