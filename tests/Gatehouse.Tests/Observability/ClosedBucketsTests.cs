using Gatehouse.Contracts;
using Gatehouse.Observability;
using Gatehouse.Observability.Ledger;
using Gatehouse.Observability.Rollups;
using Gatehouse.Storage;
using Gatehouse.Tests.Storage;

namespace Gatehouse.Tests.Observability;

/// <summary>Sums of days, quarters of a day and quarters of an hour, which are made once their time is over.</summary>
public class ClosedBucketsTests
{
    public static readonly TheoryData<string> Kinds = TestDatabases.Kinds;

    public static readonly TheoryData<string, bool> KindsAndMarks =
        new() { { "sqlite", true }, { "sqlite", false }, { "postgres", true }, { "postgres", false } };

    private static readonly Guid Blue = Guid.CreateVersion7();
    private static readonly Guid Red = Guid.CreateVersion7();
    private static readonly DateTimeOffset Midnight = Samples.Noon.AddHours(-12);

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Sums_of_closed_time_are_those_of_its_calls_and_come_from_few_rows(string kind)
    {
        await using var ledger = await FillAsync(kind);
        var filters = (CallFilter[])
        [
            new(From: Midnight, To: Midnight.AddDays(4)),
            new(From: Midnight.AddHours(5.51), To: Midnight.AddDays(3).AddMinutes(17.3)),
            new(From: Midnight.AddHours(20), To: Midnight.AddDays(1).AddHours(7), Provider: "provider-1"),
            new(From: Midnight.AddMinutes(14), To: Midnight.AddMinutes(61)),
        ];
        var before = new List<string>();
        foreach (var filter in filters)
        {
            before.AddRange(await SumsAsync(ledger, filter));
        }

        var models = await ModelsAsync();
        await CloseAsync(ledger);

        var after = new List<string>();
        foreach (var filter in filters)
        {
            after.AddRange(await SumsAsync(ledger, filter));
        }

        Assert.Equal(before, after);
        Assert.Equal(3, await ledger.CountAsync($"SELECT COUNT(*) FROM observability_traffic_closed WHERE step_seconds = 86400"));

        // The days are read, and nothing that they were made of.
        await ledger.Db.ExecuteAsync(
            $"DELETE FROM observability_traffic WHERE step_seconds < 86400 AND bucket_at < {Midnight.AddDays(3)}", Ct);
        Assert.Equal(before[0], (await SumsAsync(ledger, filters[0]))[0]);
        Assert.Equal(models, await ModelsAsync());

        async Task<List<TrafficShare>> ModelsAsync() =>
            [.. await ledger.Traffic.ByAsync(TestLedger.Admin, filters[0] with { To = Midnight.AddDays(3) }, TrafficDimension.Model, Ct)];
    }

    /// <summary>A chart of all traffic once read a row for each system, target and error.</summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Charts_of_all_traffic_read_totals_and_say_what_its_calls_do(string kind)
    {
        await using var ledger = await FillAsync(kind);
        var member = TestLedger.Admin with { Memberships = [new Membership(Red, Role.Auditor)] };
        var questions = (
            from who in (Person[])[TestLedger.Admin, member]
            from filter in (CallFilter[])
            [
                new(Midnight.AddMinutes(14.2), Midnight.AddDays(3).AddHours(1).AddMinutes(31)),
                new(Midnight, Midnight.AddDays(3), TeamId: Red),
                new(Midnight.AddHours(3), Midnight.AddDays(2), Environment: SystemEnvironment.Production, Outcome: CallOutcome.Ok),
                new(Midnight.AddDays(2).AddHours(20), Midnight.AddDays(3).AddHours(2)),
            ]
            from step in (TimeSpan[])[TimeSpan.FromDays(1), TimeSpan.FromHours(6), TimeSpan.FromHours(1), TimeSpan.FromMinutes(15)]
            select (who, filter, step)).ToList();
        var before = await AskAsync();

        await CloseAsync(ledger);

        Assert.Equal(before, await AskAsync());
        await AssertInvariantsAsync(ledger);
        foreach (var step in ClosedTotals.Steps)
        {
            Assert.NotEqual(0, await ledger.CountAsync($"SELECT COUNT(*) FROM observability_traffic_total WHERE step_seconds = {step}"));
        }

        // Nothing else is read of time that is over, but for single calls at the ends.
        var over = Midnight.AddDays(3).AddHours(1);
        await ledger.Db.ExecuteAsync($"DELETE FROM observability_traffic WHERE step_seconds > 60 AND bucket_at < {over}", Ct);
        await ledger.Db.ExecuteAsync(
            $"DELETE FROM observability_traffic WHERE step_seconds = 60 AND bucket_at < {over} AND bucket_at >= {Midnight.AddMinutes(15)}", Ct);
        Assert.Equal(before, await AskAsync());

        async Task<List<string>> AskAsync()
        {
            var answers = new List<string>();
            foreach (var (who, filter, step) in questions)
            {
                var picture = await ledger.Traffic.PictureAsync(who, filter, step, [], Ct);
                answers.Add($"{picture.Traffic.Total} {string.Join(' ', picture.Traffic.Points)}");
            }

            return answers;
        }
    }

