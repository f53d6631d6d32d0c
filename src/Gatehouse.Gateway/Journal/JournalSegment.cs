using System.Buffers.Binary;
using System.Globalization;
using System.IO.MemoryMappedFiles;
using System.Numerics;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Gatehouse.Gateway.Journal;

/// <summary>Gives a segment's file its room on disk, or throws <see cref="JournalFullException"/>.</summary>
internal delegate void SegmentAllocator(SafeFileHandle file, long bytes);

/// <summary>What stands at a position of a segment.</summary>
internal enum SegmentRead
{
    /// <summary>A record.</summary>
    Record,

    /// <summary>Nothing yet: the record is being written, or no one has reserved the room.</summary>
    Nothing,

    /// <summary>The segment holds no more, now or later.</summary>
    End,
}

/// <summary>
/// One memory-mapped file of the journal: a header of 64 bytes (<c>ulong magic, long number, long bytes of the file</c>), then records
/// aligned to 8 bytes: <c>int length, uint crc, payload</c>.
/// <list type="number">
/// <item>Room is reserved by one <see cref="Interlocked.Add(ref long, long)"/>; nobody else writes there.</item>
/// <item>The length is stored last, with release semantics: a length that is not zero promises a whole record.</item>
/// <item>The writer that does not fit stores <see cref="EndMark"/> where it would have begun; the rest stays zero.</item>
/// <item>The checksum covers the segment's number, the offset, the length and the payload: bytes that lie elsewhere never pass.</item>
/// <item>The file's blocks are allocated before it is mapped, so a full disk can't turn a store into SIGBUS.</item>
/// </list>
/// </summary>
internal sealed unsafe partial class JournalSegment : IDisposable
{
    public const int HeaderBytes = 64;

    /// <summary>Behind the name of a segment that is kept for its damage.</summary>
    public const string DamagedSuffix = ".damaged";

    private const int RecordHeaderBytes = 8;

    /// <summary>More zeros than writers leave that were stopped: a page that the disk lost.</summary>
    private const int LostBytes = 4096;

    private const long LastNumber = 999_999_999_999; // names of more digits would not be in the order of their numbers
    private const int EndMark = -1;
    private const ulong Magic = 0x0031_4C4E_524A_4847; // "GHJRNL1\0" in little endian
    private const int SynchronizeNow = 4; // MS_SYNC
    private const int PopulateWrite = 23; // MADV_POPULATE_WRITE, Linux 5.14; older kernels refuse it, and pages fault in one by one

    private readonly MemoryMappedViewAccessor _view;
    private readonly byte* _start;
    private readonly bool _live; // written by this process
    private bool _isCut; // the file is shorter than it was made
    private long _tail;
    private long _flushed; // what is before it is on the disk; of the thread that flushes

    private JournalSegment(string path, long number, long capacity, FileStream file, bool live)
    {
        Path = path;
        Number = number;
        Capacity = capacity;
        _live = live;

        // The mapping outlives the file's handle: a long backlog holds no handles.
        using var map = MemoryMappedFile.CreateFromFile(
            file, null, 0, MemoryMappedFileAccess.ReadWrite, HandleInheritability.None, leaveOpen: false);
        _view = map.CreateViewAccessor(0, capacity);
        _view.SafeMemoryMappedViewHandle.AcquirePointer(ref _start);
        _tail = HeaderBytes;
    }

    public string Path { get; }

    public long Number { get; }

    /// <summary>Bytes of the file that may hold records, header included; a multiple of 8.</summary>
    public long Capacity { get; }

    /// <summary>The file is shorter than it was made, and no reader has been told so yet.</summary>
    public bool IsCut => _isCut;

    /// <summary>Where the next record would begin.</summary>
    public long Tail => Math.Min(Volatile.Read(ref _tail), Capacity);

    public static string PathOf(string directory, long number) =>
        System.IO.Path.Combine(directory, number.ToString("D12", CultureInfo.InvariantCulture) + ".journal");

    /// <returns>Whether the file has the name of a segment: one that <see cref="PathOf"/> gives.</returns>
    public static bool TryNumber(string path, out long number) =>
        long.TryParse(System.IO.Path.GetFileNameWithoutExtension(path), NumberStyles.None, CultureInfo.InvariantCulture, out number)
        && number < LastNumber
        && System.IO.Path.GetFileName(PathOf("", number)) == System.IO.Path.GetFileName(path);

