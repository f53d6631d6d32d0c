using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Providers;

namespace Gatehouse.Gateway.Conversation;

/// <summary>Something that happens in a streamed answer.</summary>
internal abstract record ChatEvent;

/// <summary>The answer begins. Comes first, once.</summary>
/// <param name="Created">Unix seconds; 0 when the provider's format does not say.</param>
/// <param name="Usage">What is known at this point; the input, mostly.</param>
internal sealed record StartedEvent(string Id, string Model, long Created, TokenUsage? Usage) : ChatEvent;

/// <summary>More text.</summary>
internal sealed record TextEvent(int Choice, string Text) : ChatEvent
{
    /// <summary>Of the tokens of this text, see <see cref="Conversation.Logprobs"/>.</summary>
    public JsonElement? Logprobs { get; init; }
}

/// <summary>More of a refusal.</summary>
internal sealed record RefusalEvent(int Choice, string Text) : ChatEvent;

/// <summary>More thinking.</summary>
internal sealed record ThinkingEvent(int Choice, string Text) : ChatEvent;

/// <summary>The signature of the thinking since the last one; the thinking may be empty.</summary>
internal sealed record ThinkingSignedEvent(int Choice, string Signature) : ChatEvent;

/// <summary>Thinking that only the provider can read, whole.</summary>
internal sealed record RedactedThinkingEvent(int Choice, string Data) : ChatEvent;

/// <summary>A tool call begins.</summary>
/// <param name="Index">0, 1, 2 … among the tool calls of the choice.</param>
internal sealed record ToolStartedEvent(int Choice, int Index, string Id, string Name) : ChatEvent;

/// <summary>More of a tool call's arguments. Calls may interleave.</summary>
internal sealed record ToolArgumentsEvent(int Choice, int Index, string Arguments) : ChatEvent;

/// <summary>A choice is complete.</summary>
internal sealed record FinishedEvent(int Choice, FinishReason Reason, string? StopSequence = null) : ChatEvent;

/// <summary>Usage of the whole call so far; the last one counts.</summary>
internal sealed record UsageEvent(TokenUsage Usage) : ChatEvent;

/// <summary>A sign of life without content.</summary>
internal sealed record PingEvent : ChatEvent
{
    public static readonly PingEvent Instance = new();
}

/// <summary>The provider reports an error within the stream. Nothing of worth follows.</summary>
/// <param name="Status">The HTTP status that this error would have had before the stream began.</param>
internal sealed record FailedEvent(UpstreamError Error, int Status) : ChatEvent
{
    /// <summary>A refused credential is ours, not the caller's, so it must not look like the caller's fault.</summary>
    public Problem ToProblem() => Status is 401 or 403
        ? new Problem("upstream_refused_credential", 502, "The provider refused the gateway's credential.")
        : new Problem(Error.Code ?? Error.Type ?? "upstream_error", Status, Error.Message);
}
