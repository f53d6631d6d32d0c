using Gatehouse.Gateway.Conversation;

namespace Gatehouse.Gateway.Streaming;

/// <summary>Turns a provider's server-sent events into <see cref="ChatEvent"/>s. One per stream, not thread-safe.</summary>
internal interface IStreamReader
{
    /// <summary>
    /// Whether the format's terminator came, or an error that takes its place. False at the end of the bytes: the stream was cut.
    /// </summary>
    bool Ended { get; }

    /// <exception cref="FormatException">The data is not what the provider's format allows.</exception>
    void Read(ReadOnlySpan<byte> eventName, ReadOnlySpan<byte> data, List<ChatEvent> into);
}
