using System.Buffers;
using System.Runtime.InteropServices;

namespace Gatehouse.Gateway.Streaming;

/// <summary>
/// Memory outside the collected heap: it grows without a copy of what is in it, and goes back to the system with its owner. To look at it
/// afterwards is an exception, and who has pinned it keeps it; spans have neither, so nobody may be reading or writing it when its owner
/// disposes it or has it grow. All together take what memory leaves to the rest of the process: in a container of 256 MB nobody else says
/// no before the kernel ends the process.
/// </summary>
internal sealed unsafe class LargeBlock : MemoryManager<byte>
{
    private const long RestOfProcess = 256 << 20;

    private static readonly long Most = MostOf(GC.GetGCMemoryInfo().TotalAvailableMemoryBytes);
    private static long s_taken;

    private byte* _bytes;
    private int _holders = 1; // the owner, and whoever has pinned it
    private int _disposed;

    /// <param name="capacity">In bytes.</param>
    /// <exception cref="OutOfMemoryException">The system has none, or this process enough.</exception>
    public LargeBlock(int capacity)
    {
        GC.SuppressFinalize(this); // until there is something to give back
        Resize(capacity);
        GC.ReRegisterForFinalize(this);
    }

    // Whoever has a span of it is called by an owner that has yet to dispose it, so this is for owners that were forgotten.
#pragma warning disable CA2015
    ~LargeBlock() => Dispose(false);
#pragma warning restore CA2015

    /// <summary>Bytes of all that there are.</summary>
    public static long Taken => Interlocked.Read(ref s_taken);

    /// <summary>In bytes.</summary>
    public int Capacity { get; private set; }

    /// <summary>Spans from before are not valid afterwards.</summary>
    /// <exception cref="InvalidOperationException">Somebody is about to read or write it.</exception>
    /// <exception cref="OutOfMemoryException">The system has none, or this process enough; it is as large as before.</exception>
    public void Grow(int capacity)
    {
        ObjectDisposedException.ThrowIf(_disposed != 0, this);
        if (Volatile.Read(ref _holders) > 1)
        {
            throw new InvalidOperationException("Memory that is read or written meanwhile cannot grow.");
        }

        Resize(capacity);
    }

    public override Span<byte> GetSpan()
    {
        ObjectDisposedException.ThrowIf(_disposed != 0, this);
        return new Span<byte>(_bytes, Capacity);
    }

    public override MemoryHandle Pin(int elementIndex = 0)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)elementIndex, (uint)Capacity, nameof(elementIndex));
        int holders;
        do
        {
            holders = Volatile.Read(ref _holders);
            ObjectDisposedException.ThrowIf(_disposed != 0 || holders == 0, this);
        }
        while (Interlocked.CompareExchange(ref _holders, holders + 1, holders) != holders);

        return new MemoryHandle(_bytes + elementIndex, pinnable: this);
    }

    public override void Unpin()
    {
        if (Interlocked.Decrement(ref _holders) == 0)
        {
            NativeMemory.Free(_bytes);
            _bytes = null;
            Interlocked.Add(ref s_taken, -Capacity);
        }
    }

    protected override void Dispose(bool disposing)
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
        {
            Unpin();
        }
    }

    /// <summary>All but what the rest of a process needs, or a third where there is little more than that.</summary>
    private static long MostOf(long memory) => Math.Max(memory / 3, memory - RestOfProcess);

    private void Resize(int capacity)
    {
        var more = capacity - Capacity;
        if (Interlocked.Add(ref s_taken, more) > Most)
        {
            Interlocked.Add(ref s_taken, -more);
            throw new InsufficientMemoryException("Large requests and answers take as much memory as they may.");
        }

        try
        {
            _bytes = (byte*)NativeMemory.Realloc(_bytes, (nuint)capacity);
            Capacity = capacity;
        }
        catch (OutOfMemoryException)
        {
            Interlocked.Add(ref s_taken, -more);
            throw;
        }
    }
}
