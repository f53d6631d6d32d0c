namespace Gatehouse.Gateway.Streaming;

/// <summary>
/// Cuts the bytes of a provider's stream into events; the bytes may be cut anywhere. Feed with <see cref="Append"/>, then call
/// <see cref="TryRead"/> until it returns false. One per stream, not thread-safe. Disposing gives buffers back to their pool.
/// </summary>
internal interface IEventParser : IDisposable
{
    /// <summary>Adds bytes of the body. Invalidates spans of the last event.</summary>
    void Append(ReadOnlySpan<byte> bytes);

    /// <summary>The body ended.</summary>
    void Complete();

    /// <returns><see langword="false"/> when the next event is not complete yet.</returns>
    /// <exception cref="SseEventTooLargeException">The event is larger than the limit.</exception>
    /// <exception cref="FormatException">The bytes are not of the stream's framing.</exception>
    bool TryRead(out SseEvent e);
}
