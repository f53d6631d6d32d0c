using Gatehouse.Commands;
using Gatehouse.Configuration;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Journal;
using Gatehouse.Tests.Observability;
using Gatehouse.Tests.Storage;

namespace Gatehouse.Tests.Commands;

/// <summary>Each test damages one thing of a ledger that is well.</summary>
public class LedgerDoctorTests
{
    public static readonly TheoryData<string> Kinds = TestDatabases.Kinds;

    private static readonly Guid Team = Guid.CreateVersion7();
    private static readonly Guid Budget = Guid.CreateVersion7();

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task A_ledger_that_is_well_passes(string kind)
    {
        await using var ledger = await StartAsync(kind);

        var checks = await CheckAsync(ledger);

        Assert.Equal(["journal", "ledger", "sums", "minutes", "closed", "budgets", "reservations"], checks.Select(c => c.Name));
        Assert.All(checks, c => Assert.True(c.State == DoctorState.Ok, c.Message));
        Assert.Contains("(60 looked at)", checks[0].Message, StringComparison.Ordinal);
        Assert.Contains("(1 looked at)", checks[5].Message, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task A_call_that_is_missing_is_missed_by_the_journal_the_sums_and_the_budget(string kind)
    {
        await using var ledger = await StartAsync(kind);
        var lost = (await ledger.Db.QueryAsync($"SELECT id FROM observability_call WHERE cost_nanos > 0 LIMIT 1", row => row.Id(0), Ct))[0];

        await ledger.Db.ExecuteAsync($"DELETE FROM observability_call WHERE id = {lost}", Ct);

        await AssertFaultsAsync(
            ledger, ("journal", $"Call {lost} is not in the ledger."), ("sums", "the ledger has -1 calls"), ("budgets", "'all' counts"));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task A_cost_that_changed_is_found_and_a_re_pricing_is_none(string kind)
    {
        await using var ledger = await StartAsync(kind);
        var id = (await ledger.Db.QueryAsync($"SELECT id FROM observability_call WHERE cost_nanos > 0 LIMIT 1", row => row.Id(0), Ct))[0];
        await ledger.Db.ExecuteAsync(
            $"UPDATE observability_call SET repriced_at = 1, first_cost_nanos = cost_nanos, cost_nanos = cost_nanos + 5 WHERE id = {id}",
            Ct);
        await AssertFaultsAsync(ledger, ("sums", "0.000000005 USD"), ("budgets", "'all' counts"));

        await ledger.Db.ExecuteAsync($"UPDATE observability_call SET first_cost_nanos = 1 WHERE id = {id}", Ct);

        await AssertFaultsAsync(ledger, ("journal", $"Call {id} cost "), ("sums", "0.000000005 USD"), ("budgets", "'all' counts"));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Sums_that_are_off_are_found_by_hour_and_by_minute(string kind)
    {
        await using var ledger = await StartAsync(kind);

        await ledger.Db.ExecuteAsync($"UPDATE observability_traffic SET calls = calls + 1 WHERE step_seconds = 60 AND outcome = 'ok'", Ct);
        await AssertFaultsAsync(ledger, ("minutes", "In the hour of 2026-03-01 12:00"));
        await ledger.Db.ExecuteAsync(
            $"UPDATE observability_traffic SET input_tokens = input_tokens + 7 WHERE step_seconds = 3600 AND outcome = 'ok'", Ct);

        await AssertFaultsAsync(ledger, ("sums", "In the hour of 2026-03-01 12:00"), ("minutes", "In the hour of 2026-03-01 12:00"));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task A_call_whose_shape_is_gone_is_found(string kind)
    {
        await using var ledger = await StartAsync(kind);
        var shape = (await ledger.Db.QueryAsync(
            $"SELECT shape FROM observability_ledger WHERE outcome <> 'ok' LIMIT 1", row => row.Long(0), Ct))[0];

        await ledger.Db.ExecuteAsync($"DELETE FROM observability_call_shape WHERE number = {shape}", Ct);

        await AssertFaultsAsync(ledger, ("ledger", $"has shape {shape}, which is not there"), ("sums", "the ledger has -"));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task A_budget_that_counts_something_else_is_found_unless_it_is_still_being_counted(string kind)
    {
        await using var ledger = await StartAsync(kind);
        await ledger.Db.ExecuteAsync($"UPDATE governance_allowance SET spent = spent + 1", Ct);
        await AssertFaultsAsync(ledger, ("budgets", "Budget 'all' counts"));

        await ledger.Db.ExecuteAsync($"UPDATE governance_budget SET recount_at = 1", Ct);

        var budgets = (await CheckAsync(ledger)).Single(c => c.Name == "budgets");
        Assert.Equal(DoctorState.Notice, budgets.State);
        Assert.EndsWith("has still to count what the ledger held before: 'all'.", budgets.Message, StringComparison.Ordinal);
        Assert.Contains("Look again in a minute", budgets.Mend, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task What_a_node_holds_beyond_the_limit_is_found_once_the_node_holds_by_the_last_change(string kind)
    {
        await using var ledger = await StartAsync(kind);
        await ledger.Db.ExecuteAsync($"INSERT INTO governance_node (node, run, beat, revision) VALUES ('n1', 7, 1, 1)", Ct);
        await LeaseAsync(ledger, run: 7, settled: 0);
        await AssertFaultsAsync(ledger);

        await ledger.Db.ExecuteAsync($"UPDATE governance_lease SET granted = 1001", Ct);
        await AssertFaultsAsync(ledger, ("reservations", "Node n1 holds 0.000001001 USD of 'all', which has 0.000001 USD."));

        await ledger.Db.ExecuteAsync($"UPDATE governance_revision SET revision = 2", Ct); // a lower limit, of which it has not heard
        await AssertFaultsAsync(ledger);
        await ledger.Db.ExecuteAsync($"UPDATE governance_node SET revision = 2", Ct);
        await ledger.Db.ExecuteAsync($"UPDATE governance_lease SET used = 1001", Ct); // by calls of before, which go on
        await AssertFaultsAsync(ledger);

        await ledger.Db.ExecuteAsync($"DELETE FROM governance_lease", Ct);
        var (limit, minute) = (Guid.CreateVersion7(), ledger.Clock.Now.AddSeconds(-ledger.Clock.Now.Second));
        await ledger.Db.ExecuteAsync(
            $"""
            INSERT INTO governance_limit (id, name, requests_per_minute, concurrency, created_by, created_at)
            VALUES ({limit}, 'few', 5, 2, 'admin', {minute})
            """,
            Ct);
        foreach (var (measure, until) in ((string, DateTimeOffset)[])[
            ("requests", minute.AddMinutes(1)), ("concurrency", DateTimeOffset.MaxValue)])
        {
            await ledger.Db.ExecuteAsync(
                $"""
                INSERT INTO governance_lease (rule_id, measure, subject, from_at, until_at, node, run, granted, used, underway, settled)
                VALUES ({limit}, {measure}, 'ann', {minute}, {until}, 'n1', 7, 4, 3, 0, 0)
                """,
                Ct);
        }

        await AssertFaultsAsync(ledger, ("reservations", "Node n1 holds 4 calls at a time of 'few' of end user 'ann', which has 2 calls at a time."));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task What_a_run_that_is_over_still_holds_is_found(string kind)
    {
        await using var ledger = await StartAsync(kind);
        await ledger.Db.ExecuteAsync($"INSERT INTO governance_node (node, run, beat) VALUES ('n1', 7, 1)", Ct);
        await LeaseAsync(ledger, run: 7, settled: 0);
        await AssertFaultsAsync(ledger);

        await LeaseAsync(ledger, run: 6, settled: 0);
        await AssertFaultsAsync(ledger, ("reservations", "Run 6 of node n1 is over and still holds parts of 1 counts."));
        await ledger.Db.ExecuteAsync($"DELETE FROM governance_lease WHERE run = 6", Ct);
        await ledger.Db.ExecuteAsync($"UPDATE governance_lease SET settled = 9000000000000", Ct);

        await AssertFaultsAsync(ledger, ("reservations", "runs settled 9000 USD, more than the"));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task A_journal_that_cannot_be_read_is_found_before_and_after_it_is_drained(string kind)
    {
        await using var ledger = await StartAsync(kind);
        ledger.Journal.Append(TestLedger.Call(Team, 60, Samples.Noon.AddMinutes(90)));
        var position = ledger.Journal.End;
        ledger.Journal.Append(TestLedger.Call(Team, 61, Samples.Noon.AddMinutes(91)));
        ledger.Journal.Append(TestLedger.Call(Team, 62, Samples.Noon.AddMinutes(92)));
        var path = Directory.GetFiles(ledger.JournalDirectory, "*.journal").Order(StringComparer.Ordinal).First();
        using (var file = new FileStream(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete))
        {
            file.Position = position.Offset + 24;
            file.Write([0xDE, 0xAD, 0xBE, 0xEF]);
        }

        const string when =
            "recorded there, between those that began at 2026-03-01 13:30:00.000 and 2026-03-01 13:32:00.000, are not in the ledger";
        await AssertFaultsAsync(ledger, ("journal", when));

        await ledger.DrainAllAsync();
        ledger.Restart();
        await ledger.DrainAllAsync();

        Assert.False(File.Exists(path));
        var journal = (await CheckAsync(ledger)).Single(c => c.Name == "journal");
        Assert.Equal(DoctorState.Failing, journal.State);
        Assert.Contains($"'{path}.damaged'", journal.Message, StringComparison.Ordinal);
        Assert.Contains(when, journal.Message, StringComparison.Ordinal);
        Assert.Contains("delete the files", journal.Mend, StringComparison.Ordinal);
    }

    /// <summary>One that somebody deleted was taken for one that had been drained.</summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task A_segment_that_somebody_deleted_is_missed_before_and_after_the_next_start(string kind)
    {
        await using var ledger = await StartAsync(kind);
        var first = Directory.GetFiles(ledger.JournalDirectory, "*.journal").Order(StringComparer.Ordinal).First();
        ledger.Restart(); // so that there is one behind it
        ledger.Journal.Append(TestLedger.Call(Team, 60, Samples.Noon.AddMinutes(90)));
        ledger.Restart(() => File.Delete(first));

        await AssertFaultsAsync(ledger, ("journal", $"What stood in '{first}' from byte "));
        await ledger.DrainAllAsync();
        Assert.Equal(1, ledger.Journal.Corrupted);
        Assert.Contains($"'{first}.damaged'", (await JournalAsync()).Message, StringComparison.Ordinal);

        ledger.Restart();
        await ledger.DrainAllAsync();
        File.Delete(first + ".damaged");

        Assert.Equal(0, ledger.Journal.Corrupted);
        Assert.Equal(DoctorState.Ok, (await JournalAsync()).State);

        async Task<DoctorCheck> JournalAsync() => (await CheckAsync(ledger)).Single(c => c.Name == "journal");
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task A_segment_of_a_newer_release_is_a_fault_and_stops_no_other_check(string kind)
    {
        await using var ledger = await StartAsync(kind);
        var path = Directory.GetFiles(ledger.JournalDirectory, "*.journal").Order(StringComparer.Ordinal).First();
        using (var file = new FileStream(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete))
        {
            file.Position = 6;
            file.Write("2"u8);
        }

        await AssertFaultsAsync(ledger, ("journal", "written by a newer Gatehouse"));
    }

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    /// <summary>60 calls in two hours, still in the journal too, and a budget over all of them.</summary>
    private static async Task<TestLedger> StartAsync(string kind)
    {
        var ledger = await TestLedger.StartAsync(kind);
        await ledger.RecordAsync(Enumerable.Range(0, 60).Select(i => TestLedger.Call(Team, i, Samples.Noon.AddMinutes(i * 1.5))));
        ledger.Clock.Now = Samples.Noon.AddHours(2);
        var month = new DateTimeOffset(Samples.Noon.Year, Samples.Noon.Month, 1, 0, 0, 0, TimeSpan.Zero);
        await ledger.Db.ExecuteAsync(
            $"""
            INSERT INTO governance_budget (id, name, period, mode, limit_nanos, alert_percent, unknown_price, created_by, created_at)
            VALUES ({Budget}, 'all', 'month', 'hard', 1000, 80, 'count', 'admin', {month})
            """,
            Ct);
        await ledger.Db.ExecuteAsync(
            $"""
            INSERT INTO governance_allowance (rule_id, measure, subject, from_at, until_at, spent, unknown_calls)
            SELECT {Budget}, 'money', '', {month}, {month.AddMonths(1)}, CAST(SUM(cost_nanos) AS BIGINT), 0 FROM observability_call
            """,
            Ct);
        return ledger;
    }

    private static Task<int> LeaseAsync(TestLedger ledger, long run, long settled) => ledger.Db.ExecuteAsync(
        $"""
        INSERT INTO governance_lease (rule_id, measure, subject, from_at, until_at, node, run, granted, used, underway, settled)
        SELECT rule_id, measure, subject, from_at, until_at, 'n1', {run}, 1000, 10, 0, {settled} FROM governance_allowance
        """,
        Ct);

    private static Task<List<DoctorCheck>> CheckAsync(TestLedger ledger) =>
        LedgerDoctor.CheckAsync(ledger.Db, ledger.JournalDirectory, ledger.Clock, Ct);

    private static async Task AssertFaultsAsync(TestLedger ledger, params (string Name, string Says)[] faults)
    {
        var failing = (await CheckAsync(ledger)).Where(c => c.State == DoctorState.Failing).ToList();

        Assert.Equal(faults.Select(f => f.Name), failing.Select(c => c.Name));
        Assert.All(faults.Zip(failing), f => Assert.Contains(f.First.Says, f.Second.Message, StringComparison.Ordinal));
    }
}
