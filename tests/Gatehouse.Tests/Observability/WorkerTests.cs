using System.Threading.Channels;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Journal;
using Gatehouse.Observability;
using Gatehouse.Observability.Ledger;
using Gatehouse.Storage;
using Gatehouse.Tests.Storage;
using Microsoft.Extensions.Logging.Abstractions;

namespace Gatehouse.Tests.Observability;

public class WorkerTests
{
    public static readonly TheoryData<string> Kinds = TestDatabases.Kinds;

    private static readonly Guid Team = Guid.CreateVersion7();

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Calls_go_on_while_the_database_is_away_and_are_recorded_when_it_is_back(string kind)
    {
        await using var ledger = await TestLedger.StartAsync(kind);
        await ledger.Db.ExecuteAsync($"ALTER TABLE observability_call RENAME TO away", CancellationToken.None);
        using var failures = new CountingLogger<LedgerWorker>();
        using var worker = new LedgerWorker(ledger.Drain, new LedgerStanding(), TimeProvider.System, failures);
        var recorded = ledger.Recorded.Next;
        await worker.StartAsync(CancellationToken.None);

        ledger.Journal.Append(TestLedger.Call(Team, 1, Samples.Noon));
        await failures.FirstAsync();
        ledger.Journal.Append(TestLedger.Call(Team, 2, Samples.Noon));
        await ledger.Db.ExecuteAsync($"ALTER TABLE away RENAME TO observability_call", CancellationToken.None);
        await recorded.WaitAsync(TimeSpan.FromSeconds(20), TestContext.Current.CancellationToken);
        await worker.StopAsync(CancellationToken.None);

        Assert.Equal(2, await ledger.CountAsync($"SELECT COUNT(*) FROM observability_ledger"));
    }

