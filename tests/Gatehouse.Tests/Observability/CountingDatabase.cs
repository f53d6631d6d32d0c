using Gatehouse.Storage;

namespace Gatehouse.Tests.Observability;

/// <summary>Counts the statements that another database gets outside transactions; that one stays open.</summary>
internal sealed class CountingDatabase(Database db) : Database
{
    public int Statements { get; set; }

    public override string Kind => db.Kind;

    private protected override SemaphoreSlim Scans { get; } = new(1);

    public override FormattableString DigitsOf(FormattableString column) => db.DigitsOf(column);

    public override FormattableString Joined(FormattableString column) => db.Joined(column);

    public override Task<(string Version, DateTimeOffset? Clock)> PingAsync(CancellationToken ct) => db.PingAsync(ct);

    public override ValueTask DisposeAsync()
    {
        Scans.Dispose();
        return ValueTask.CompletedTask;
    }

    internal override Task<int> ExecuteAsync(Statement statement, CancellationToken ct)
    {
        Statements++;
        return db.ExecuteAsync(statement, ct);
    }

    internal override Task QueryAsync(Statement statement, Rows rows, CancellationToken ct)
    {
        Statements++;
        return db.QueryAsync(statement, rows, ct);
    }

    internal override Task ScanAsync(Statement statement, Rows rows, CancellationToken ct)
    {
        Statements++;
        return db.ScanAsync(statement, rows, ct);
    }

    internal override Task RunSnapshotAsync(Func<Transaction, Task> work, CancellationToken ct) => db.RunSnapshotAsync(work, ct);

    internal override Task RunTransactionAsync(Func<Transaction, Task> work, CancellationToken ct) => db.RunTransactionAsync(work, ct);
}
