using Gatehouse.Contracts;
using Gatehouse.Gateway.Journal;
using Gatehouse.Observability.Ledger;
using Gatehouse.Observability.Traces;
using Gatehouse.Gateway.Routing;
using Gatehouse.Storage;
using Gatehouse.Tests.Storage;

namespace Gatehouse.Tests.Observability;

public class LedgerTests
{
    public static readonly TheoryData<string> Kinds = TestDatabases.Kinds;

    private static readonly Guid Team = Guid.CreateVersion7();

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task A_call_comes_out_of_the_ledger_as_it_went_into_the_journal(string kind)
    {
        await using var ledger = await TestLedger.StartAsync(kind);
        var record = TestLedger.Call(Team, seed: 5, Samples.Noon);
        ledger.Names[record.SystemId] = "helpdesk";

        await ledger.RecordAsync(record);

        var detail = await ledger.Calls.FindAsync(TestLedger.Admin, record.Id.ToString(), CancellationToken.None);
        Assert.NotNull(detail);
        var call = detail.Call;
        Assert.Equal(
            (record.Id, record.RequestId, record.TraceId, record.TeamId, record.SystemId, "helpdesk", record.Environment, record.KeyId),
            (call.Id, call.RequestId, call.TraceId, call.TeamId, call.SystemId!.Value, call.System, call.Environment, call.KeyId!.Value));
        Assert.Equal(
            (record.Route, record.Provider, record.Model, record.AnsweredModel, record.Streamed, record.Status, record.Outcome),
            (call.Route, call.Provider, call.Model, call.AnsweredModel, call.Streamed, call.Status, call.Outcome));
        Assert.Equal(
            (record.ErrorCode, record.ErrorMessage, record.FinishReason, record.Usage, record.PriceRevision, Samples.Noon),
            (call.ErrorCode, call.ErrorMessage, call.FinishReason, call.Usage, call.PriceRevision, call.StartedAt));
        Assert.Equal(
            (record.DurationMicros, record.FirstByteMicros, record.OwnMicros, record.Attempts.Count),
            (call.DurationMicros, call.FirstByteMicros, call.OwnMicros, call.Attempts));
        Assert.Equal(record.Attempts, detail.Attempts);
        Assert.Equal(record.CostNanos, call.CostUsd is { } usd ? Nanos.FromUsd(usd) : null);
        Assert.Equal($"chat {record.Route}", detail.Spans[0].Name);
        Assert.Equal(detail.Call.Id, (await ledger.Calls.FindAsync(TestLedger.Admin, record.RequestId, CancellationToken.None))!.Call.Id);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task A_crash_between_commit_and_release_doubles_nothing(string kind)
    {
        await using var ledger = await TestLedger.StartAsync(kind);
        var records = Enumerable.Range(0, 2500).Select(i => TestLedger.Call(Team, i, Samples.Noon.AddSeconds(i))).ToList();
        records.ForEach(ledger.Journal.Append);

        // The first batch is committed, and the process dies before it releases the segments.
        var store = ledger.Store;
        var before = await store.FindPositionAsync(ledger.Journal.NodeId, CancellationToken.None);
        var after = before;
        var batch = new List<CallRecord>();
        Assert.True(ledger.Journal.TryRead(ref after, batch, 1000));
        await store.WriteAsync(
            ledger.Journal.NodeId, before, after, [.. batch.Select(r => LedgerEntry.Of(r))], new ProviderPlaces(GatewayTable.Empty),
            CancellationToken.None);
        ledger.Restart();
        await ledger.DrainAllAsync();
        ledger.Restart();
        await ledger.DrainAllAsync();

        await AssertOnceAsync(ledger, records);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task A_crash_before_the_commit_loses_nothing(string kind)
    {
        await using var ledger = await TestLedger.StartAsync(kind);
        var records = Enumerable.Range(0, 40).Select(i => TestLedger.Call(Team, i, Samples.Noon.AddSeconds(i))).ToList();
        records.ForEach(ledger.Journal.Append);
        using var dying = new CancellationTokenSource();
        await dying.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => ledger.Drain.DrainAsync(dying.Token));
        ledger.Restart();
        await ledger.DrainAllAsync();

        await AssertOnceAsync(ledger, records);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task A_transaction_that_fails_half_way_leaves_neither_rows_nor_position(string kind)
    {
        await using var ledger = await TestLedger.StartAsync(kind);
        var records = Enumerable.Range(0, 40).Select(i => TestLedger.Call(Team, i, Samples.Noon.AddSeconds(i))).ToList();
        records.ForEach(ledger.Journal.Append);
        await ledger.Db.ExecuteAsync($"ALTER TABLE observability_traffic RENAME TO elsewhere", CancellationToken.None);

        await Assert.ThrowsAnyAsync<Exception>(() => ledger.Drain.DrainAsync(CancellationToken.None));
        Assert.Equal(0, await ledger.CountAsync($"SELECT COUNT(*) FROM observability_ledger"));
        await ledger.Db.ExecuteAsync($"ALTER TABLE elsewhere RENAME TO observability_traffic", CancellationToken.None);
        await ledger.DrainAllAsync();

        await AssertOnceAsync(ledger, records);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task A_lost_position_replays_the_journal_and_doubles_nothing(string kind)
    {
        await using var ledger = await TestLedger.StartAsync(kind);
        var records = Enumerable.Range(0, 30).Select(i => TestLedger.Call(Team, i, Samples.Noon.AddSeconds(i))).ToList();
        await ledger.RecordAsync(records.Take(20));

        await ledger.Db.ExecuteAsync($"DELETE FROM observability_journal", CancellationToken.None);
        ledger.Restart();
        await ledger.RecordAsync(records.Skip(20));

        await AssertOnceAsync(ledger, records);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task A_drain_whose_position_was_moved_by_another_process_writes_nothing(string kind)
    {
        await using var ledger = await TestLedger.StartAsync(kind);
        var entry = LedgerEntry.Of(TestLedger.Call(Team, 1, Samples.Noon));
        await ledger.Store.FindPositionAsync("n", CancellationToken.None);

        await Assert.ThrowsAsync<InvalidOperationException>(() => ledger.Store.WriteAsync(
            "n", new JournalPosition(1, 64), new JournalPosition(1, 128), [entry], new ProviderPlaces(GatewayTable.Empty),
            CancellationToken.None));

        Assert.Equal(0, await ledger.CountAsync($"SELECT COUNT(*) FROM observability_ledger"));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Calls_of_nobody_are_not_recorded_and_do_not_stop_the_drain(string kind)
    {
        await using var ledger = await TestLedger.StartAsync(kind);

        await ledger.RecordAsync(TestLedger.Call(Guid.Empty, 1, Samples.Noon), TestLedger.Call(Team, 2, Samples.Noon));

        Assert.Equal(1, await ledger.CountAsync($"SELECT COUNT(*) FROM observability_ledger"));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Names_of_any_length_and_any_character_are_recorded(string kind)
    {
        await using var ledger = await TestLedger.StartAsync(kind);
        var record = TestLedger.Call(Team, 3, Samples.Noon);
        record.Route = new string('模', 256);
        record.Model = new string('\u0001', 300);
        record.ErrorCode = new string('é', 500);
        record.ErrorMessage = "NUL \0 and quote ' and {0} brace";

        await ledger.RecordAsync(record);

        var page = await ledger.Calls.ListAsync(TestLedger.Admin, new CallFilter(Route: record.Route), CancellationToken.None);
        Assert.Equal("NUL \uFFFD and quote ' and {0} brace", Assert.Single(page.Calls).ErrorMessage);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task A_journal_whose_tail_is_damaged_counts_the_damage_once(string kind)
    {
        await using var ledger = await TestLedger.StartAsync(kind);
        ledger.Journal.Append(TestLedger.Call(Team, 1, Samples.Noon));
        ledger.RestartDamaged();

        Assert.False(await ledger.Drain.DrainAsync(CancellationToken.None));
        Assert.False(await ledger.Drain.DrainAsync(CancellationToken.None));
        ledger.Restart();
        await ledger.RecordAsync(TestLedger.Call(Team, 2, Samples.Noon));

        Assert.Equal((1, 0), (ledger.CorruptedBeforeRestart, ledger.Journal.Corrupted));
        Assert.Equal(1, await ledger.CountAsync($"SELECT COUNT(*) FROM observability_ledger"));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task A_database_far_behind_costs_traces_of_answered_calls_and_never_the_ledger(string kind)
    {
        await using var ledger = await TestLedger.StartAsync(kind);
        var records = Enumerable.Range(0, 200).Select(i => TestLedger.Call(Team, i, Samples.Noon.AddSeconds(i))).ToList();
        records.ForEach(ledger.Journal.Append);

        Assert.True(await ledger.NewDrain(busyBytes: 0).DrainAsync(CancellationToken.None));

        Assert.Equal(200, await ledger.CountAsync($"SELECT COUNT(*) FROM observability_ledger"));
        Assert.Equal(0, await ledger.CountAsync($"SELECT COUNT(*) FROM observability_ledger WHERE outcome <> 'ok' AND trace_pack IS NULL"));
        Assert.InRange(
            await ledger.CountAsync($"SELECT COUNT(*) FROM observability_ledger WHERE outcome = 'ok' AND trace_pack IS NOT NULL"), 4, 16);
        var untraced = await ledger.Calls.FindAsync(
            TestLedger.Admin, records.First(r => r.Outcome == CallOutcome.Ok && r != records[0]).RequestId, CancellationToken.None);
        Assert.NotNull(untraced);
    }

    private static async Task AssertOnceAsync(TestLedger ledger, List<CallRecord> records)
    {
        Assert.Equal(records.Count, await ledger.CountAsync($"SELECT COUNT(*) FROM observability_ledger"));
        Assert.Equal(records.Count, await ledger.CountAsync($"SELECT COUNT(*) FROM observability_call WHERE trace_pack IS NOT NULL"));
        foreach (var step in (long[])[60, 3600])
        {
            Assert.Equal(records.Count, await ledger.CountAsync($"SELECT calls FROM observability_traffic WHERE step_seconds = {step}"));
            Assert.Equal(
                records.Sum(r => r.CostNanos ?? 0),
                await ledger.CountAsync($"SELECT cost_nanos FROM observability_traffic WHERE step_seconds = {step}"));
        }
    }
}
