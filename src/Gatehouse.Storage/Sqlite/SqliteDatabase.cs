using System.Threading.Channels;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace Gatehouse.Storage.Sqlite;

/// <summary>
/// One SQLite file in WAL mode. Writes go through a channel to one thread with one connection, so they never meet a lock inside this
/// process; reads run on the pool, each with a connection of its own, and see the last commit.
/// </summary>
internal sealed class SqliteDatabase : Database
{
    private static readonly int Readers = Math.Max(4, Environment.ProcessorCount * 2);

    private const string LetWrite = "Let the user that runs Gatehouse read and write it, the files beside it (-wal, -shm) and their folder.";

    private const string Restore =
        "Restore it from a backup; or move it away, and the next start makes an empty one, without the keys and the ledger of this one.";

    private readonly string _path;
    private readonly SqliteSession _writer;
    private readonly Channel<Action> _writes = Channel.CreateUnbounded<Action>(new UnboundedChannelOptions { SingleReader = true });
    private readonly Stack<SqliteSession> _idleReaders = new();
    private readonly SemaphoreSlim _readerSlots = new(Readers);
    private readonly Thread _thread;

    /// <param name="outlivesPowerCuts">Each commit is on the disk when it returns; else the last few may be lost with the power,
    /// whole.</param>
    public SqliteDatabase(string path, bool outlivesPowerCuts = false)
    {
        _ = SqliteLibrary.Version;
        _path = path;
        try
        {
            _writer = new SqliteSession(path, writer: true);
            if (outlivesPowerCuts)
            {
                _writer.Run("PRAGMA synchronous=FULL;");
            }
        }
        catch (SqliteException e)
        {
            throw Unusable(path, e);
        }

        _thread = new Thread(Write) { IsBackground = true, Name = "sqlite writer" };
        _thread.Start();
    }

    public override string Kind => "sqlite";

    public override FormattableString DigitsOf(FormattableString column) => $"LOWER(HEX({column}))";

    /// <summary>HEX makes an empty text of NULL, which is taken for no bytes.</summary>
    public override FormattableString Joined(FormattableString column) => $"GROUP_CONCAT(HEX({column}), ',')";

    /// <summary>Half of the readers: a search is the work of a processor, and what is short comes in between.</summary>
    private protected override SemaphoreSlim Scans { get; } = new(Readers / 2);

    public override async Task<(string Version, DateTimeOffset? Clock)> PingAsync(CancellationToken ct)
    {
        try
        {
            // What would write: the files beside the database may belong to somebody else.
            await RunTransactionAsync(static _ => Task.CompletedTask, ct);
        }
        catch (SqliteException e)
        {
            throw Unusable(_path, e);
        }

        // SQLite opens such a file without a word, and the first statement that writes fails.
        return _writer.IsReadOnly
            ? throw new DatabaseException($"The SQLite file '{_path}' may be read and not written.", LetWrite, null)
            : ($"SQLite {SqliteLibrary.Version}", null);
    }

    /// <summary>Finishes the writes that are queued, then closes.</summary>
    public override async ValueTask DisposeAsync()
    {
        if (!_writes.Writer.TryComplete())
        {
            return;
        }

        await Task.Run(_thread.Join);
        lock (_idleReaders)
        {
            while (_idleReaders.TryPop(out var reader))
            {
                reader.Dispose();
            }
        }

        _writer.Dispose();
        _readerSlots.Dispose();
        Scans.Dispose();
    }

    internal override Task<int> ExecuteAsync(Statement statement, CancellationToken ct) =>
        EnqueueAsync(() => _writer.Execute(statement, ct), ct);

    internal override Task QueryAsync(Statement statement, Rows rows, CancellationToken ct)
    {
        if (!IsRead(statement.Text))
        {
            return EnqueueAsync(() => _writer.Query(statement, rows, ct), ct); // INSERT … RETURNING
        }

        return IsStarting ? Done(() => Read(statement, rows, ct)) : ReadAsync(statement, rows, ct);
    }

    /// <summary>On a thread of its own: those of the pool are few, and everything else waits for them.</summary>
    internal override async Task ScanAsync(Statement statement, Rows rows, CancellationToken ct)
    {
        await _readerSlots.WaitAsync(ct);
        try
        {
            await Task.Factory.StartNew(
                () => Read(statement, rows, ct), ct, TaskCreationOptions.LongRunning | TaskCreationOptions.DenyChildAttach,
                TaskScheduler.Default);
        }
        finally
        {
            _readerSlots.Release();
        }
    }