    /// <returns>The first number from <paramref name="number"/> on whose name nobody has: what is in the way is not ours.</returns>
    public static long FreeNumber(string directory, long number)
    {
        while (System.IO.Path.Exists(PathOf(directory, number)))
        {
            number++;
        }

        return number;
    }

    /// <summary>Makes a new segment with all of its room allocated and its pages present.</summary>
    /// <exception cref="JournalFullException">There is no room for it; no file is left behind.</exception>
    public static JournalSegment Create(string directory, long number, int bytes, SegmentAllocator allocate)
    {
        var path = PathOf(directory, number);
        FileStream? file = null;
        try
        {
            file = new FileStream(path, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete, 0);
            allocate(file.SafeFileHandle, bytes);
            var segment = new JournalSegment(path, number, bytes, file, live: true);
            _ = MemoryAdvise(segment._start, bytes, PopulateWrite);
            BinaryPrimitives.WriteInt64LittleEndian(segment.Bytes(8, 8), number);
            BinaryPrimitives.WriteInt64LittleEndian(segment.Bytes(16, 8), bytes);
            Volatile.Write(ref *(ulong*)segment._start, Magic);
            return segment;
        }
        catch (Exception e)
        {
            if (file is not null)
            {
                Discard(file, path);
            }

            if (e is not (IOException or UnauthorizedAccessException or OutOfMemoryException))
            {
                throw;
            }

            throw e as JournalFullException ?? new JournalFullException($"No new journal segment in '{directory}': {e.Message}", e);
        }
    }

    /// <summary>Opens a segment that an earlier process left.</summary>
    /// <returns><see langword="null"/> when no record was ever begun in it.</returns>
    /// <exception cref="JournalVersionException">A newer Gatehouse wrote the file.</exception>
    public static JournalSegment? Open(string path, long number)
    {
        var file = new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete, 0);
        var capacity = file.Length & ~7L;
        if (capacity <= HeaderBytes)
        {
            file.Dispose();
            return null;
        }

        var segment = new JournalSegment(path, number, capacity, file, live: false);
        segment._tail = segment.LastUsed();
        if (segment._tail <= HeaderBytes)
        {
            segment.Dispose();
            return null;
        }

        // The header may be damaged as anything may; its version counts only when it is one.
        var magic = *(ulong*)segment._start;
        if ((magic & 0x0000_FFFF_FFFF_FFFF) == (Magic & 0x0000_FFFF_FFFF_FFFF) && magic > Magic && magic >> 56 == 0)
        {
            segment.Dispose();
            throw new JournalVersionException(
                $"The journal segment '{path}' was written by a newer Gatehouse. Start the newer release again.");
        }

