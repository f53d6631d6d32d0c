using System.Diagnostics.CodeAnalysis;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Gatehouse.Gateway.Journal;

/// <summary>Where the journal lives and in what portions it grows.</summary>
public sealed record CallJournalOptions
{
    /// <summary>Smallest <see cref="SegmentBytes"/>.</summary>
    public const int MinSegmentBytes = 4096;

    internal const int DefaultSegmentBytes = 2 << 20;

    /// <summary>Made when it is missing. One process uses it at a time.</summary>
    public required string Directory { get; init; }

    /// <summary>Size of a segment file in bytes. Two are on disk (and in memory) at least. Default 2 MiB: some 6,000 calls.</summary>
    public int SegmentBytes { get; init; } = DefaultSegmentBytes;

    /// <summary>What a record outlives once <see cref="CallJournal.FlushedAsync"/> has ended.</summary>
    public JournalDurability Durability { get; init; }
}

/// <summary>What a record in the journal outlives.</summary>
public enum JournalDurability
{
    /// <summary>The death of the process: the operating system has it.</summary>
    Process,

    /// <summary>A power cut too: the disk has it. Answers wait for that, all calls in flight together.</summary>
    Power,
}

/// <summary>
/// The record of every call, on disk before the call's answer ends, for Observability to drain into the ledger.
/// <list type="number">
/// <item><see cref="Append"/> returns when the record is in the file's pages: it survives the death of the process. Where it is to survive
/// a power cut too, <see cref="FlushedAsync"/> ends when the disk has it.</item>
/// <item>Appending takes no lock and waits for nothing, save at the change of segments (every 6,000 calls or so).</item>
/// <item>The next segment is allocated ahead by a thread of its own. When that fails, <see cref="IsFull"/> turns true while the current
/// segment still has room for the calls under way.</item>
/// <item>Segment numbers only grow, also over restarts; a process never writes to a segment that an earlier one left.</item>
/// <item>Reading and releasing are for one thread at a time; appending is for all.</item>
/// <item>A reader that sleeps says so before it looks whether there is anything, and who appends looks for sleepers after the room is
/// taken: one of them sees the other. While the reader is awake appending tells nobody.</item>
/// </list>
/// </summary>
public sealed partial class CallJournal : IDisposable
{
    private const int WouldBlock = 11; // EWOULDBLOCK of Linux: somebody has the lock
    private const int KeptBufferBytes = 64 << 10;
    private const int KeptRecords = 2048; // some 1.5 MB
    private static readonly TimeSpan FullRetry = TimeSpan.FromMilliseconds(250);

    [ThreadStatic]
    private static byte[]? t_buffer;

    private readonly string _directory;
    private readonly int _segmentBytes;
    private readonly SegmentAllocator _allocate;
    private readonly FileStream _lockFile;
    private readonly Lock _rotation = new();
    private readonly AutoResetEvent _wanted = new(true);
    private readonly Thread _preparer;
    private readonly NameCache _names = new(); // of the reader
    private readonly Stack<CallRecord> _spare = []; // of the reader
    private readonly HashSet<JournalPosition> _damaged = []; // of the reader: what it has counted, however often it reads it
    private readonly long _firstOwn; // the number of the first segment of this process
    private readonly JournalFlusher? _flusher;

    private JournalSegment[] _segments; // by number; replaced whole, under _rotation
    private JournalSegment _active; // the last of _segments
    private JournalSegment? _next; // prepared, under _rotation
    private JournalPosition _released;
    private JournalPosition? _strange; // where the reader stood in a segment that is gone, and whose number is another one's now
    private bool _isRead;
    private TaskCompletionSource? _sleeper; // of the reader, until something is appended
    private TaskCompletionSource? _rester; // of the reader, until a segment is full
    private long _corrupted;
    private volatile bool _full;
    private volatile bool _disposed;