    internal override async Task RunSnapshotAsync(Func<Transaction, Task> work, CancellationToken ct)
    {
        using var reader = new SqliteSession(_path, writer: false);
        await Task.Factory.StartNew(
            () =>
            {
                reader.Run("BEGIN");
                work(new SqliteTransaction(reader)).GetAwaiter().GetResult(); // its statements do not await anything
            },
            ct,
            TaskCreationOptions.LongRunning | TaskCreationOptions.DenyChildAttach,
            TaskScheduler.Default);
    }

    internal override Task RunTransactionAsync(Func<Transaction, Task> work, CancellationToken ct) =>
        EnqueueAsync(
            () =>
            {
                _writer.Run("BEGIN IMMEDIATE");
                try
                {
                    // The writer's thread waits here for work that awaits something else: nobody else may write meanwhile anyway.
                    work(new SqliteTransaction(_writer)).GetAwaiter().GetResult();
                    ct.ThrowIfCancellationRequested();
                    _writer.Run("COMMIT");
                    return 0;
                }
                finally
                {
                    if (_writer.InTransaction)
                    {
                        _writer.Run("ROLLBACK");
                    }
                }
            },
            ct);

    private static DatabaseException Unusable(string path, SqliteException e) => e.SqliteErrorCode switch
    {
        raw.SQLITE_NOTADB => new($"The file '{path}' is not a SQLite database.", Restore, e),
        raw.SQLITE_CORRUPT => new($"The SQLite file '{path}' is damaged ({e.Message}).", Restore, e),
        raw.SQLITE_CANTOPEN => new($"The SQLite file '{path}' cannot be opened ({e.Message}): check that its folder exists.", LetWrite, e),
        raw.SQLITE_READONLY or raw.SQLITE_PERM => new($"The SQLite file '{path}' cannot be written ({e.Message}).", LetWrite, e),
        raw.SQLITE_FULL => new($"The disk of the SQLite file '{path}' is full.", "Free some space on it.", e),
        raw.SQLITE_BUSY or raw.SQLITE_LOCKED => new(
            $"The SQLite file '{path}' is locked: another program has it open, or a long write is under way.", "End what has it open, a copy or a shell of sqlite3, or try again.", e),
        _ => new($"The SQLite file '{path}' cannot be used ({e.Message}).", "Check its disk, and the system's log.", e),
    };

    private static bool IsRead(string sql)
    {
        var text = sql.AsSpan().TrimStart();
        return text.StartsWith("SELECT", StringComparison.OrdinalIgnoreCase) || text.StartsWith("WITH", StringComparison.OrdinalIgnoreCase);
    }

    private static Task Done(Action work)
    {
        try
        {
            work();
            return Task.CompletedTask;
        }
        catch (OperationCanceledException e)
        {
            return Task.FromCanceled(e.CancellationToken);
        }
#pragma warning disable CA1031 // It belongs to the caller who awaits.
        catch (Exception e)
#pragma warning restore CA1031
        {
            return Task.FromException(e);
        }
    }

    private async Task ReadAsync(Statement statement, Rows rows, CancellationToken ct)
    {
        await _readerSlots.WaitAsync(ct);
        try
        {
            await Task.Run(() => Read(statement, rows, ct), ct);
        }
        finally
        {
            _readerSlots.Release();
        }
    }

    private void Read(Statement statement, Rows rows, CancellationToken ct)
    {
        SqliteSession? reader;
        lock (_idleReaders)
        {
            _idleReaders.TryPop(out reader);
        }

        reader ??= new SqliteSession(_path, writer: false);
        try
        {
            reader.Query(statement, rows, ct);
        }
        finally
        {
            lock (_idleReaders)
            {
                _idleReaders.Push(reader);
            }
        }
    }

    private Task<int> EnqueueAsync(Func<int> work, CancellationToken ct)
    {
        var done = new TaskCompletionSource<int>(TaskCreationOptions.RunContinuationsAsynchronously);
        var accepted = _writes.Writer.TryWrite(() =>
        {
            try
            {
                ct.ThrowIfCancellationRequested();
                done.SetResult(work());
            }
            catch (OperationCanceledException e)
            {
                done.SetCanceled(e.CancellationToken);
            }
#pragma warning disable CA1031 // Every failure belongs to the caller who awaits; the writer goes on.
            catch (Exception e)
#pragma warning restore CA1031
            {
                done.SetException(e);
            }
        });
        ObjectDisposedException.ThrowIf(!accepted, this);
        if (IsStarting)
        {
            Task.WaitAny([done.Task], CancellationToken.None); // whatever became of it, whoever awaits it learns
        }

        return done.Task;
    }

    private void Write()
    {
        while (_writes.Reader.WaitToReadAsync().AsTask().GetAwaiter().GetResult())
        {
            while (_writes.Reader.TryRead(out var write))
            {
                write();
            }
        }
    }
}
