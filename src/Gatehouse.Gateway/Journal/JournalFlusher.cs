using System.Runtime.InteropServices;

namespace Gatehouse.Gateway.Journal;

/// <summary>
/// Group commit: a thread that brings segments to the disk, one round for all who ask while the round before is under way.
/// <list type="number">
/// <item>Who asks gets the next round, which begins after they asked: what they appended before is in it.</item>
/// <item>A round flushes up to the end of what is reserved, but the next begins at the first record that was not published yet: a record
/// that its writer is still copying is flushed again.</item>
/// <item>Rounds end on the pool: who waited goes on there.</item>
/// </list>
/// </summary>
internal sealed partial class JournalFlusher : IDisposable
{
    private readonly string _directory;
    private readonly Func<JournalSegment[]> _segments;
    private readonly Action<IOException> _tell;
    private readonly AutoResetEvent _wanted = new(false);
    private readonly Thread _thread;
    private TaskCompletionSource _next = NewRound();
    private int _asked;
    private volatile bool _disposed;
    private volatile bool _failed;

    /// <param name="tell">Of the first round that failed.</param>
    public JournalFlusher(string directory, Func<JournalSegment[]> segments, Action<IOException> tell)
    {
        _directory = directory;
        _segments = segments;
        _tell = tell;
        KeepNames();
        _thread = new Thread(Flush) { IsBackground = true, Name = "journal flush" };
        _thread.Start();
    }

    public bool HasFailed => _failed;

    public Task NextAsync()
    {
        var round = Volatile.Read(ref _next).Task;
        if (Interlocked.Exchange(ref _asked, 1) == 0)
        {
            _wanted.Set();
        }

        return round;
    }

    /// <summary>A new file must have its name and its room on the disk before a record in it counts for kept.</summary>
    /// <exception cref="JournalFullException">The disk does not take it.</exception>
    public void KeepFile(JournalSegment segment)
    {
        try
        {
            segment.Flush();
            KeepNames();
        }
        catch (IOException e)
        {
            throw new JournalFullException($"The disk does not keep a new segment of the journal: {e.Message}", e);
        }
    }

    /// <summary>Ends the round under way and those who still wait.</summary>
    public void Dispose()
    {
        _disposed = true;
        _wanted.Set();
        _thread.Join();
        _wanted.Dispose();
    }

    private static TaskCompletionSource NewRound() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private void Flush()
    {
        while (!_disposed)
        {
            _wanted.WaitOne();
            RunRound();
        }

        RunRound();
    }

    private void RunRound()
    {
        Volatile.Write(ref _asked, 0);
        var round = Interlocked.Exchange(ref _next, NewRound());
        try
        {
            foreach (var segment in _segments())
            {
                segment.Flush();
            }

            round.SetResult();
        }
        catch (IOException e)
        {
            var isFirst = !_failed;
            _failed = true;
            round.SetException(e);
            _ = round.Task.Exception; // there may be nobody who looks
            if (isFirst)
            {
                _tell(e); // behind those who wait, whatever it does
            }
        }
    }

    private void KeepNames()
    {
        const int ReadOnly = 0;
        var directory = OpenPath(_directory, ReadOnly);
        var result = directory < 0 ? -1 : Synchronize(directory);
        var error = Marshal.GetLastPInvokeError();
        if (directory >= 0)
        {
            _ = CloseHandle(directory);
        }

        if (result != 0)
        {
            throw new IOException(
                $"The journal's directory '{_directory}' cannot be brought to the disk: {Marshal.GetPInvokeErrorMessage(error)}.");
        }
    }

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int OpenPath(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int Synchronize(int file);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int CloseHandle(int file);
}