    private CallJournal(
        CallJournalOptions options, FileStream lockFile, string nodeId, List<JournalSegment> found, long number, SegmentAllocator allocate)
    {
        _directory = options.Directory;
        _segmentBytes = options.SegmentBytes & ~7;
        _allocate = allocate;
        _lockFile = lockFile;
        NodeId = nodeId;
        _active = JournalSegment.Create(_directory, JournalSegment.FreeNumber(_directory, number), _segmentBytes, allocate);
        _segments = [.. found, _active];
        _firstOwn = _active.Number;
        _flusher = options.Durability == JournalDurability.Power
            ? new JournalFlusher(_directory, () => Volatile.Read(ref _segments), e => NotKept(Log, _directory, e))
            : null;
        _preparer = new Thread(PrepareAhead) { IsBackground = true, Name = "journal" };
        _preparer.Start();
    }

    /// <summary>Names this directory for ever: with a <see cref="JournalPosition"/> it names a record of this installation.</summary>
    public string NodeId { get; }

    /// <summary>Where it says that it cannot record, and that it can again.</summary>
    public ILogger Log { private get; set; } = NullLogger.Instance;

    /// <summary>
    /// New calls must be refused: no further segment can be allocated, which ends by itself when there is room again, or
    /// <see cref="HasFailed"/>.
    /// </summary>
    public bool IsFull => _full || HasFailed;

    /// <summary>
    /// Records are to outlive a power cut, and the disk failed to take one. Stays true: what it says later is not to be trusted.
    /// </summary>
    public bool HasFailed => _flusher is { HasFailed: true };

    /// <summary>Bytes that are appended and not yet released.</summary>
    public long PendingBytes
    {
        get
        {
            lock (_rotation)
            {
                long bytes = 0;
                foreach (var segment in _segments)
                {
                    var from = segment.Number == _released.Segment ? AlignedOffset(_released.Offset) : JournalSegment.HeaderBytes;
                    bytes += segment.Number < _released.Segment ? 0 : Math.Max(0, segment.Tail - from);
                }

                return bytes;
            }
        }
    }

    /// <summary>Stretches of the journal that held records and could not be read: disk damage, or a power cut.</summary>
    public long Corrupted => Volatile.Read(ref _corrupted);

    /// <summary>Where the last of these is kept; <see langword="null"/> when there was none.</summary>
    public string? DamagedFile { get; private set; }

    /// <summary>Behind the last record begun. A reader whose position is not before it has seen every record appended until now.</summary>
    public JournalPosition End
    {
        get
        {
            var active = Volatile.Read(ref _active);
            return new JournalPosition(active.Number, active.Tail);
        }
    }

    /// <summary>Opens a directory, with the records that earlier processes left in it.</summary>
    /// <exception cref="JournalLockedException">Another process has it open.</exception>
    /// <exception cref="JournalFullException">There is no room for a first segment.</exception>
    /// <exception cref="JournalVersionException">A newer Gatehouse wrote it.</exception>
    public static CallJournal Open(CallJournalOptions options) => Open(options, JournalSegment.AllocateBlocks);