        // Releases before this one left a zero there.
        segment._isCut = magic == Magic && BinaryPrimitives.ReadInt64LittleEndian(segment.Bytes(16, 8)) > capacity;
        return segment;
    }

    /// <returns>The room of a record with a payload of so many bytes.</returns>
    public static long SizeOf(int payload) => Align(RecordHeaderBytes + payload);

    /// <summary>Copies a record into the segment and publishes it. Safe from any thread, waits for nobody.</summary>
    /// <returns><see langword="false"/> when there is no room for it.</returns>
    public bool TryAppend(ReadOnlySpan<byte> payload)
    {
        var size = Align(RecordHeaderBytes + payload.Length);
        var offset = Interlocked.Add(ref _tail, size) - size;
        if (offset + size > Capacity)
        {
            if (offset < Capacity)
            {
                Volatile.Write(ref LengthAt(offset), EndMark);
            }

            return false;
        }

        payload.CopyTo(Bytes(offset + RecordHeaderBytes, payload.Length));
        *(uint*)(_start + offset + 4) = Checksum(offset, payload);
        Volatile.Write(ref LengthAt(offset), payload.Length);
        return true;
    }

    /// <summary>Reads what stands at <paramref name="offset"/> and moves it behind. For one reader at a time.</summary>
    /// <param name="payload">Valid until the segment is disposed.</param>
    /// <param name="damaged">Raised by one for each stretch of bytes that held a record and can't be read any more.</param>
    public SegmentRead Read(ref long offset, out ReadOnlySpan<byte> payload, ref long damaged)
    {
        payload = default;
        var searching = false;
        var end = Tail;
        var at = offset;
        while (at < end)
        {
            var length = Volatile.Read(ref LengthAt(at));
            if (length > 0 && at + RecordHeaderBytes + length <= Capacity)
            {
                payload = Bytes(at + RecordHeaderBytes, length);
                if (*(uint*)(_start + at + 4) == Checksum(at, payload))
                {
                    offset = at + Align(RecordHeaderBytes + length);
                    return SegmentRead.Record;
                }
            }

            if (length == EndMark && ((_live && !searching) || at + RecordHeaderBytes >= end))
            {
                offset = Capacity;
                return SegmentRead.End;
            }

            if (length == 0 && _live && !searching)
            {
                // Being written.
                return SegmentRead.Nothing;
            }

            // A zero is a record that its writer did not finish, and nobody was told that it was kept. Behind either, look for the next.
            var next = NextUsed(at + 8, end);
            if (!searching)
            {
                searching = true;
                damaged += length == 0 && next - at < LostBytes ? 0 : 1;
            }

            at = next;
        }

        if (_isCut)
        {
            _isCut = false;
            damaged += searching ? 0 : 1;
        }

        offset = at;
        return _live && Volatile.Read(ref _tail) <= Capacity && at < Capacity ? SegmentRead.Nothing : SegmentRead.End;
    }

    /// <summary>
    /// Returns when everything reserved before is on the disk. For one thread at a time; does nothing in a segment that is gone.
    /// </summary>
    /// <exception cref="IOException">The disk did not take it.</exception>
    public void Flush()
    {
        if (!_live || _flushed == Capacity)
        {
            return;
        }

        var held = false;
        try
        {
            _view.SafeMemoryMappedViewHandle.DangerousAddRef(ref held);
            var end = Tail;
            var from = _flushed & ~(Environment.SystemPageSize - 1L);
            var next = PublishedEnd(Math.Max(_flushed, HeaderBytes), end);
            if (end > _flushed && Synchronize(_start + from, (nint)(end - from), SynchronizeNow) != 0)
            {
                throw new IOException(
                    $"The journal segment '{Path}' cannot be brought to the disk: {Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError())}.");
            }

            _flushed = next;
        }
        catch (ObjectDisposedException)
        {
            // Released: everything in it is in the ledger.
        }
        finally
        {
            if (held)
            {
                _view.SafeMemoryMappedViewHandle.DangerousRelease();
            }
        }
    }

    /// <summary>Lets no further record in and returns when those begun are published, so that the memory may go.</summary>
    public void Seal()
    {
        if (!_live)
        {
            return;
        }

        var end = Math.Min(Interlocked.Add(ref _tail, long.MaxValue / 2) - (long.MaxValue / 2), Capacity);
        var wait = default(SpinWait);
        for (long at = HeaderBytes; at < end;)
        {
            var length = Volatile.Read(ref LengthAt(at));
            if (length == 0)
            {
                wait.SpinOnce();
                continue;
            }

            at = length < 0 ? end : at + Align(RecordHeaderBytes + length);
        }
    }

    public void Delete()
    {
        Dispose();
        File.Delete(Path);
    }

    /// <returns>Where the record ends that begins there, by its length, which may be behind the end of the file.</returns>
    public long EndAt(long offset)
    {
        var length = offset + RecordHeaderBytes <= Capacity ? Volatile.Read(ref LengthAt(offset)) : 0;
        var end = offset + SizeOf(length);
        return length > 0 && end <= BinaryPrimitives.ReadInt64LittleEndian(Bytes(16, 8)) ? end : offset;
    }

    /// <summary>Whether what an earlier process read up to there is there no longer.</summary>
    public bool Lacks(long offset)
    {
        if (_live || offset <= Tail || offset >= Capacity)
        {
            return false; // a record may end in zeros, behind the last byte that seems used
        }

        long at = HeaderBytes, damaged = 0;
        while (at < offset && Read(ref at, out _, ref damaged) == SegmentRead.Record)
        {
        }

        return at != offset;
    }

    /// <summary>Leaves a sign of a segment of which nothing is left.</summary>
    /// <returns>Its path.</returns>
    public static string MarkDamaged(string directory, long number)
    {
        var path = PathOf(directory, number) + DamagedSuffix;
        using (File.Open(path, FileMode.Append))
        {
            return path;
        }
    }

    /// <summary>
    /// Gives the file a second name, so that it outlives <see cref="Delete"/>: what is around the damage says from when it is.
    /// </summary>
    /// <returns>The name; the file's own where the file system gives it no second one.</returns>
    public string KeepDamaged()
    {
        var kept = Path + DamagedSuffix;
        return Link(Path, kept) == 0 || File.Exists(kept) ? kept : Path;
    }

    public void Dispose()
    {
        _view.SafeMemoryMappedViewHandle.ReleasePointer();
        _view.SafeMemoryMappedViewHandle.Dispose(); // first, or the view would wait for the disk, even where the file is about to go
        if (_view.SafeMemoryMappedViewHandle.IsClosed)
        {
            _view.Dispose(); // else a flush is under way and closes it at its end, and the view would try to flush once more
        }
    }

    /// <summary>The allocator for real disks: the kernel assigns every block now, or says that it can't.</summary>
    public static void AllocateBlocks(SafeFileHandle file, long bytes)
    {
        const int Interrupted = 4;
        int error;
        do
        {
            error = AllocateRange(file, 0, bytes);
        }
        while (error == Interrupted);

        if (error != 0)
        {
            throw new JournalFullException($"No room for a journal segment of {bytes} bytes: {Marshal.GetPInvokeErrorMessage(error)}.");
        }
    }

    /// <summary>A file that stayed would be in the way of the next segment with its number.</summary>
    private static void Discard(FileStream file, string path)
    {
        file.Dispose();
        try
        {
            File.Delete(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // What made the file useless says more, and the next attempt fails in words of its own.
        }
    }

    /// <summary>Behind the last of the records from <paramref name="at"/> on that are whole.</summary>
    private long PublishedEnd(long at, long end)
    {
        while (at < end)
        {
            var length = Volatile.Read(ref LengthAt(at));
            if (length <= 0)
            {
                return length == 0 ? at : Capacity;
            }

            at += Align(RecordHeaderBytes + length);
        }

        return at;
    }

    private static long Align(long bytes) => (bytes + 7) & ~7L;

    private ref int LengthAt(long offset) => ref *(int*)(_start + offset);

    private Span<byte> Bytes(long offset, int count) => new(_start + offset, count);

    private uint Checksum(long offset, ReadOnlySpan<byte> payload)
    {
        var crc = BitOperations.Crc32C(uint.MaxValue, (ulong)Number);
        crc = BitOperations.Crc32C(crc, (ulong)offset);
        crc = BitOperations.Crc32C(crc, (uint)payload.Length);
        foreach (var word in MemoryMarshal.Cast<byte, ulong>(payload))
        {
            crc = BitOperations.Crc32C(crc, word);
        }

        foreach (var last in payload[(payload.Length & ~7)..])
        {
            crc = BitOperations.Crc32C(crc, last);
        }

        return ~crc;
    }

    /// <summary>
    /// The first offset from <paramref name="at"/> on, a multiple of 8, with a byte that is not zero; or <paramref name="end"/>.
    /// </summary>
    private long NextUsed(long at, long end)
    {
        if (at >= end)
        {
            return end;
        }

        var found = Bytes(at, (int)(end - at)).IndexOfAnyExcept((byte)0);
        return found < 0 ? end : at + (found & ~7);
    }

    /// <summary>Behind the last byte that is not zero: the end of what may be records.</summary>
    private long LastUsed()
    {
        var found = Bytes(0, (int)Capacity).LastIndexOfAnyExcept((byte)0);
        return Math.Min(Align(found + 1), Capacity);
    }

    [LibraryImport("libc", EntryPoint = "link", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Link(string path, string name);

    [LibraryImport("libc", EntryPoint = "posix_fallocate")]
    private static partial int AllocateRange(SafeFileHandle file, long offset, long length);

    [LibraryImport("libc", EntryPoint = "msync", SetLastError = true)]
    private static partial int Synchronize(byte* start, nint length, int flags);

    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int MemoryAdvise(byte* start, nint length, int advice);
}
