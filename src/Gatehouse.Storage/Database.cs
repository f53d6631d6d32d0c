using System.Data.Common;

namespace Gatehouse.Storage;

/// <summary>
/// SQLite or PostgreSQL behind one small door. Each hole of a statement becomes a parameter, so injection does not compile.
/// A hole may hold a string, an integer, a double, a boolean, a <see cref="Guid"/>, bytes, a <see cref="DateTimeOffset"/> (stored as
/// Unix microseconds), null, another <see cref="FormattableString"/> (a fragment, put in place), or a list (for <c>IN</c>).
/// Enums are given as lower-case text by the caller.
/// NUL and lone surrogates, which PostgreSQL cannot hold in a text, become U+FFFD in both.
/// </summary>
public abstract class Database : IAsyncDisposable
{
    private static readonly AsyncLocal<bool> _inTransaction = new();

    private volatile bool _isHeldBack;

    /// <summary><c>sqlite</c> or <c>postgres</c>.</summary>
    public abstract string Kind { get; }

    /// <summary>
    /// Whether nobody may use it yet: it did not answer at the start, so nobody has looked at its schema. Each statement then fails with a
    /// <see cref="DatabaseAwayException"/>, and each <see cref="DatabaseWorker"/> waits.
    /// </summary>
    public bool IsHeldBack => _isHeldBack;

    public void HoldBack() => _isHeldBack = true;

    /// <summary>Its schema is as it should be.</summary>
    public void LetGo() => _isHeldBack = false;

    /// <summary>
    /// While a server starts, a database may make its callers wait in place of giving them a task: each method that really awaits is some
    /// ten methods to be compiled, and there is nobody else yet to be held up.
    /// </summary>
    public bool IsStarting { get; set; }

    /// <summary>The 32 hexadecimal digits of a UUID column, as text.</summary>
    /// <param name="column">A constant of the code, never data.</param>
    public abstract FormattableString DigitsOf(FormattableString column);

    /// <summary>The bytes of a group's rows as hexadecimal digits, with commas between rows; nothing of those that are NULL.</summary>
    /// <param name="column">A constant of the code, never data.</param>
    public abstract FormattableString Joined(FormattableString column);

    /// <returns>The number of rows changed.</returns>
    public Task<int> ExecuteAsync(FormattableString sql, CancellationToken ct)
    {
        Admit();
        return ExecuteAsync(Statement.From(sql), ct);
    }

    public Task<List<T>> QueryAsync<T>(FormattableString sql, Func<Row, T> read, CancellationToken ct)
    {
        Admit();
        var rows = new Rows<T>(read);
        return rows.AfterAsync(QueryAsync(Statement.From(sql), rows, ct));
    }

    /// <summary>
    /// A query that may read for long. Only so many run at once, the others wait for their turn, so that connections are left for
    /// <see cref="QueryAsync{T}(FormattableString, Func{Row, T}, CancellationToken)"/>: signing in never waits for somebody's search.
    /// </summary>
    public async Task<List<T>> ScanAsync<T>(FormattableString sql, Func<Row, T> read, CancellationToken ct)
    {
        Admit();
        var rows = new Rows<T>(read);
        await Scans.WaitAsync(ct);
        try
        {
            return await rows.AfterAsync(ScanAsync(Statement.From(sql), rows, ct));
        }
        finally
        {
            Scans.Release();
        }
    }

    /// <summary>Runs the work in one transaction on one connection; an exception rolls back. Not nested.</summary>
    public async Task<T> TransactionAsync<T>(Func<Transaction, Task<T>> work, CancellationToken ct)
    {
        T? result = default;
        await TransactionAsync(async transaction => { result = await work(transaction); }, ct);
        return result!;
    }

    /// <summary>Runs queries that all see the database as it is at one moment, and writes go on meanwhile.</summary>
    public async Task<T> SnapshotAsync<T>(Func<Transaction, Task<T>> work, CancellationToken ct)
    {
        Admit();
        T? result = default;
        await RunSnapshotAsync(async transaction => { result = await work(transaction); }, ct);
        return result!;
    }

