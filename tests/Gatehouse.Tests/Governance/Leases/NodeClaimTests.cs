using Gatehouse.Gateway.Journal;
using Gatehouse.Gateway.Limits;
using Gatehouse.Governance;
using Gatehouse.Storage;
using Gatehouse.Tests.Storage;

namespace Gatehouse.Tests.Governance.Leases;

/// <summary>Who may go by a node's name, on the PostgreSQL that runs share.</summary>
public sealed class NodeClaimTests : IAsyncLifetime
{
    private static readonly TimeSpan Short = TimeSpan.FromMilliseconds(300);

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("gatehouse-claim-");
    private TestDatabase _database = null!;
    private CallJournal _journal = null!;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _database = await TestDatabase.CreateWithSchemaAsync("postgres");
        _journal = CallJournal.Open(new CallJournalOptions { Directory = _folder.FullName });
    }

    public async ValueTask DisposeAsync()
    {
        _journal.Dispose();
        _folder.Delete(recursive: true);
        await _database.DisposeAsync();
    }

    [Fact]
    public async Task A_run_that_still_beats_refuses_another_and_a_dead_one_does_not()
    {
        var store = new LeaseStore(_database.Db);
        var (first, second) = (Claim(1), Claim(2));
        await first.TakeAsync(store, NodeClaim.Watch, Ct);

        var taking = second.TakeAsync(store, TimeSpan.FromMinutes(1), Ct);
        while (!taking.IsCompleted)
        {
            await store.BeatAsync(_journal.NodeId, Run(1), 1, Ct);
        }

        await Assert.ThrowsAsync<NodeTakenException>(() => taking);
        Assert.NotNull(second.Problem);
        Assert.False(second.IsHeld);

        await second.TakeAsync(store, Short, Ct); // the first beats no more

        Assert.True(second.IsHeld);
        Assert.Null(second.Problem);
        await Assert.ThrowsAsync<NodeTakenException>(() => store.BeatAsync(_journal.NodeId, Run(1), 1, Ct));
        await Assert.ThrowsAsync<NodeTakenException>(() => _database.Db.TransactionAsync(sql => first.CheckAsync(sql, Ct), Ct));
        Assert.NotNull(first.Problem);
        await _database.Db.TransactionAsync(sql => second.CheckAsync(sql, Ct), Ct);
    }

    /// <summary>The server may finish what a process that is killed has just asked for: a start after that was refused.</summary>
    [Fact]
    public async Task A_beat_that_was_under_way_when_its_run_died_refuses_nobody()
    {
        var store = new LeaseStore(_database.Db);
        var (first, second) = (Claim(1), Claim(2));
        await first.TakeAsync(store, Short, Ct);
        await using var seen = new FlakyDatabase(_database.Db);
        seen.After = () =>
        {
            seen.After = () => Task.CompletedTask;
            return store.BeatAsync(_journal.NodeId, Run(1), 1, Ct);
        };

        await second.TakeAsync(new LeaseStore(seen), Short, Ct);

        Assert.True(second.IsHeld);
    }

    [Fact]
    public async Task A_run_that_came_to_its_end_is_not_waited_for()
    {
        var store = new LeaseStore(_database.Db);
        await Claim(1).TakeAsync(store, Short, Ct);
        await store.ReleaseAsync(_journal.NodeId, Ct);
        var second = Claim(2);

        await second.TakeAsync(store, TimeSpan.FromDays(1), Ct);

        Assert.True(second.IsHeld);
    }

    private static long Run(int seconds) => DateTimeOffset.UnixEpoch.AddSeconds(seconds).UtcTicks;

    private NodeClaim Claim(int seconds) => new(
        new JournalProgress(_journal), new AllowanceBook(new StepClock(DateTimeOffset.UnixEpoch.AddSeconds(seconds))), TimeProvider.System);
}
