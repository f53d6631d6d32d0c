using System.Buffers;

namespace Gatehouse.Gateway.Streaming;

/// <summary>
/// Bytes that grow: in arrays of the shared pool first, beyond <see cref="MostPooled"/> outside the collected heap. The pool would keep one
/// array of each size for every thread that has ever given one back, and the collector lets garbage of this size wait: either makes a
/// gigabyte of a few answers of 64 MB. Whoever makes one disposes it.
/// </summary>
internal struct GrowingBytes(int capacity) : IDisposable
{
    /// <summary>In bytes.</summary>
    public const int MostPooled = 2 << 20;

    private const int LeastGrowth = 256;

    private byte[] _array = capacity > MostPooled ? [] : ArrayPool<byte>.Shared.Rent(capacity);
    private LargeBlock? _large = capacity > MostPooled ? new LargeBlock(capacity) : null;

    /// <summary>All there is room for, in bytes.</summary>
    public readonly int Capacity => _large is null ? _array.Length : _large.Capacity;

    /// <summary>All there is room for. Not valid after the next growth.</summary>
    public readonly Span<byte> Span => _large is null ? _array : _large.GetSpan();

    /// <inheritdoc cref="Span"/>
    public readonly Memory<byte> Memory => _large is null ? _array : _large.Memory;

    /// <summary>Makes room for <paramref name="bytes"/> after the first <paramref name="used"/>, which stay.</summary>
    /// <exception cref="OverflowException">More than 2 GB.</exception>
    /// <exception cref="OutOfMemoryException">There is no room; nothing has changed.</exception>
    public void Reserve(int used, int bytes)
    {
        if (Capacity - used < bytes)
        {
            Grow(used, (int)Math.Min(Math.Max(Capacity * 2L, checked(used + Math.Max(bytes, LeastGrowth))), Array.MaxLength));
        }
    }

    /// <summary>Makes it as large as this, in bytes; the first <paramref name="used"/> stay.</summary>
    public void Grow(int used, int capacity)
    {
        if (_large is not null)
        {
            _large.Grow(capacity);
            return;
        }

        var larger = new GrowingBytes(capacity);
        _array.AsSpan(0, used).CopyTo(larger.Span);
        Dispose();
        this = larger;
    }

    /// <summary>Gives the memory back; there is room for nothing any more.</summary>
    public void Dispose()
    {
        var array = _array;
        _array = [];
        if (array.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(array);
        }

        (_large as IDisposable)?.Dispose();
        _large = null;
    }
}
