using Gatehouse.Storage;

namespace Gatehouse.Tests.Governance.Leases;

/// <summary>
/// The database as one node reaches it: a request may not arrive, or its answer be lost, and things happen before and after each.
/// </summary>
internal sealed class FlakyDatabase(Database db) : Database
{
    /// <summary>Before a request; throws when it is not to arrive, and does not end while the database is silent.</summary>
    public Func<Task> Before { get; set; } = () => Task.CompletedTask;

    /// <summary>After a request; throws when its answer is to be lost.</summary>
    public Func<Task> After { get; set; } = () => Task.CompletedTask;

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

    internal override Task<int> ExecuteAsync(Statement statement, CancellationToken ct) =>
        AskAsync(() => db.ExecuteAsync(statement, ct), ct);

    internal override Task QueryAsync(Statement statement, Rows rows, CancellationToken ct) =>
        AskAsync(() => db.QueryAsync(statement, rows, ct), ct);

    internal override Task ScanAsync(Statement statement, Rows rows, CancellationToken ct) =>
        AskAsync(() => db.ScanAsync(statement, rows, ct), ct);

    internal override Task RunSnapshotAsync(Func<Transaction, Task> work, CancellationToken ct) =>
        AskAsync(() => db.RunSnapshotAsync(work, ct), ct);

    internal override Task RunTransactionAsync(Func<Transaction, Task> work, CancellationToken ct) =>
        AskAsync(() => db.RunTransactionAsync(work, ct), ct);

    private async Task<T> AskAsync<T>(Func<Task<T>> ask, CancellationToken ct)
    {
        await Before().WaitAsync(ct);
        var answer = await ask();
        await After();
        return answer;
    }

    private async Task AskAsync(Func<Task> ask, CancellationToken ct)
    {
        await Before().WaitAsync(ct);
        await ask();
        await After();
    }
}
