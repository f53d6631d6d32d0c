namespace Gatehouse.Storage;

/// <summary>SQLite or PostgreSQL behind one small door. Each hole of a statement becomes a parameter, so injection does not compile.</summary>
public abstract class Database : IAsyncDisposable
{
    /// <returns>The number of rows changed.</returns>
    public abstract Task<int> ExecuteAsync(FormattableString sql, CancellationToken ct);

    public abstract Task<List<T>> QueryAsync<T>(FormattableString sql, Func<Row, T> read, CancellationToken ct);

    /// <summary>Runs the work in one transaction on one connection; an exception rolls back. Not nested.</summary>
    public abstract Task<T> TransactionAsync<T>(Func<Transaction, Task<T>> work, CancellationToken ct);

    public abstract ValueTask DisposeAsync();
}

/// <summary>Statements of one transaction.</summary>
public abstract class Transaction
{
    public abstract Task<int> ExecuteAsync(FormattableString sql, CancellationToken ct);

    public abstract Task<List<T>> QueryAsync<T>(FormattableString sql, Func<Row, T> read, CancellationToken ct);
}

/// <summary>One row being read, by column position.</summary>
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
    public DateTimeOffset Instant(int column) => DateTimeOffset.UnixEpoch.AddTicks(Long(column) * 10);

    public string? TextOrNull(int column) => IsNull(column) ? null : Text(column);

    public long? LongOrNull(int column) => IsNull(column) ? null : Long(column);

    public Guid? IdOrNull(int column) => IsNull(column) ? null : Id(column);

    public DateTimeOffset? InstantOrNull(int column) => IsNull(column) ? null : Instant(column);
}