    /// <summary>Shares of a month once read thirty days of sums.</summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Shares_of_long_times_come_from_sums_of_four_and_sixteen_days(string kind)
    {
        await using var ledger = await TestLedger.StartAsync(kind);
        var random = new Random(6);
        ledger.Clock.Now = Midnight.AddDays(40).AddHours(2);
        await ledger.RecordAsync(Enumerable.Range(0, 600).Select(i =>
            TestLedger.Call(Blue, i, Midnight.AddDays(1).AddMicroseconds(random.NextInt64(0, 39L * 24 * 3600 * 1_000_000)))));
        var month = new CallFilter(From: Midnight.AddDays(-10).AddHours(5), To: Midnight.AddDays(40));
        var before = await SharesAsync();

        await CloseAsync(ledger);

        Assert.Equal(before, await SharesAsync());
        Assert.NotEqual(0, await CountAsync(345_600));
        var longest = await CountAsync(1_382_400);
        Assert.NotEqual(0, longest);
        await AssertInvariantsAsync(ledger);

        // A call that comes late opens them again, and all that it is in is made anew.
        var begin = (await ledger.Db.QueryAsync(
            $"SELECT MIN(bucket_at) FROM observability_traffic_closed WHERE step_seconds = 1382400", row => row.Instant(0), Ct))[0];
        var late = begin.AddDays(9).AddHours(7);
        await ledger.RecordAsync(TestLedger.Call(Blue, 77, late));
        Assert.Equal(longest - 1, await CountAsync(1_382_400));
        Assert.Equal(601, await CallsAsync());
        await CloseAsync(ledger);
        Assert.Equal(longest, await CountAsync(1_382_400));
        Assert.Equal(601, await CallsAsync());
        await AssertInvariantsAsync(ledger);

        // An older version opens a day alone. Whoever closes it again makes what it is in anew.
        await ledger.RecordAsync(TestLedger.Call(Blue, 78, late));
        await ledger.Db.ExecuteAsync(
            $"INSERT INTO observability_traffic_closed (step_seconds, bucket_at) VALUES (1382400, {begin})", Ct);
        await CloseAsync(ledger);
        Assert.Equal(602, await CallsAsync());
        await AssertInvariantsAsync(ledger);

        // Nothing of these days is read but their longest sums.
        await ledger.Db.ExecuteAsync(
            $"DELETE FROM observability_traffic WHERE step_seconds < 1382400 AND bucket_at >= {begin} AND bucket_at < {begin.AddDays(16)}",
            Ct);
        Assert.Equal(602, await CallsAsync());

        Task<long> CountAsync(long step) =>
            ledger.CountAsync($"SELECT COUNT(*) FROM observability_traffic_closed WHERE step_seconds = {step}");

        async Task<long> CallsAsync() =>
            (await ledger.Traffic.ByAsync(TestLedger.Admin, month, TrafficDimension.Model, Ct)).Sum(s => s.Sum.Calls);

        async Task<List<TrafficShare>> SharesAsync() =>
        [
            .. await ledger.Traffic.ByAsync(TestLedger.Admin, month, TrafficDimension.Model, Ct),
            .. await ledger.Traffic.ByAsync(TestLedger.Admin, month, TrafficDimension.Error, Ct),
        ];
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Retention_deletes_totals_with_the_quarters_of_an_hour_that_they_are_of(string kind)
    {
        await using var ledger = await FillAsync(kind);
        await CloseAsync(ledger);
        var all = new CallFilter(From: Midnight, To: Midnight.AddDays(3));
        var before = (await SumsAsync(ledger, all))[0];
        ledger.Clock.Now = Midnight.AddDays(20);

        await new RetentionStore(ledger.Db).DeleteExpiredAsync(ledger.Clock.Now, Ct);

        Assert.Equal(0, await ledger.CountAsync($"SELECT COUNT(*) FROM observability_traffic_total WHERE step_seconds = 900"));
        Assert.Equal(0, await ledger.CountAsync(
            $"SELECT COUNT(*) FROM observability_traffic_closed WHERE step_seconds IN {(List<long>)[900, ClosedTotals.Mark(900)]}"));
        Assert.NotEqual(0, await ledger.CountAsync($"SELECT COUNT(*) FROM observability_traffic_total WHERE step_seconds = 3600"));
        Assert.Equal(before, (await SumsAsync(ledger, all))[0]);
        await AssertInvariantsAsync(ledger);

        // Hours are kept for good, and their totals as long as a chart of hours reaches.
        ledger.Clock.Now = Midnight.AddDays(70);
        await new RetentionStore(ledger.Db).DeleteExpiredAsync(ledger.Clock.Now, Ct);
        await CloseAsync(ledger);
        Assert.Equal(0, await ledger.CountAsync($"SELECT COUNT(*) FROM observability_traffic_total WHERE step_seconds = 3600"));
        Assert.Equal(0, await ledger.CountAsync(
            $"SELECT COUNT(*) FROM observability_traffic_closed WHERE step_seconds = {ClosedTotals.Mark(3600)}"));
        Assert.NotEqual(0, await ledger.CountAsync($"SELECT COUNT(*) FROM observability_traffic_total WHERE step_seconds = 21600"));
        Assert.Equal(before, (await SumsAsync(ledger, all))[0]);
        await AssertInvariantsAsync(ledger);
    }

    /// <summary>A series from totals and shares from sums that tell more apart are of the same calls.</summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task An_overview_adds_up_to_its_shares(string kind)
    {
        await using var ledger = await FillAsync(kind);
        await CloseAsync(ledger);
        TrafficDimension[] all = [TrafficDimension.System, TrafficDimension.Model, TrafficDimension.Environment];

        foreach (var step in (TimeSpan[])[TimeSpan.FromDays(1), TimeSpan.FromHours(6), TimeSpan.FromMinutes(15)])
        {
            var picture = await ledger.Traffic.PictureAsync(
                TestLedger.Admin, new CallFilter(Midnight.AddMinutes(7.5), Midnight.AddDays(3).AddHours(1)), step, all, Ct);

            Assert.NotEqual(0, picture.Traffic.Total.Calls);
            foreach (var dimension in all)
            {
                Assert.Equal(
                    (picture.Traffic.Total.Calls, picture.Traffic.Total.CostUsd, picture.Traffic.Total.InputTokens),
                    (picture.Shares[dimension].Sum(s => s.Sum.Calls), picture.Shares[dimension].Sum(s => s.Sum.CostUsd),
                        picture.Shares[dimension].Sum(s => s.Sum.InputTokens)));
            }
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task A_call_that_comes_late_is_in_the_sums_at_once_and_in_the_days_again_later(string kind)
    {
        await using var ledger = await FillAsync(kind);
        await CloseAsync(ledger);
        var day = new CallFilter(From: Midnight.AddDays(1), To: Midnight.AddDays(2));
        var calls = (await ledger.Traffic.SeriesAsync(TestLedger.Admin, day, TimeSpan.FromDays(1), Ct)).Total.Calls;

        await ledger.RecordAsync(TestLedger.Call(Blue, 77, Midnight.AddDays(1).AddHours(9)));

        Assert.Equal(calls + 1, (await ledger.Traffic.SeriesAsync(TestLedger.Admin, day, TimeSpan.FromDays(1), Ct)).Total.Calls);
        Assert.Equal(2, await ledger.CountAsync($"SELECT COUNT(*) FROM observability_traffic_closed WHERE step_seconds = 86400"));
        await CloseAsync(ledger);
        Assert.Equal(3, await ledger.CountAsync($"SELECT COUNT(*) FROM observability_traffic_closed WHERE step_seconds = 86400"));
        Assert.Equal(calls + 1, await ledger.CountAsync(
            $"SELECT CAST(SUM(calls) AS BIGINT) FROM observability_traffic WHERE step_seconds = 86400 AND bucket_at = {Midnight.AddDays(1)}"));
        await AssertInvariantsAsync(ledger);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Two_nodes_close_the_same_time_once_and_an_hour_that_is_not_over_stays_open(string kind)
    {
        await using var ledger = await FillAsync(kind);
        await using var other = ledger.Database.Open();
        ledger.Clock.Now = Midnight.AddDays(1).AddMinutes(10);

        await Task.WhenAll(CloseAsync(ledger), new ClosedBuckets(other, ledger.Clock).CloseDueAsync(Ct));

        Assert.Equal(0, await ledger.CountAsync($"SELECT COUNT(*) FROM observability_traffic_closed WHERE step_seconds = 86400"));
        Assert.Equal(3, await ledger.CountAsync($"SELECT COUNT(*) FROM observability_traffic_closed WHERE step_seconds = 21600"));
        await AssertInvariantsAsync(ledger);
    }

    /// <summary>Whether time is over was once the clock's word alone, on both sides.</summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task A_call_is_in_the_sums_though_a_node_whose_clock_is_ahead_closed_its_time(string kind)
    {
        await using var ledger = await FillAsync(kind);
        var today = new CallFilter(From: Midnight.AddDays(3), To: Midnight.AddDays(4));
        var calls = (await ledger.Traffic.SeriesAsync(TestLedger.Admin, today, TimeSpan.FromDays(1), Ct)).Total.Calls;
        await using var ahead = ledger.Database.Open();
        await new ClosedBuckets(ahead, new SettableClock(ledger.Clock.Now.AddDays(2))).CloseDueAsync(Ct);
        Assert.Equal(5, await ledger.CountAsync($"SELECT COUNT(*) FROM observability_traffic_closed WHERE step_seconds = 86400"));

        await ledger.RecordAsync(TestLedger.Call(Blue, 78, ledger.Clock.Now));

        ledger.Clock.Now = ledger.Clock.Now.AddDays(2);
        foreach (var step in (TimeSpan[])[TimeSpan.FromDays(1), TimeSpan.FromHours(6), TimeSpan.FromMinutes(15)])
        {
            Assert.Equal(calls + 1, (await ledger.Traffic.SeriesAsync(TestLedger.Admin, today, step, Ct)).Total.Calls);
        }

        await AssertInvariantsAsync(ledger);
    }

    /// <summary>A node of a version that does not know this table adds to hours and minutes, and takes nothing out.</summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task What_an_older_version_added_late_is_found_by_comparing(string kind)
    {
        await using var ledger = await FillAsync(kind);
        await CloseAsync(ledger);
        var day = new CallFilter(From: Midnight.AddDays(2), To: Midnight.AddDays(3));
        var calls = (await ledger.Traffic.SeriesAsync(TestLedger.Admin, day, TimeSpan.FromDays(1), Ct)).Total.Calls;
        var buckets = new ClosedBuckets(ledger.Db, ledger.Clock);
        Assert.Equal(0, await buckets.ReopenDifferingAsync(Ct));
        var closed = await ledger.Db.QueryAsync(
            $"SELECT step_seconds, bucket_at FROM observability_traffic_closed", row => new object?[] { row.Long(0), row.Long(1) }, Ct);

        await ledger.RecordAsync(TestLedger.Call(Blue, 79, Midnight.AddDays(3).AddMinutes(-1)));
        await ledger.Db.ExecuteAsync($"DELETE FROM observability_traffic_closed", Ct);
        await ledger.Db.InsertManyAsync("observability_traffic_closed", ["step_seconds", "bucket_at"], closed, Ct);

        Assert.InRange(await buckets.ReopenDifferingAsync(Ct), 1, 4);
        Assert.Equal(calls + 1, (await ledger.Traffic.SeriesAsync(TestLedger.Admin, day, TimeSpan.FromDays(1), Ct)).Total.Calls);
        await CloseAsync(ledger);
        Assert.Equal(calls + 1, (await ledger.Traffic.SeriesAsync(TestLedger.Admin, day, TimeSpan.FromDays(1), Ct)).Total.Calls);
        await AssertInvariantsAsync(ledger);
    }

    /// <summary>A node of a version that knows days, but neither totals nor longer sums, once left these for good.</summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task What_an_older_version_priced_again_long_ago_is_found_by_comparing_all(string kind)
    {
        await using var ledger = await TestLedger.StartAsync(kind);
        var now = ledger.Clock.Now = Midnight.AddDays(100).AddHours(2);
        DateTimeOffset[] times = [Midnight.AddDays(1).AddHours(9), now.AddDays(-8)]; // beyond what totals of hours reach, and within
        await ledger.RecordAsync(
            TestLedger.Call(Red, 1, times[0]), TestLedger.Call(Red, 2, times[1]), TestLedger.Call(Blue, 3, times[0]));
        await ledger.Db.ExecuteAsync($"DELETE FROM observability_traffic WHERE step_seconds = 60", Ct);
        await CloseAsync(ledger);
        var marks = await MarksAsync();
        var buckets = new ClosedBuckets(ledger.Db, ledger.Clock);
        Assert.Equal(0, await buckets.ReopenAllDifferingAsync(Ct));

        foreach (var closesAgain in (bool[])[false, true])
        {
            var before = await CostAsync();
            await ledger.Db.ExecuteAsync(
                $"""
                UPDATE observability_call SET repriced_at = {now}, cost_nanos = COALESCE(cost_nanos, 0) + 7000000,
                    first_cost_nanos = CASE WHEN repriced_at IS NULL THEN cost_nanos ELSE first_cost_nanos END
                WHERE shape IN (SELECT number FROM observability_call_shape WHERE team_id = {Red})
                """,
                Ct);
            await AddAsync($"observability_traffic", closesAgain ? [3600, 21_600, 86_400] : [3600]);
            foreach (var step in closesAgain ? (long[])[SpendingSums.Step] : [SpendingSums.Step, 21_600, 86_400])
            {
                foreach (var time in times)
                {
                    var at = time.AddTicks(-((time - DateTimeOffset.UnixEpoch).Ticks % TimeSpan.FromSeconds(Math.Abs(step)).Ticks));
                    Assert.Equal(1, await ledger.Db.ExecuteAsync(
                        $"DELETE FROM observability_traffic_closed WHERE step_seconds = {step} AND bucket_at = {at}", Ct));
                }
            }

            Assert.Equal(before, await CostAsync());
            Assert.Equal(0, await buckets.ReopenDifferingAsync(Ct)); // of these days alone
            Assert.InRange(await buckets.ReopenAllDifferingAsync(Ct), 1, 10);
            await AssertMendedAsync();
            Assert.Equal(before + 0.014m, await CostAsync());
        }

        foreach (var step in (long[])[345_600, 1_382_400])
        {
            await AddAsync($"observability_traffic", [step]);
            Assert.InRange(await buckets.ReopenAllDifferingAsync(Ct), 1, 4);
            await AssertMendedAsync();
        }

        foreach (var step in (long[])[3600, 21_600, 86_400])
        {
            await AddAsync($"observability_traffic_total", [step]);
            Assert.InRange(await buckets.ReopenAllDifferingAsync(Ct), 1, 2);
            await AssertMendedAsync();
        }

        async Task AddAsync(FormattableString table, IReadOnlyList<long> steps) => Assert.NotEqual(0, await ledger.Db.ExecuteAsync(
            $"UPDATE {table} SET cost_nanos = cost_nanos + 7000000 WHERE step_seconds IN {steps} AND team_id = {Red}", Ct));

        async Task<decimal> CostAsync() => (await ledger.Traffic.SeriesAsync(
            TestLedger.Admin, new CallFilter(From: Midnight, To: Midnight.AddDays(100)), TimeSpan.FromDays(1), Ct)).Total.CostUsd;

        Task<List<(long, long)>> MarksAsync() => ledger.Db.QueryAsync(
            $"SELECT step_seconds, bucket_at FROM observability_traffic_closed ORDER BY step_seconds, bucket_at",
            row => (row.Long(0), row.Long(1)),
            Ct);

        async Task AssertMendedAsync()
        {
            await CloseAsync(ledger);
            Assert.Equal(marks, await MarksAsync());
            await AssertInvariantsAsync(ledger);
        }
    }

    /// <summary>A node that was slower once made it again, and took out what had been made of it.</summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task What_another_node_closed_is_not_made_again(string kind)
    {
        await using var ledger = await FillAsync(kind);
        await CloseAsync(ledger);
        var at = (Midnight.AddDays(1) - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond;
        var marks = await ledger.CountAsync($"SELECT COUNT(*) FROM observability_traffic_closed");
        await ledger.Db.ExecuteAsync($"DELETE FROM observability_traffic_total WHERE step_seconds = 21600 AND bucket_at = {at}", Ct);

        await ledger.Db.TransactionAsync(sql => ClosedBuckets.CloseAsync(sql, 21_600, 3600, at, Ct), Ct);
        await ledger.Db.TransactionAsync(sql => ClosedBuckets.CloseTotalsAsync(sql, 21_600, at, Ct), Ct);

        Assert.Equal(marks, await ledger.CountAsync($"SELECT COUNT(*) FROM observability_traffic_closed"));
        Assert.Equal(0, await ledger.CountAsync(
            $"SELECT COUNT(*) FROM observability_traffic_total WHERE step_seconds = 21600 AND bucket_at = {at}"));
    }

    /// <summary>The oldest quarter of an hour whose minutes are half deleted is no fault of the sums.</summary>
    [Fact]
    public async Task Time_whose_minutes_are_being_deleted_is_not_compared_by_halves()
    {
        await using var ledger = await FillAsync("sqlite");
        await CloseAsync(ledger);
        ledger.Clock.Now = Midnight.AddDays(9).AddHours(3).AddMinutes(7).AddSeconds(31);
        await ledger.Db.ExecuteAsync(
            $"DELETE FROM observability_traffic WHERE step_seconds = 60 AND bucket_at < {ledger.Clock.Now - TrafficReader.MinutesKept}", Ct);

        await AssertInvariantsAsync(ledger);
    }

    /// <summary>Charts showed too few calls, and the doctor failed for a week.</summary>
    [Theory]
    [MemberData(nameof(KindsAndMarks))]
    public async Task Minutes_that_a_wrong_clock_deleted_are_summed_from_calls_and_are_no_fault(string kind, bool isMarked)
    {
        await using var ledger = await FillAsync(kind);
        await CloseAsync(ledger);
        var filters = (CallFilter[])
        [
            new(From: Midnight, To: Midnight.AddDays(4)),
            new(From: Midnight.AddHours(5.51), To: Midnight.AddDays(3).AddMinutes(17.3)),
            new(From: Midnight.AddMinutes(14), To: Midnight.AddMinutes(61)),
        ];
        var before = await AllAsync();

        await new RetentionStore(ledger.Db).DeleteExpiredAsync(ledger.Clock.Now.AddDays(20), Ct);
        if (!isMarked)
        {
            // As a version left it that did not know of this, and found by the next one.
            await ledger.Db.ExecuteAsync($"DELETE FROM observability_traffic_closed WHERE step_seconds = -60", Ct);
            var found = Migrations.Read(typeof(ObservabilityModule).Assembly).Single(m => m is { Module: "Observability", Number: 14 });
            await ledger.Db.TransactionAsync(sql => sql.RunScriptAsync(found.Script, Ct), Ct);
        }

        Assert.Equal(0, await ledger.CountAsync($"SELECT COUNT(*) FROM observability_traffic WHERE step_seconds = 60"));
        await AssertInvariantsAsync(ledger);
        Assert.Equal(before, await AllAsync());
        ledger.Clock.Now += TimeSpan.FromHours(2);
        await CloseAsync(ledger);
        Assert.Equal(before, await AllAsync());
        await ledger.RecordAsync(TestLedger.Call(Blue, 1, Midnight.AddDays(3).AddHours(3.5)));
        await CloseAsync(ledger);
        await AssertInvariantsAsync(ledger);
        await ledger.Db.ExecuteAsync($"UPDATE observability_traffic SET calls = calls + 1 WHERE step_seconds = 60", Ct);
        var minutes = (await ledger.Db.SnapshotAsync(
            sql => LedgerInvariants.CheckAsync(sql, ledger.JournalDirectory, ledger.Clock, Ct), Ct)).Single(r => r.Subject == "minutes");

        Assert.Single(minutes.Faults); // what came after is looked at

        async Task<List<string>> AllAsync()
        {
            var all = new List<string>();
            foreach (var filter in filters)
            {
                all.AddRange(await SumsAsync(ledger, filter));
            }

            return all;
        }
    }

    private static async Task<TestLedger> FillAsync(string kind)
    {
        var ledger = await TestLedger.StartAsync(kind);
        var random = new Random(5);
        ledger.Clock.Now = Midnight.AddDays(3).AddHours(2);
        await ledger.RecordAsync(Enumerable.Range(0, 1500).Select(i =>
            TestLedger.Call(i % 3 == 0 ? Red : Blue, i, Midnight.AddMicroseconds(random.NextInt64(0, 74L * 3600 * 1_000_000)))));
        return ledger;
    }

    private static Task CloseAsync(TestLedger ledger) => new ClosedBuckets(ledger.Db, ledger.Clock).CloseDueAsync(Ct);

    private static async Task<List<string>> SumsAsync(TestLedger ledger, CallFilter filter)
    {
        var sums = new List<string>();
        foreach (var step in (TimeSpan[])[TimeSpan.FromDays(1), TimeSpan.FromHours(6), TimeSpan.FromHours(1), TimeSpan.FromMinutes(15)])
        {
            var traffic = await ledger.Traffic.SeriesAsync(TestLedger.Admin, filter, step, Ct);
            sums.Add($"{traffic.Total}");
            sums.Add(string.Join(' ', traffic.Points.Select(p => p.Sum)));
        }

        foreach (var share in await ledger.Traffic.ByAsync(TestLedger.Admin, filter, TrafficDimension.Model, Ct))
        {
            sums.Add($"{share}");
        }

        return sums;
    }

    private static async Task AssertInvariantsAsync(TestLedger ledger)
    {
        var reports = await ledger.Db.SnapshotAsync(
            sql => LedgerInvariants.CheckAsync(sql, ledger.JournalDirectory, ledger.Clock, Ct), Ct);
        Assert.All(reports, report => Assert.True(report.Faults.Count == 0, string.Join(' ', report.Faults)));
        Assert.Contains(reports, report => report is { Subject: "closed", Checked: > 0 });
    }
}
