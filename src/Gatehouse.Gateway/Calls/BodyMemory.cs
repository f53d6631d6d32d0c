using System.Numerics;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Routing;
using Gatehouse.Gateway.Streaming;

namespace Gatehouse.Gateway.Calls;

/// <summary>
/// What large request bodies take of the process's memory together. A body is kept until its call has ended, for retries, so what is under
/// way adds up; whoever finds no room is refused, since to wait for a client that sends slowly may take for ever.
/// </summary>
internal static class BodyMemory
{
    /// <summary>Smaller bodies are not counted: a connection costs about as much.</summary>
    private const int LargeBytes = 256 << 10;

    /// <summary>What becomes of a call that meets an <see cref="OutOfMemoryException"/>.</summary>
    public static readonly Problem None = new(
        "out_of_memory", 503, "The memory of Gatehouse does not suffice for this call at the moment: send less at once, or give it more memory.");

    private static readonly Problem Full = new(
        "busy_with_large_requests", 503, "As many large requests as fit into memory are under way: try again in a moment, or send less at once.");

    private static long s_taken;

    /// <summary>In bytes.</summary>
    public static long Taken => Interlocked.Read(ref s_taken);

    /// <summary>Makes room for as many bytes; what they take is given back with the buffer's memory.</summary>
    /// <returns>Why there is no room. One body finds it always, if it is the only one.</returns>
    /// <exception cref="OutOfMemoryException">There is less memory than bodies may take.</exception>
    public static Problem? Reserve(PooledBuffer buffer, int bytes, GatewayTable table)
    {
        if (bytes <= buffer.Capacity)
        {
            return null;
        }

        if (bytes > LargeBytes)
        {
            // By doubling, however small the pieces are that it comes in; as pools have arrays.
            bytes = (int)Math.Min(BitOperations.RoundUpToPowerOf2((uint)bytes), (uint)Math.Max(bytes, table.MaxBodyBytes));
            var more = bytes - buffer.Taken;
            if (Interlocked.Add(ref s_taken, more) > Math.Max(table.MaxBodyMemoryBytes, buffer.Taken + more))
            {
                Interlocked.Add(ref s_taken, -more);
                return Full;
            }

            buffer.Taken += more;
        }

        buffer.Reserve(bytes);
        return null;
    }

    /// <summary>The buffer counts no more: its memory goes back, or another has taken over what is in it.</summary>
    public static void Release(PooledBuffer buffer)
    {
        Interlocked.Add(ref s_taken, -buffer.Taken);
        buffer.Taken = 0;
    }
}
