using System.Buffers;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Conversation;

namespace Gatehouse.Gateway.Streaming;

/// <summary>Writes <see cref="ChatEvent"/>s as server-sent events of the caller's format. One per stream, not thread-safe.</summary>
internal interface IStreamWriter
{
    /// <exception cref="FormatException">The events contradict each other: the provider broke its own format.</exception>
    void Write(ChatEvent e, IBufferWriter<byte> to);

    /// <summary>Completes the answer: call it only when the provider's stream ended as it should.</summary>
    void End(IBufferWriter<byte> to);

    /// <summary>Ends the stream with an error that makes the official SDKs raise; nothing may be written after it.</summary>
    void Error(Problem p, IBufferWriter<byte> to);
}