    [Fact]
    public async Task A_full_disk_of_the_database_is_said_once_and_noted_until_there_is_room()
    {
        await using var ledger = await TestLedger.StartAsync("sqlite");
        using var said = new CountingLogger<LedgerWorker>();
        var standing = new LedgerStanding();
        using var worker = new LedgerWorker(ledger.Drain, standing, TimeProvider.System, said);
        await ledger.Db.ExecuteAsync($"PRAGMA max_page_count = 1", CancellationToken.None); // what it has, and no page more
        await worker.StartAsync(CancellationToken.None);

        for (var i = 0; i < 2000; i++)
        {
            ledger.Journal.Append(TestLedger.Call(Team, i, Samples.Noon));
        }

        await said.FirstAsync();
        Assert.Equal(DatabaseTrouble.DiskFull, standing.Failing(TimeProvider.System)?.Trouble); // at once: it does not pass by itself
        var recorded = ledger.Recorded.Next;
        await ledger.Db.ExecuteAsync($"PRAGMA max_page_count = 1000000", CancellationToken.None);
        await recorded.WaitAsync(TimeSpan.FromSeconds(20), TestContext.Current.CancellationToken);
        await worker.StopAsync(CancellationToken.None);

        Assert.Null(standing.Failing(TimeProvider.System));
        Assert.Equal(2, said.Messages.Count);
        Assert.StartsWith("Calls cannot be written to the ledger", said.Messages.First(), StringComparison.Ordinal);
        Assert.StartsWith("The ledger can be written again", said.Messages.Last(), StringComparison.Ordinal);
        Assert.Equal(2000, await ledger.CountAsync($"SELECT COUNT(*) FROM observability_ledger"));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Damage_of_the_journal_is_said_with_the_file_that_keeps_it(string kind)
    {
        await using var ledger = await TestLedger.StartAsync(kind);
        ledger.Journal.Append(TestLedger.Call(Team, 1, Samples.Noon));
        ledger.RestartDamaged();
        using var said = new CountingLogger<LedgerWorker>();
        using var worker = new LedgerWorker(ledger.Drain, new LedgerStanding(), TimeProvider.System, said);

        await worker.StartAsync(CancellationToken.None);
        await said.FirstAsync();
        await worker.StopAsync(CancellationToken.None);

        var message = Assert.Single(said.Messages);
        Assert.StartsWith("One stretch of the journal cannot be read", message, StringComparison.Ordinal);
        Assert.Contains("not in the ledger", message, StringComparison.Ordinal);
        Assert.Contains(".journal.damaged", message, StringComparison.Ordinal);
        Assert.Single(Directory.GetFiles(ledger.JournalDirectory, "*.damaged"));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task A_lone_call_is_written_within_moments_those_that_follow_within_a_second_and_no_calls_cost_nothing(string kind)
    {
        await using var ledger = await TestLedger.StartAsync(kind);
        var clock = new PauseClock();
        using var worker = new LedgerWorker(ledger.Drain, new LedgerStanding(), clock, NullLogger<LedgerWorker>.Instance);
        await worker.StartAsync(CancellationToken.None);

        for (var i = 0; i < 8; i++)
        {
            var recorded = ledger.Recorded.Next;
            ledger.Journal.Append(TestLedger.Call(Team, i, Samples.Noon));
            await recorded.WaitAsync(TimeSpan.FromSeconds(20), TestContext.Current.CancellationToken);
        }

        var pauses = clock.Taken();
        await worker.StopAsync(CancellationToken.None);

        Assert.InRange(pauses[0], TimeSpan.FromMilliseconds(1), TimeSpan.FromMilliseconds(50));
        Assert.All(pauses, p => Assert.InRange(p, TimeSpan.Zero, TimeSpan.FromSeconds(1)));
        Assert.InRange(pauses.Count, 1, 17); // no more than calls ask for: a clock that ticks would make hundreds
        Assert.Equal(8, await ledger.CountAsync($"SELECT COUNT(*) FROM observability_ledger"));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task A_server_that_stops_writes_what_is_in_the_journal_first(string kind)
    {
        await using var ledger = await TestLedger.StartAsync(kind);
        using var worker = new LedgerWorker(ledger.Drain, new LedgerStanding(), TimeProvider.System, NullLogger<LedgerWorker>.Instance);
        await worker.StartAsync(CancellationToken.None);

        for (var i = 0; i < 3000; i++)
        {
            ledger.Journal.Append(TestLedger.Call(Team, i, Samples.Noon));
        }

        await worker.StopAsync(CancellationToken.None);

        Assert.Equal(3000, await ledger.CountAsync($"SELECT COUNT(*) FROM observability_ledger"));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Text_waits_for_its_call_and_is_stored_with_it(string kind)
    {
        await using var ledger = await TestLedger.StartAsync(kind);
        var texts = Channel.CreateBounded<CallText>(16);
        using var ledgerWorker = new LedgerWorker(
            ledger.Drain, new LedgerStanding(), TimeProvider.System, NullLogger<LedgerWorker>.Instance);
        using var textWorker = new TextWorker(
            texts, new TextStore(ledger.Db, ledger.Systems), ledger.Metrics, TimeProvider.System, NullLogger<TextWorker>.Instance);
        await textWorker.StartAsync(CancellationToken.None);
        var record = TestLedger.Call(Team, 1, Samples.Noon);

        Assert.True(texts.Writer.TryWrite(new CallText(record.Id, "ask"u8.ToArray(), "answer"u8.ToArray())));
        ledger.Journal.Append(record);
        await ledgerWorker.StartAsync(CancellationToken.None);
        await ledgerWorker.StopAsync(CancellationToken.None);
        await textWorker.StopAsync(CancellationToken.None);

        var detail = await ledger.Calls.FindAsync(TestLedger.Admin, record.RequestId, CancellationToken.None);
        Assert.Equal(new CallContent("ask", "answer"), detail!.Content);
    }

    /// <summary>The system's, and remembers for how long it was asked to wait.</summary>
    private sealed class PauseClock : TimeProvider
    {
        private readonly List<TimeSpan> _pauses = [];

        public List<TimeSpan> Taken()
        {
            lock (_pauses)
            {
                return [.. _pauses];
            }
        }

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            lock (_pauses)
            {
                _pauses.Add(dueTime);
            }

            return base.CreateTimer(callback, state, dueTime, period);
        }
    }
}
