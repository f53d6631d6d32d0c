using System.Text.Json;
using Gatehouse.Contracts;

namespace Gatehouse.Gateway.Conversation;

/// <summary>A complete answer in words that every wire format shares.</summary>
internal sealed class ChatAnswer
{
    public string Id { get; set; } = "";

    public string Model { get; set; } = "";

    /// <summary>Unix seconds; 0 when the provider's format does not say: the writer then takes the time of writing.</summary>
    public long Created { get; set; }

    public List<ChatChoice> Choices { get; } = [];

    /// <summary><see langword="null"/> when the provider reported none.</summary>
    public TokenUsage? Usage { get; set; }

    public string? ServiceTier { get; set; }

    public string? SystemFingerprint { get; set; }
}

/// <summary>One of the alternatives of an answer.</summary>
internal sealed class ChatChoice
{
    public int Index { get; set; }

    public List<Part> Parts { get; } = [];

    public FinishReason Finish { get; set; }

    /// <summary>The stop sequence that ended the text, where the provider says which.</summary>
    public string? StopSequence { get; set; }

    public JsonElement? Logprobs { get; set; }
}