    /// <inheritdoc cref="TransactionAsync{T}"/>
    public Task TransactionAsync(Func<Transaction, Task> work, CancellationToken ct)
    {
        Admit();
        return RunTransactionAsync(
            async transaction =>
            {
                _inTransaction.Value = true; // seen by the work alone: the value of an async method does not leave it
                await work(transaction);
            },
            ct);
    }

    /// <summary>Adds many rows at once. Rows whose key exists already are left as they are.</summary>
    /// <param name="table">A constant of the code, never data.</param>
    /// <param name="columns">Constants of the code, never data.</param>
    /// <returns>The number of rows added.</returns>
    public Task<int> InsertManyAsync(string table, IReadOnlyList<string> columns, IReadOnlyList<object?[]> rows, CancellationToken ct) =>
        TransactionAsync(transaction => transaction.InsertManyAsync(table, columns, rows, ct), ct);

    /// <summary>Asks the database for a sign of life.</summary>
    /// <returns>Its name and version, as <c>SQLite 3.40.1</c>, and the time by the server's own clock, where it is a server.</returns>
    /// <exception cref="DatabaseException">It does not answer.</exception>
    public abstract Task<(string Version, DateTimeOffset? Clock)> PingAsync(CancellationToken ct);

    public abstract ValueTask DisposeAsync();

    /// <summary>Places for queries that may read for long: fewer than there are connections to read by.</summary>
    private protected abstract SemaphoreSlim Scans { get; }

    internal abstract Task<int> ExecuteAsync(Statement statement, CancellationToken ct);

    internal abstract Task QueryAsync(Statement statement, Rows rows, CancellationToken ct);

    internal abstract Task ScanAsync(Statement statement, Rows rows, CancellationToken ct);

    internal abstract Task RunSnapshotAsync(Func<Transaction, Task> work, CancellationToken ct);

    internal abstract Task RunTransactionAsync(Func<Transaction, Task> work, CancellationToken ct);

    private void Admit()
    {
        if (_isHeldBack)
        {
            throw new DatabaseAwayException("The database has not answered since the start.");
        }

        // Inside a transaction's work its own connection must be used: SQLite's only writer would wait for itself.
        if (_inTransaction.Value)
        {
            throw new InvalidOperationException("A transaction is open here: use it in place of the database.");
        }
    }
}

/// <summary>Statements of one transaction. Used by one caller at a time.</summary>
public abstract class Transaction
{
    public Task<int> ExecuteAsync(FormattableString sql, CancellationToken ct) => ExecuteAsync(Statement.From(sql), ct);

    public Task<List<T>> QueryAsync<T>(FormattableString sql, Func<Row, T> read, CancellationToken ct)
    {
        var rows = new Rows<T>(read);
        return rows.AfterAsync(QueryAsync(Statement.From(sql), rows, ct));
    }

    /// <inheritdoc cref="Database.InsertManyAsync"/>
    public Task<int> InsertManyAsync(string table, IReadOnlyList<string> columns, IReadOnlyList<object?[]> rows, CancellationToken ct)
    {
        Statement.CheckName(table);
        foreach (var column in columns)
        {
            Statement.CheckName(column);
        }

        return rows.Count == 0 ? Task.FromResult(0) : CopyAsync(table, columns, rows, ct);
    }

    /// <summary>Adds many rows none of which may be there: the fastest way in.</summary>
    /// <param name="table">A constant of the code, never data.</param>
    /// <param name="columns">Constants of the code, never data.</param>
    /// <param name="write">Writes the cells of one row, one for each column.</param>
    /// <exception cref="DuplicateRowException">A key is taken.</exception>
    public Task AppendManyAsync<T>(
        string table, IReadOnlyList<string> columns, IReadOnlyList<T> rows, Action<RowWriter, T> write, CancellationToken ct)
    {
        Statement.CheckName(table);
        foreach (var column in columns)
        {
            Statement.CheckName(column);
        }

        return rows.Count == 0 ? Task.CompletedTask : AppendAsync(table, columns, rows, write, ct);
    }