    internal static CallJournal Open(CallJournalOptions options, SegmentAllocator allocate)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(options.SegmentBytes, CallJournalOptions.MinSegmentBytes);
        Directory.CreateDirectory(options.Directory);
        var lockFile = Lock(options.Directory);
        var found = new List<JournalSegment>();
        try
        {
            var last = FindSegments(options.Directory, found, out var empty);
            var journal = new CallJournal(options, lockFile, ReadNodeId(options.Directory), found, last + 1, allocate);
            empty.ForEach(number => File.Delete(JournalSegment.PathOf(options.Directory, number)));
            return journal;
        }
        catch
        {
            found.ForEach(s => s.Dispose());
            lockFile.Dispose();
            throw;
        }
    }

    /// <summary>Keeps other processes, and other journals of this one, out of a directory.</summary>
    /// <exception cref="JournalLockedException">Another has it open.</exception>
    internal static FileStream Lock(string directory)
    {
        try
        {
            return new FileStream(Path.Combine(directory, "lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException e) when (e.HResult == WouldBlock)
        {
            throw new JournalLockedException(
                $"The journal '{directory}' is in use by another process. Stop it, or give this one a data directory of its own.", e);
        }
    }

    /// <summary>Keeps the record. Safe from any thread; when it returns, a dying process no longer loses the record.</summary>
    /// <exception cref="JournalFullException">The disk is full: the record is not kept.</exception>
    public void Append(CallRecord record)
    {
        var buffer = t_buffer ?? new byte[1024];
        var length = CallRecordFormat.Write(record, ref buffer);
        t_buffer = buffer.Length <= KeptBufferBytes ? buffer : null;
        if (length > _segmentBytes - JournalSegment.HeaderBytes - sizeof(long))
        {
            throw new ArgumentOutOfRangeException(nameof(record), length, "The record is larger than a segment of the journal.");
        }

        var payload = buffer.AsSpan(0, length);
        while (true)
        {
            var active = Volatile.Read(ref _active);
            if (active.TryAppend(payload))
            {
                if (Volatile.Read(ref _sleeper) is not null)
                {
                    Wake(ref _sleeper);
                }

                return;
            }

            Rotate(active);
        }
    }

    /// <summary>Whether answers have to wait for <see cref="FlushedAsync"/>.</summary>
    public bool FlushesToDisk => _flusher is not null;

    /// <summary>
    /// Ends when every record appended before is on the disk: one flush for all who wait. Goes on at the pool, never at a thread that polls
    /// sockets.
    /// </summary>
    /// <exception cref="IOException">The disk did not take them.</exception>
    public Task FlushedAsync() => _flusher?.NextAsync() ?? Task.CompletedTask;

    /// <summary>
    /// For the reader: ends when something is appended behind the position, at once where something is already. That may still be under
    /// way, so that nothing can be read yet.
    /// </summary>
    public Task AppendedAsync(JournalPosition position)
    {
        var sleeper = NewWait();
        Interlocked.Exchange(ref _sleeper, sleeper);
        if (End != position)
        {
            Wake(ref _sleeper);
        }

        return sleeper.Task;
    }

    /// <summary>For the reader: ends when the segment that the position is in is full.</summary>
    public Task FilledAsync(JournalPosition position)
    {
        var rester = NewWait();
        Interlocked.Exchange(ref _rester, rester);
        if (End.Segment != position.Segment)
        {
            Wake(ref _rester);
        }

        return rester.Task;
    }

    /// <summary>
    /// Adds published records to <paramref name="batch"/>, from <paramref name="position"/> on, and moves it behind them.
    /// </summary>
    /// <param name="position">The default value stands before everything; one in a segment that is gone, before what is left.</param>
    /// <returns>Whether there was any.</returns>
    /// <exception cref="JournalVersionException">A newer Gatehouse wrote the very next record; the position stays before it.</exception>
    public bool TryRead(ref JournalPosition position, List<CallRecord> batch, int max)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        var had = batch.Count;
        if (!_isRead)
        {
            (_isRead, _strange) = (true, position.Segment >= _firstOwn ? position : null); // nobody has read these yet
        }

        var segments = Volatile.Read(ref _segments);
        var isStrange = position == _strange;
        var index = isStrange ? 0 : IndexOf(segments, position);
        CheckStart(segments[index], position);
        var offset = segments[index].Number == position.Segment && !isStrange ? AlignedOffset(position.Offset) : JournalSegment.HeaderBytes;
        while (batch.Count - had < max)
        {
            var segment = segments[index];
            var damaged = 0L;
            var before = offset;
            var state = segment.Read(ref offset, out var payload, ref damaged);
            try
            {
                if (state == SegmentRead.Record && !TryDecode(payload, batch, segment, before, ref position))
                {
                    damaged++;
                }
            }
            catch (JournalVersionException) when (batch.Count > had)
            {
                return true; // the position is before the newer record: those that were read are kept first
            }

            if (damaged > 0 && _damaged.Add(new JournalPosition(segment.Number, before)))
            {
                DamagedFile = segment.KeepDamaged();
                Interlocked.Add(ref _corrupted, damaged);
            }

            if (state == SegmentRead.End && index + 1 < segments.Length)
            {
                index++;
                offset = JournalSegment.HeaderBytes;
            }
            else if (state != SegmentRead.Record)
            {
                break;
            }
        }

        position = new JournalPosition(segments[index].Number, offset);
        return batch.Count > had;
    }

    /// <summary>
    /// Takes records back that were read and that nobody looks at any more: later reads fill them again. Thousands that are made anew live
    /// long enough for collections to move them.
    /// </summary>
    public void Reuse(List<CallRecord> batch)
    {
        foreach (var record in batch)
        {
            if (_spare.Count == KeptRecords)
            {
                break;
            }

            _spare.Push(record);
        }

        batch.Clear();
    }

    /// <summary>Says that everything before the position is kept elsewhere: segments that lie wholly before it are deleted.</summary>
    public void Release(JournalPosition upTo)
    {
        JournalSegment[] gone;
        lock (_rotation)
        {
            _released = upTo;
            _strange = null; // nobody comes back to it
            gone = [.. _segments.Where(s => s.Number < upTo.Segment && s != _active)];
            if (gone.Length > 0)
            {
                _segments = [.. _segments.Except(gone)];
            }
        }

        foreach (var segment in gone)
        {
            segment.Delete();
        }
    }

    /// <summary>
    /// Everything appended stays for the next process. Call it when nobody reads any more; late appends get an exception.
    /// </summary>
    public void Dispose()
    {
        lock (_rotation)
        {
            if (_disposed)
            {
                return;
            }

            _disposed = true;
        }

        _flusher?.Dispose();
        _wanted.Set();
        _preparer.Join();
        _next?.Delete();
        foreach (var segment in _segments)
        {
            segment.Seal();
            segment.Dispose();
        }

        _wanted.Dispose();
        _lockFile.Dispose();
    }

    private static long AlignedOffset(long offset) => Math.Max(JournalSegment.HeaderBytes, (offset + 7) & ~7L);

    /// <summary>
    /// The first segment that is not wholly before the position; the first of all when the position is from another life.
    /// </summary>
    private static int IndexOf(JournalSegment[] segments, JournalPosition position)
    {
        var index = Array.FindIndex(segments, s => s.Number >= position.Segment);
        return Math.Max(index, 0);
    }

    /// <summary>
    /// A reader's position in a segment of an earlier process is behind a record of it. Where none ends there the file has lost its end,
    /// or all, and with it what may have waited behind the position.
    /// </summary>
    private void CheckStart(JournalSegment segment, JournalPosition position)
    {
        var isItsOwn = segment.Number == position.Segment && position != _strange;
        if (isItsOwn ? !segment.Lacks(position.Offset) : !IsGone(position))
        {
            return;
        }

        if (_damaged.Add(position))
        {
            DamagedFile = isItsOwn
                ? segment.KeepDamaged() : JournalSegment.MarkDamaged(_directory, position.Segment);
            Interlocked.Increment(ref _corrupted);
        }
    }

    /// <summary>
    /// Whether a segment of an earlier process was emptied or deleted by somebody else: we delete one when the reader's position is behind
    /// it. Where all are gone the numbers begin anew.
    /// </summary>
    private bool IsGone(JournalPosition position) => position.Offset > JournalSegment.HeaderBytes && position.Offset < _segmentBytes
        && (position == _strange || ((position.Segment < _firstOwn || position.Segment > End.Segment)
            && Array.TrueForAll(_segments, s => s.Number != position.Segment)));

    private bool TryDecode(
        ReadOnlySpan<byte> payload, List<CallRecord> batch, JournalSegment segment, long before, ref JournalPosition position)
    {
        try
        {
            _spare.TryPop(out var spare);
            batch.Add(CallRecordFormat.Read(payload, _names, spare));
            return true;
        }
        catch (FormatException)
        {
            return false;
        }
        catch (JournalVersionException)
        {
            position = new JournalPosition(segment.Number, before);
            throw;
        }
    }

    private static string ReadNodeId(string directory)
    {
        var path = Path.Combine(directory, "node");
        if (File.Exists(path) && Guid.TryParse(File.ReadAllText(path), out var known))
        {
            return known.ToString();
        }

        var made = Guid.CreateVersion7().ToString();
        var draft = path + ".new";
        File.WriteAllText(draft, made);
        File.Move(draft, path, overwrite: true);
        return made;
    }

    /// <param name="empty">Segments without a record: their room is given back, their names stay until a higher number is on disk.</param>
    /// <returns>The highest number in use, or 0.</returns>
    private static long FindSegments(string directory, List<JournalSegment> found, out List<long> empty)
    {
        empty = [];
        var last = 0L;
        foreach (var path in Directory.EnumerateFiles(directory, "*.journal").Order(StringComparer.Ordinal))
        {
            if (!JournalSegment.TryNumber(path, out var number))
            {
                continue;
            }

            last = number;
            if (JournalSegment.Open(path, number) is { } segment)
            {
                found.Add(segment);
            }
            else
            {
                File.WriteAllBytes(path, []);
                empty.Add(number);
            }
        }

        return last;
    }

    private static TaskCompletionSource NewWait() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private static void Wake(ref TaskCompletionSource? who) => Interlocked.Exchange(ref who, null)?.SetResult();

    private void Rotate(JournalSegment spent)
    {
        lock (_rotation)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (_active != spent)
            {
                return;
            }

            if (_next is null)
            {
                if (_full)
                {
                    throw new JournalFullException($"The disk that holds the journal '{_directory}' is full.");
                }

                // The thread that prepares segments was outrun by a burst: make this one here.
                PrepareLocked();
            }

            _segments = [.. _segments, _next];
            Volatile.Write(ref _active, _next);
            _next = null;
        }

        Wake(ref _rester);
        _wanted.Set();
    }

    private void PrepareAhead()
    {
        while (!_disposed)
        {
            _wanted.WaitOne(_full ? FullRetry : Timeout.InfiniteTimeSpan);
            lock (_rotation)
            {
                if (_next is null && !_disposed)
                {
                    try
                    {
                        PrepareLocked();
                    }
                    catch (JournalFullException)
                    {
                        // IsFull says so, callers are refused, and the next look comes soon.
                    }
                }
            }
        }
    }

    [MemberNotNull(nameof(_next))]
    private void PrepareLocked()
    {
        try
        {
            _next = JournalSegment.Create(
                _directory, JournalSegment.FreeNumber(_directory, _active.Number + 1), _segmentBytes, _allocate);
            _flusher?.KeepFile(_next);
            if (_full)
            {
                _full = false;
                HasRoom(Log);
            }
        }
        catch (JournalFullException e)
        {
            if (!_full)
            {
                _full = true;
                NoRoom(Log, _directory, e);
            }

            throw;
        }
    }

    [LoggerMessage(Level = LogLevel.Error,
        Message = "There is no room for the journal in {Directory}: calls are refused until there is. Free space on its disk.")]
    private static partial void NoRoom(ILogger log, string directory, Exception e);

    [LoggerMessage(Level = LogLevel.Information, Message = "The journal has room again, and calls are taken.")]
    private static partial void HasRoom(ILogger log);

    [LoggerMessage(Level = LogLevel.Error,
        Message = "The disk failed to keep what was written to the journal in {Directory}: calls are refused until this node starts again. "
            + "Check the disk first.")]
    private static partial void NotKept(ILogger log, string directory, Exception e);
}
