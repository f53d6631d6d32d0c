using Gatehouse.Gateway.Journal;
using Gatehouse.Observability;
using Gatehouse.Observability.Ledger;
using Gatehouse.Storage;
using Gatehouse.Tests.Governance.Leases;
using Gatehouse.Tests.Storage;

namespace Gatehouse.Tests.Observability;

/// <summary>What retention deletes while somebody sets the clock: a start with one days ahead once deleted the week's minutes.</summary>
public sealed class DeletionClockTests : IAsyncDisposable
{
    public static readonly TheoryData<string> Kinds = TestDatabases.Kinds;

    private static readonly Guid Team = Guid.CreateVersion7();
    private static readonly TimeSpan Wrong = TimeSpan.FromDays(40);

    private readonly CountingLogger<DeletionClock> _log = new();
    private readonly StepClock _clock = new(Samples.Noon.AddHours(2));

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public ValueTask DisposeAsync()
    {
        _log.Dispose();
        return ValueTask.CompletedTask;
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task A_start_with_a_clock_days_ahead_deletes_nothing_and_says_so(string kind)
    {
        await using var ledger = await StartAsync(kind);
        _clock.Step(Wrong);

        var deletion = Start(ledger);
        await DeleteAsync(ledger, deletion);
        _clock.Advance(TimeSpan.FromMinutes(50));
        await DeleteAsync(ledger, deletion);
        await AssertKeptAsync(ledger);
        var said = Assert.Single(_log.Messages);
        Assert.Contains("ahead of the last call of the ledger: what expired after 2026-03-01 12:59", said, StringComparison.Ordinal);
        Assert.Contains("steady for 60 minutes. Check the time of the machine", said, StringComparison.Ordinal);

        _clock.Step(-Wrong);
        await DeleteAsync(ledger, deletion);
        _clock.Advance(TimeSpan.FromHours(2));
        await DeleteAsync(ledger, deletion);

        await AssertKeptAsync(ledger);
    }

    /// <summary>Whoever looks for what is wrong starts again, and calls of the minutes before say what the clock says.</summary>
    [Fact]
    public async Task Calls_that_the_wrong_clock_dated_do_not_make_the_next_start_believe_it()
    {
        await using var ledger = await StartAsync("sqlite");
        _clock.Step(Wrong);
        await DeleteAsync(ledger, Start(ledger));
        _clock.Advance(TimeSpan.FromMinutes(20));
        await ledger.RecordAsync(TestLedger.Call(Team, 99, _clock.GetUtcNow()));

        await DeleteAsync(ledger, Start(ledger));

        await AssertKeptAsync(ledger);
        Assert.Equal(2, _log.Messages.Count);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task What_is_overdue_after_a_quiet_time_is_deleted_an_hour_later_and_what_was_overdue_before_at_once(string kind)
    {
        await using var ledger = await StartAsync(kind);
        await ledger.RecordAsync(TestLedger.Call(Team, 99, Samples.Noon.AddDays(31)));
        _clock.Step(Wrong);

        var deletion = Start(ledger);
        await DeleteAsync(ledger, deletion);
        Assert.Equal(0, await TextsAsync(ledger));
        Assert.Equal(1, await MinutesAsync(ledger));
        _clock.Advance(TimeSpan.FromMinutes(61));
        await DeleteAsync(ledger, deletion);

        Assert.Equal(0, await MinutesAsync(ledger));
        Assert.Contains("The clock is steady", _log.Messages.Last(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_clock_that_is_set_ahead_while_the_node_runs_is_believed_when_it_was_steady_for_an_hour()
    {
        await using var ledger = await StartAsync("sqlite");
        var deletion = Start(ledger);
        var sure = await deletion.GetNowAsync(Ct);
        Assert.Equal((_clock.GetUtcNow(), 0), (sure, _log.Messages.Count));

        _clock.Step(Wrong);
        _clock.Advance(TimeSpan.FromMinutes(10));
        Assert.Equal(sure.AddMinutes(10), await deletion.GetNowAsync(Ct));
        _clock.Advance(TimeSpan.FromMinutes(50));
        _clock.Step(Wrong); // once more
        Assert.Equal(sure.AddMinutes(60), await deletion.GetNowAsync(Ct));
        _clock.Advance(TimeSpan.FromMinutes(59));
        Assert.Equal(sure.AddMinutes(119), await deletion.GetNowAsync(Ct));
        Assert.Equal(2, _log.Messages.Count);
        _clock.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal(_clock.GetUtcNow(), await deletion.GetNowAsync(Ct));

        _clock.Step(-Wrong); // what is set back deletes less
        Assert.Equal(_clock.GetUtcNow(), await deletion.GetNowAsync(Ct));
        _clock.Step(TimeSpan.FromMinutes(4)); // as time servers do
        Assert.Equal(_clock.GetUtcNow(), await deletion.GetNowAsync(Ct));
    }

    /// <summary>All nodes delete what is everybody's.</summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task A_node_whose_clock_is_ahead_of_the_databases_goes_by_that_one(string kind)
    {
        await using var ledger = await StartAsync(kind);
        var real = TimeProvider.System.GetUtcNow();
        var clock = new StepClock(real.AddDays(2));
        var deletion = new DeletionClock(ledger.Db, clock, (_, _) => Task.FromResult<DateTimeOffset?>(null), _log);

        var now = await deletion.GetNowAsync(Ct);

        Assert.Equal(kind == "sqlite", now == clock.GetUtcNow());
        Assert.Equal(kind != "sqlite", now < real.AddDays(1));
        Assert.Equal(kind != "sqlite", _log.Messages.Any(m => m.Contains("ahead of PostgreSQL's", StringComparison.Ordinal)));
    }

    private static async Task<TestLedger> StartAsync(string kind)
    {
        var ledger = await TestLedger.StartAsync(kind);
        var calls = Enumerable.Range(0, 60).Select(i => TestLedger.Call(Team, i, Samples.Noon.AddMinutes(i))).ToList();
        await ledger.RecordAsync(calls);
        await new TextStore(ledger.Db, ledger.Systems).AddAsync([new CallText(calls[0].Id, "{}"u8.ToArray(), "{}"u8.ToArray())], Ct);
        return ledger;
    }

    private DeletionClock Start(TestLedger ledger) => new(ledger.Db, _clock, new RetentionStore(ledger.Db).LastCallAsync, _log);

    /// <summary>As the worker does.</summary>
    private static async Task DeleteAsync(TestLedger ledger, DeletionClock deletion) =>
        await new RetentionStore(ledger.Db).DeleteExpiredAsync(await deletion.GetNowAsync(Ct), Ct);

    private static async Task AssertKeptAsync(TestLedger ledger)
    {
        Assert.Equal(1, await TextsAsync(ledger));
        Assert.True(await MinutesAsync(ledger) >= 60);
        var reports = await ledger.Db.SnapshotAsync(
            sql => LedgerInvariants.CheckAsync(sql, ledger.JournalDirectory, ledger.Clock, Ct), Ct);
        Assert.All(reports, report => Assert.True(report.Faults.Count == 0, string.Join(' ', report.Faults)));
    }

    private static Task<long> TextsAsync(TestLedger ledger) => ledger.CountAsync($"SELECT COUNT(*) FROM observability_text");

    private static Task<long> MinutesAsync(TestLedger ledger) =>
        ledger.CountAsync($"SELECT CAST(COALESCE(SUM(calls), 0) AS BIGINT) FROM observability_traffic WHERE step_seconds = 60");
}