    /// <summary>Runs statements one after the other; PostgreSQL is asked once for all of them.</summary>
    public Task ExecuteManyAsync(IReadOnlyList<FormattableString> statements, CancellationToken ct) =>
        statements.Count == 0 ? Task.CompletedTask : ExecuteManyAsync([.. statements.Select(Statement.From)], ct);

    /// <summary>Waits until no other transaction, on any node, holds the lock of this name; holds it to this transaction's end.</summary>
    public abstract Task LockAsync(string name, CancellationToken ct);

    /// <summary>Keeps those who lock the name out until the transaction ends, and not others who share it.</summary>
    public abstract Task LockSharedAsync(string name, CancellationToken ct);

    internal abstract Task<int> ExecuteAsync(Statement statement, CancellationToken ct);

    internal abstract Task QueryAsync(Statement statement, Rows rows, CancellationToken ct);

    internal abstract Task<int> CopyAsync(string table, IReadOnlyList<string> columns, IReadOnlyList<object?[]> rows, CancellationToken ct);

    internal abstract Task AppendAsync<T>(
        string table, IReadOnlyList<string> columns, IReadOnlyList<T> rows, Action<RowWriter, T> write, CancellationToken ct);

    internal virtual async Task ExecuteManyAsync(IReadOnlyList<Statement> statements, CancellationToken ct)
    {
        foreach (var statement in statements)
        {
            await ExecuteAsync(statement, ct);
        }
    }

    /// <summary>
    /// Waits for a lock by <see cref="LockAsync"/> that whoever migrates holds: as long as that takes, as <see cref="RunScriptAsync"/> does.
    /// </summary>
    internal virtual Task LockPatientlyAsync(string name, CancellationToken ct) => LockAsync(name, ct);

    /// <summary>Runs the text of a migration: several statements without parameters.</summary>
    internal virtual Task RunScriptAsync(string script, CancellationToken ct) => ExecuteAsync(new Statement(script, []), ct);
}

/// <summary>One row being read, by column position. Valid only while it is read.</summary>
public abstract class Row
{
    public abstract bool IsNull(int column);

    public abstract string Text(int column);

    public abstract long Long(int column);

    public abstract bool Bool(int column);

    public abstract double Double(int column);

    public abstract Guid Id(int column);

    public abstract byte[] Bytes(int column);

    /// <summary>From a <c>BIGINT</c> of Unix microseconds.</summary>
    public DateTimeOffset Instant(int column) => DateTimeOffset.UnixEpoch.AddTicks(Long(column) * TimeSpan.TicksPerMicrosecond);

    public string? TextOrNull(int column) => IsNull(column) ? null : Text(column);

    public long? LongOrNull(int column) => IsNull(column) ? null : Long(column);

    public bool? BoolOrNull(int column) => IsNull(column) ? null : Bool(column);

    public double? DoubleOrNull(int column) => IsNull(column) ? null : Double(column);

    public Guid? IdOrNull(int column) => IsNull(column) ? null : Id(column);

    public byte[]? BytesOrNull(int column) => IsNull(column) ? null : Bytes(column);

    public DateTimeOffset? InstantOrNull(int column) => IsNull(column) ? null : Instant(column);
}

/// <summary>The database cannot be opened or reached; the message says what to mend and holds no credential.</summary>
public sealed class DatabaseException(string message, Exception? inner = null) : Exception(message, inner)
{
    /// <param name="what">What is wrong, a sentence.</param>
    /// <param name="mend">How to mend it, another.</param>
    public DatabaseException(string what, string mend, Exception? inner)
        : this($"{what} {mend}", inner) => (What, Mend) = (what, mend);

    /// <summary>The message without <see cref="Mend"/>.</summary>
    public string What { get; } = message;

    /// <summary>How to mend it; <see langword="null"/>: nobody knows better than who asked.</summary>
    public string? Mend { get; }

    /// <summary>Nobody answers, or says that it is starting: it may be there in a moment, and no setting need be wrong.</summary>
    public bool IsAway { get; init; }
}

/// <summary>The database is held back, or silent: nothing is asked of it until it answers.</summary>
public sealed class DatabaseAwayException(string message, Exception? inner = null) : DbException(message, inner)
{
    public override bool IsTransient => true;
}
