using Gatehouse.Gateway.Journal;
using Gatehouse.Gateway.Limits;
using Gatehouse.Governance;
using Gatehouse.Storage;
using Gatehouse.Tests.Storage;

namespace Gatehouse.Tests.Governance.Leases;

/// <summary>Who may go by a node's name, on the PostgreSQL that runs share.</summary>
public sealed class NodeClaimTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_run_that_still_beats_refuses_another_and_a_dead_one_does_not()
    {
        await using var database = await TestDatabase.CreateAsync("postgres");
        await Migrations.ApplyAsync(database.Db, typeof(GovernanceModule).Assembly, Ct);
        var folder = Directory.CreateTempSubdirectory("gatehouse-claim-");
        using (var journal = CallJournal.Open(new CallJournalOptions { Directory = folder.FullName }))
        {
            var store = new LeaseStore(database.Db);
            var (first, second) = (Claim(journal, 1), Claim(journal, 2));
            await first.TakeAsync(store, NodeClaim.Watch, Ct);

            var taking = second.TakeAsync(store, TimeSpan.FromMinutes(1), Ct);
            while (!taking.IsCompleted)
            {
                await store.BeatAsync(journal.NodeId, Run(1), 1, Ct);
            }

            await Assert.ThrowsAsync<NodeTakenException>(() => taking);
            Assert.NotNull(second.Problem);
            Assert.False(second.IsHeld);

            await second.TakeAsync(store, TimeSpan.FromMilliseconds(300), Ct); // the first beats no more

            Assert.True(second.IsHeld);
            Assert.Null(second.Problem);
            await Assert.ThrowsAsync<NodeTakenException>(() => store.BeatAsync(journal.NodeId, Run(1), 1, Ct));
            await Assert.ThrowsAsync<NodeTakenException>(() => database.Db.TransactionAsync(sql => first.CheckAsync(sql, Ct), Ct));
            Assert.True(first.IsLost);
        }

        folder.Delete(recursive: true);
    }

    private static long Run(int seconds) => DateTimeOffset.UnixEpoch.AddSeconds(seconds).UtcTicks;

    private static NodeClaim Claim(CallJournal journal, int seconds) => new(
        new JournalProgress(journal), new AllowanceBook(new StepClock(DateTimeOffset.UnixEpoch.AddSeconds(seconds))), TimeProvider.System);
}
