using System.Buffers;
using Gatehouse.Gateway.Calls;

namespace Gatehouse.Gateway.Streaming;

/// <summary>
/// Bytes that are written one after another, and grow. Whoever makes one disposes it; its memory is not to be used afterwards.
/// </summary>
public sealed class PooledBuffer : IBufferWriter<byte>, IDisposable
{
    private GrowingBytes _bytes;

    /// <param name="capacity">First capacity, in bytes.</param>
    public PooledBuffer(int capacity = 4096) => _bytes = new GrowingBytes(capacity);

    public int Length { get; private set; }

    /// <summary>Bytes that there is room for without growing, those that are there included.</summary>
    public int Capacity => _bytes.Capacity;

    /// <summary>The turn that its owner waited for because it grows large; given back with the memory, or before.</summary>
    public SemaphoreSlim? Turn { get; set; }

    /// <summary>Bytes that <see cref="BodyMemory"/> counts for it.</summary>
    internal long Taken { get; set; }

    /// <summary>Gives the turn back before the memory: for an owner that grows no more and waits for somebody.</summary>
    public void EndTurn()
    {
        Turn?.Release();
        Turn = null;
    }

    /// <summary>What grew large in another one goes on growing here.</summary>
    public void TakeTurn(PooledBuffer from) => (Turn, from.Turn) = (from.Turn, null);

    public ReadOnlyMemory<byte> Memory => _bytes.Memory[..Length];

    public ReadOnlySpan<byte> Span => _bytes.Span[..Length];

    public void Advance(int count)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)count, (uint)(Capacity - Length), nameof(count));
        Length += count;
    }

    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        EnsureFree(sizeHint);
        return _bytes.Memory[Length..];
    }

    public Span<byte> GetSpan(int sizeHint = 0)
    {
        EnsureFree(sizeHint);
        return _bytes.Span[Length..];
    }

    public void Write(ReadOnlySpan<byte> bytes)
    {
        EnsureFree(bytes.Length);
        bytes.CopyTo(_bytes.Span[Length..]);
        Length += bytes.Length;
    }

    /// <summary>Forgets what comes after.</summary>
    public void Truncate(int length)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)length, (uint)Length, nameof(length));
        Length = length;
    }

    /// <summary>Forgets the content and keeps the memory.</summary>
    public void Clear() => Length = 0;

    public void Dispose()
    {
        _bytes.Dispose();
        Length = 0;
        if (Taken > 0)
        {
            BodyMemory.Release(this);
        }

        EndTurn();
    }

    /// <summary>Makes room for as many bytes in all, so that it need not grow step by step.</summary>
    public void Reserve(int bytes)
    {
        if (bytes > Capacity)
        {
            _bytes.Grow(Length, bytes);
        }
    }

    private void EnsureFree(int size) => _bytes.Reserve(Length, Math.Max(size, 1));
}
