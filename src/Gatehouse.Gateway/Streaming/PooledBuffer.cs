using System.Buffers;
using Gatehouse.Gateway.Calls;

namespace Gatehouse.Gateway.Streaming;

/// <summary>Bytes that grow in a pooled array. Whoever makes one disposes it; its memory is not to be used afterwards.</summary>
public sealed class PooledBuffer : IBufferWriter<byte>, IDisposable
{
    private byte[] _array;

    /// <param name="capacity">First capacity, in bytes.</param>
    public PooledBuffer(int capacity = 4096) => _array = ArrayPool<byte>.Shared.Rent(capacity);

    public int Length { get; private set; }

    /// <summary>Bytes that there is room for without growing, those that are there included.</summary>
    public int Capacity => _array.Length;

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

    public ReadOnlyMemory<byte> Memory => _array.AsMemory(0, Length);

    public ReadOnlySpan<byte> Span => _array.AsSpan(0, Length);

    public void Advance(int count)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)count, (uint)(_array.Length - Length), nameof(count));
        Length += count;
    }

    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        EnsureFree(sizeHint);
        return _array.AsMemory(Length);
    }

    public Span<byte> GetSpan(int sizeHint = 0)
    {
        EnsureFree(sizeHint);
        return _array.AsSpan(Length);
    }

    public void Write(ReadOnlySpan<byte> bytes)
    {
        EnsureFree(bytes.Length);
        bytes.CopyTo(_array.AsSpan(Length));
        Length += bytes.Length;
    }

    /// <summary>Forgets what comes after.</summary>
    public void Truncate(int length)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)length, (uint)Length, nameof(length));
        Length = length;
    }

    /// <summary>Forgets the content and keeps the array.</summary>
    public void Clear() => Length = 0;

    public void Dispose()
    {
        var array = _array;
        _array = [];
        Length = 0;
        if (array.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(array);
        }

        if (Taken > 0)
        {
            BodyMemory.Release(this);
        }

        EndTurn();
    }

    /// <summary>Makes room for as many bytes in all, so that it need not grow step by step.</summary>
    public void Reserve(int bytes)
    {
        if (bytes > _array.Length)
        {
            Grow(bytes);
        }
    }

    private void EnsureFree(int size)
    {
        if (_array.Length - Length < Math.Max(size, 1))
        {
            Grow(Math.Max(_array.Length * 2, checked(Length + Math.Max(size, 256))));
        }
    }

    private void Grow(int capacity)
    {
        var larger = ArrayPool<byte>.Shared.Rent(capacity);
        _array.AsSpan(0, Length).CopyTo(larger);
        if (_array.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(_array);
        }

        _array = larger;
    }
}
