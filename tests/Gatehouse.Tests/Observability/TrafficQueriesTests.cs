using System.Globalization;
using System.Text.RegularExpressions;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Journal;
using Gatehouse.Gateway.Routing;
using Gatehouse.Observability;
using Gatehouse.Observability.Ledger;
using Gatehouse.Observability.Rollups;
using Gatehouse.Observability.Traces;
using Gatehouse.Tests.Storage;

namespace Gatehouse.Tests.Observability;

public class TrafficQueriesTests
{
    public static readonly TheoryData<string> Kinds = TestDatabases.Kinds;

    private static readonly Guid Blue = Guid.CreateVersion7();
    private static readonly Guid Red = Guid.CreateVersion7();

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Sums_over_any_range_and_filter_are_those_of_the_calls_that_the_list_shows(string kind)
    {
        await using var ledger = await TestLedger.StartAsync(kind);
        var random = new Random(3);
        await ledger.RecordAsync(Enumerable.Range(0, 3000).Select(i =>
            TestLedger.Call(i % 3 == 0 ? Red : Blue, i, Samples.Noon.AddMicroseconds(random.NextInt64(0, 6L * 3600 * 1_000_000)))));
        ledger.Clock.Now = Samples.Noon.AddHours(6);
        var whole = new CallFilter(From: Samples.Noon, To: Samples.Noon.AddHours(6));
        var ragged = new CallFilter(From: Samples.Noon.AddMinutes(17).AddSeconds(3.5), To: Samples.Noon.AddHours(4).AddSeconds(59.25));
        var short1 = new CallFilter(From: Samples.Noon.AddSeconds(61), To: Samples.Noon.AddSeconds(118));

        foreach (var filter in (CallFilter[])
        [
            whole, ragged, short1,
            whole with { TeamId = Blue },
            ragged with { SystemId = new Guid(1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 1) },
            ragged with { Environment = SystemEnvironment.Production, Route = "route-0" },
            ragged with { Provider = "provider-1", Model = "model-2" },
            ragged with { Provider = "" },
            ragged with { Outcome = CallOutcome.Failed },
            ragged with { Outcome = CallOutcome.Refused },
            ragged with { ErrorCode = "error_1" },
            ragged with { ErrorCode = "", TeamId = Red },
            ragged with { Unpriced = true },
            whole with { Unpriced = true, Model = "model-1" },
            ragged with { Search = "req_1" },
            ragged with { Cached = true },
            whole with { Cached = true, Provider = "provider-1" },
        ])
        {
            var listed = await ListAllAsync(ledger, filter);
            var shown = listed.ToHashSet();
            foreach (var step in (TimeSpan[])[
                TimeSpan.FromMinutes(1), TimeSpan.FromMinutes(15), TimeSpan.FromHours(1), TimeSpan.FromDays(1)])
            {
                var traffic = await ledger.Traffic.SeriesAsync(TestLedger.Admin, filter, step, CancellationToken.None);
                AssertSums(listed, traffic.Total);
                Assert.Equal(traffic.Total.Calls, traffic.Points.Sum(p => p.Sum.Calls));
                Assert.Equal(traffic.Total.CostUsd, traffic.Points.Sum(p => p.Sum.CostUsd));
                foreach (var point in traffic.Points)
                {
                    AssertSums([.. listed.Where(c => c.StartedAt >= point.At && c.StartedAt < point.At + step)], point.Sum);
                }
            }

            foreach (var dimension in Enum.GetValues<TrafficDimension>())
            {
                var shares = await ledger.Traffic.ByAsync(TestLedger.Admin, filter, dimension, CancellationToken.None);
                Assert.Equal(
                    listed.Count(c => dimension != TrafficDimension.Error || c.ErrorCode is not null), shares.Sum(s => s.Sum.Calls));
                foreach (var share in shares)
                {
                    AssertSums([.. (await ListAllAsync(ledger, Narrow(whole, dimension, share.Key))).Where(shown.Contains)], share.Sum);
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Empty_buckets_are_points_without_percentiles(string kind)
    {
        await using var ledger = await TestLedger.StartAsync(kind);
        var answered = TestLedger.Call(Blue, 1, Samples.Noon.AddMinutes(1));
        answered.Outcome = CallOutcome.Ok;
        await ledger.RecordAsync(answered);

        var traffic = await ledger.Traffic.SeriesAsync(
            TestLedger.Admin, new CallFilter(From: Samples.Noon, To: Samples.Noon.AddMinutes(5)), TimeSpan.FromMinutes(1),
            CancellationToken.None);

        Assert.Equal([0, 1, 0, 0, 0], traffic.Points.Select(p => p.Sum.Calls));
        Assert.Null(traffic.Points[0].Sum.P50Micros);
        Assert.NotNull(traffic.Points[1].Sum.P50Micros);
        Assert.Equal(Samples.Noon.AddMinutes(4), traffic.Points[^1].At);
    }

    /// <summary>Refusals of a few microseconds once pulled the median of a busy hour down to nothing.</summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Refusals_and_failures_do_not_move_the_latency_of_answers(string kind)
    {
        await using var ledger = await TestLedger.StartAsync(kind);
        var calls = new[] { CallOutcome.Ok, CallOutcome.Refused, CallOutcome.Refused, CallOutcome.Failed }.Select((outcome, i) =>
        {
            var call = TestLedger.Call(Blue, i, Samples.Noon.AddMinutes(1));
            call.Outcome = outcome;
            call.DurationMicros = outcome == CallOutcome.Ok ? 500_000 : outcome == CallOutcome.Failed ? 60_000_000 : 20;
            call.OwnMicros = outcome == CallOutcome.Ok ? 100 : 5;
            return call;
        });
        await ledger.RecordAsync(calls);

        var sum = (await ledger.Traffic.SeriesAsync(
            TestLedger.Admin, new CallFilter(From: Samples.Noon, To: Samples.Noon.AddMinutes(5)), TimeSpan.FromMinutes(5),
            CancellationToken.None)).Total;

        Assert.Equal((4, 2, 1), (sum.Calls, sum.Refused, sum.Failed));
        AssertPercentile([500_000], 0.5, sum.P50Micros);
        AssertPercentile([500_000], 0.99, sum.P99Micros);
        AssertPercentile([100], 0.5, sum.OwnP50Micros);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Minutes_that_retention_took_are_still_summed_exactly(string kind)
    {
        await using var ledger = await TestLedger.StartAsync(kind);
        await ledger.RecordAsync(Enumerable.Range(0, 300).Select(i => TestLedger.Call(Blue, i, Samples.Noon.AddMinutes(i))));
        ledger.Clock.Now = Samples.Noon.AddDays(10);
        await new RetentionStore(ledger.Db).DeleteExpiredAsync(ledger.Clock.Now, CancellationToken.None);
        var filter = new CallFilter(From: Samples.Noon.AddMinutes(30), To: Samples.Noon.AddMinutes(250));

        foreach (var step in (TimeSpan[])[TimeSpan.FromMinutes(5), TimeSpan.FromHours(1)])
        {
            Assert.Equal(220, (await ledger.Traffic.SeriesAsync(TestLedger.Admin, filter, step, CancellationToken.None)).Total.Calls);
        }
    }

    [Fact]
    public async Task A_wrong_step_or_range_is_named()
    {
        await using var ledger = await TestLedger.StartAsync("sqlite");
        var day = new CallFilter(From: Samples.Noon, To: Samples.Noon.AddDays(30));

        Assert.Equal("step", await FieldAsync(day, TimeSpan.FromMinutes(7)));
        Assert.Equal("step", await FieldAsync(day, TimeSpan.FromMinutes(1)));
        Assert.Equal("from", await FieldAsync(day with { To = Samples.Noon }, TimeSpan.FromHours(1)));

        async Task<string?> FieldAsync(CallFilter filter, TimeSpan step) =>
            (await Assert.ThrowsAsync<ProblemException>(
                () => ledger.Traffic.SeriesAsync(TestLedger.Admin, filter, step, CancellationToken.None))).Problem.Field;
    }

    [Fact]
    public void The_step_chosen_for_a_range_is_allowed_and_gives_a_readable_number_of_points()
    {
        foreach (var hours in (double[])[0.25, 1, 6, 24, 24 * 7, 24 * 30, 24 * 365])
        {
            var step = TrafficQueries.StepFor(Samples.Noon, Samples.Noon.AddHours(hours));

            Assert.Contains(step, TrafficQueries.Steps);
            Assert.InRange(TimeSpan.FromHours(hours) / step, 1, 366);
        }
    }

    /// <summary>Asserted by the rows that there are to read, not by time: 40,000 calls of a day are some hundred sums.</summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Forty_thousand_calls_are_summed_from_few_rows(string kind)
    {
        await using var ledger = await TestLedger.StartAsync(kind);
        const int calls = 40_000;
        const int batch = 10_000;
        var day = TimeSpan.FromDays(1);
        var position = await ledger.Store.FindPositionAsync("bulk", CancellationToken.None);
        for (var i = 0; i < calls; i += batch)
        {
            var entries = new List<LedgerEntry>(batch);
            for (var j = i; j < i + batch; j++)
            {
                var record = TestLedger.Call(Blue, j % 40, Samples.Noon + (day * ((double)j / calls)));
                record.Attempts = [];
                entries.Add(LedgerEntry.Of(record));
            }

            var next = new JournalPosition(1, i + batch);
            Assert.Equal(
                batch, await ledger.Store.WriteAsync(
                    "bulk", position, next, entries, new ProviderPlaces(GatewayTable.Empty), CancellationToken.None));
            position = next;
        }

        ledger.Clock.Now = Samples.Noon + day;
        var filter = new CallFilter(From: Samples.Noon, To: Samples.Noon + day);
        var series = await ledger.Traffic.SeriesAsync(TestLedger.Admin, filter, TimeSpan.FromHours(1), CancellationToken.None);
        var hours = await ledger.CountAsync($"SELECT COUNT(*) FROM observability_traffic WHERE step_seconds = 3600");

        Assert.Equal(calls, series.Total.Calls);
        Assert.True(hours < 24 * 41, $"{hours} rows per hour");

        // The roll-ups alone give the sum: nothing of it comes from the ledger.
        await ledger.Db.ExecuteAsync($"DELETE FROM observability_call", CancellationToken.None);
        Assert.Equal(
            series.Total,
            (await ledger.Traffic.SeriesAsync(TestLedger.Admin, filter, TimeSpan.FromHours(1), CancellationToken.None)).Total);
        Assert.Equal(
            calls, (await ledger.Traffic.ByAsync(TestLedger.Admin, filter, TrafficDimension.Model, CancellationToken.None)).Sum(
                s => s.Sum.Calls));
        await AssertPlanAsync(ledger, kind);
    }

    private static async Task AssertPlanAsync(TestLedger ledger, string kind)
    {
        var from = (Samples.Noon - DateTimeOffset.UnixEpoch).Ticks / 10;
        List<string> plan;
        if (kind == "sqlite")
        {
            plan = await ledger.Db.QueryAsync(
                $"EXPLAIN QUERY PLAN SELECT calls FROM observability_traffic WHERE step_seconds = 3600 AND bucket_at >= {from}",
                row => row.Text(3),
                CancellationToken.None);
        }
        else
        {
            await ledger.Db.ExecuteAsync($"ANALYZE observability_traffic", CancellationToken.None);
            plan = await ledger.Db.QueryAsync(
                $"EXPLAIN SELECT calls FROM observability_traffic WHERE step_seconds = 3600 AND bucket_at >= {from}",
                row => row.Text(0),
                CancellationToken.None);
        }

        Assert.Contains(plan, line => line.Contains("observability_traffic_bucket", StringComparison.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task A_call_that_was_answered_at_an_unknown_cost_is_counted_as_unpriced(string kind)
    {
        await using var ledger = await TestLedger.StartAsync(kind);
        var silent = Call(CallOutcome.Ok, "model-1");
        var broken = Call(CallOutcome.Failed, "model-1");
        var unreachable = Call(CallOutcome.Failed, null);
        await ledger.RecordAsync(silent, broken, unreachable);

        var stored = await ledger.CountAsync($"SELECT unpriced_calls FROM observability_traffic WHERE step_seconds = 60");
        var read = await ledger.Traffic.SeriesAsync(
            TestLedger.Admin, new CallFilter(Samples.Noon, Samples.Noon.AddSeconds(7)), TimeSpan.FromMinutes(1), CancellationToken.None);

        Assert.Equal((2, 2), (stored, read.Total.UnpricedCalls));

        static CallRecord Call(CallOutcome outcome, string? answeredModel)
        {
            var record = TestLedger.Call(Guid.CreateVersion7(), seed: 1, Samples.Noon);
            (record.Outcome, record.Usage, record.CostNanos, record.AnsweredModel) = (outcome, null, null, answeredModel);
            return record;
        }
    }

    /// <summary>Tokens of audio and images were once missing at the ends of a range, where calls are added up one by one.</summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task A_call_is_the_same_in_a_sum_whether_its_minute_is_summed_or_cut(string kind)
    {
        await using var ledger = await TestLedger.StartAsync(kind);
        var call = TestLedger.Call(Blue, 1, Samples.Noon.AddSeconds(5));
        (call.Status, call.Outcome, call.Cache, call.SavedNanos) = (200, CallOutcome.Ok, CacheUse.Hit, 77);
        (call.Usage, call.CostNanos) = (new TokenUsage(1, 20, 300, 4000, 5, 60, 70_000, 800_000, 900), 1234);
        call.Saved = new TokenUsage(1, 2, 3, 4, 5, 6, 7, 8, 9);
        await ledger.RecordAsync(call);
        ledger.Clock.Now = Samples.Noon.AddMinutes(2);

        var whole = await SumAsync(Samples.Noon, Samples.Noon.AddMinutes(1));
        var cut = await SumAsync(Samples.Noon.AddSeconds(3), Samples.Noon.AddSeconds(7));

        Assert.Equal((874_321, 965, 1, 45), (whole.InputTokens, whole.OutputTokens, whole.CachedCalls, whole.SavedTokens));
        Assert.Equal(whole, cut);

        async Task<TrafficSum> SumAsync(DateTimeOffset from, DateTimeOffset to) => (await ledger.Traffic.SeriesAsync(
            TestLedger.Admin, new CallFilter(from, to), TimeSpan.FromMinutes(1), CancellationToken.None)).Total;
    }

    /// <summary>One key could once make as many rows of sums as it could think of names.</summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Names_that_nobody_knows_are_one_row_of_the_sums_and_stay_in_the_ledger(string kind)
    {
        await using var ledger = await TestLedger.StartAsync(kind);
        await ledger.RecordAsync(Enumerable.Range(0, 300).Select(i => Unknown(i, Samples.Noon.AddSeconds(i * 20))));
        ledger.Clock.Now = Samples.Noon.AddHours(2);
        var filter = new CallFilter(From: Samples.Noon.AddSeconds(30), To: Samples.Noon.AddHours(2));

        var routes = await ledger.Traffic.ByAsync(TestLedger.Admin, filter, TrafficDimension.Route, CancellationToken.None);
        var models = await ledger.Traffic.ByAsync(TestLedger.Admin, filter, TrafficDimension.Model, CancellationToken.None);
        var listed = await ListAllAsync(ledger, filter with { Route = CallFilter.UnknownRoute });

        Assert.Equal(2 * 2, await ledger.CountAsync($"SELECT COUNT(*) FROM observability_traffic WHERE step_seconds = 3600"));
        Assert.Equal((CallFilter.UnknownRoute, "unknown route", 298L), (routes[0].Key, routes[0].Name, Assert.Single(routes).Sum.Calls));
        Assert.Equal(["(none)", "unknown model"], models.Select(m => m.Name).Order());
        AssertSums(listed, routes[0].Sum);
        Assert.Contains("guess-150", listed.Select(c => c.Route));
        foreach (var narrow in (CallFilter[])[
            filter with { Route = "guess-150" }, filter with { Route = "guess-151" }, filter with { Model = "guess-151" }])
        {
            var one = await ledger.Traffic.SeriesAsync(TestLedger.Admin, narrow, TimeSpan.FromHours(1), CancellationToken.None);
            AssertSums(await ListAllAsync(ledger, narrow), one.Total);
            Assert.Equal(1, one.Total.Calls);
        }

        // Even ones: no route has the name. Odd ones: a route for all names passed it on, and the provider did not know it.
        static CallRecord Unknown(int i, DateTimeOffset at)
        {
            var call = TestLedger.Call(Blue, 1, at);
            call.RequestId += i;
            call.Environment = SystemEnvironment.Development;
            call.Route = $"guess-{i}";
            call.Status = 404;
            call.ErrorCode = "model_not_found";
            call.Outcome = i % 2 == 0 ? CallOutcome.Refused : CallOutcome.Failed;
            (call.Provider, call.Model) = i % 2 == 0 ? (null, null) : ("open", call.Route);
            (call.Usage, call.CostNanos, call.AnsweredModel, call.Attempts) = (null, null, null, []);
            return call;
        }
    }

    /// <summary>A hurried restart made every provider look ill that was asked at that moment.</summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task A_call_that_Gatehouse_cut_as_it_stopped_is_no_failure_of_its_provider(string kind)
    {
        await using var ledger = await TestLedger.StartAsync(kind);
        await ledger.RecordAsync(Enumerable.Range(0, 3).Select(i =>
        {
            var call = TestLedger.Call(Blue, 5, Samples.Noon.AddMinutes(20 * i));
            call.RequestId += i;
            var code = i == 0 ? "upstream_unreachable" : "server_stopped";
            (call.Outcome, call.Status, call.ErrorCode, call.Route) = (CallOutcome.Failed, 503, code, "r");
            (call.Provider, call.Model, call.AnsweredModel) = ("first", "m1", null);
            call.Attempts = i == 0
                ? [new CallAttempt("first", "m1", 0, null, null, 0, 0, code, "no answer")]
                : [
                    new CallAttempt("first", "m1", 0, null, null, 0, 0, code, "stopped"),
                    new CallAttempt("second", "m2", 0, null, null, 0, 0, code, "stopped"),
                ];
            return call;
        }));
        ledger.Clock.Now = Samples.Noon.AddHours(3);
        foreach (var filter in (CallFilter[])[
            new(From: Samples.Noon, To: Samples.Noon.AddHours(1)), new(From: Samples.Noon.AddSeconds(-1), To: Samples.Noon.AddMinutes(59))])
        {
            var picture = await ledger.Traffic.PictureAsync(
                TestLedger.Admin, filter, TimeSpan.FromMinutes(15), [TrafficDimension.Provider, TrafficDimension.Route],
                CancellationToken.None);
            var models = await ledger.Traffic.ByAsync(TestLedger.Admin, filter, TrafficDimension.Model, CancellationToken.None);
            var targets = await ledger.Traffic.ByTargetAsync(
                TestLedger.Admin, filter, (_, provider, model) => $"{provider}/{model}", CancellationToken.None);

            var sums = (TrafficSum[])[
                Assert.Single(picture.Shares[TrafficDimension.Provider]).Sum, Assert.Single(models).Sum, Assert.Single(targets).Value];
            Assert.All(sums, s => Assert.Equal((3L, 1L, 2L, 0L), (s.Calls, s.Failed, s.Cancelled, s.FailedOver)));
            Assert.Equal((3L, 0L), (picture.Traffic.Total.Failed, picture.Traffic.Total.Cancelled));
            Assert.Equal(3, Assert.Single(picture.Shares[TrafficDimension.Route]).Sum.Failed);
        }

        var last = await ledger.Calls.NewestAsync(
            TestLedger.Admin,
            new CallFilter(From: Samples.Noon, Provider: "first", Outcome: CallOutcome.Failed, Limit: 1) { ButStopped = true },
            CancellationToken.None);
        Assert.Equal("upstream_unreachable", Assert.Single(last).ErrorCode);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Tokens_cost_and_failures_are_summed_under_the_target_that_had_them(string kind)
    {
        await using var ledger = await TestLedger.StartAsync(kind);
        var (first, last) = (new TokenUsage(100, 0, 0, 0, 7, 0), new TokenUsage(90, 0, 0, 0, 20, 0));
        await ledger.RecordAsync(Enumerable.Range(0, 3).Select(i =>
        {
            var call = TestLedger.Call(Blue, 5, Samples.Noon.AddMinutes(20 * i));
            call.RequestId += i;
            (call.Outcome, call.Status, call.ErrorCode) = (CallOutcome.Ok, 200, null);
            (call.Provider, call.Model, call.AnsweredModel) = ("second", "m2", "m2");
            call.Usage = first.Plus(last);
            call.CostNanos = 5_000;
            call.Attempts =
            [
                new CallAttempt("down", "m0", 0, null, null, 0, 0, "upstream_unreachable", "no answer"),
                new CallAttempt("down", "m0", 0, null, null, 0, 503, "overloaded", "no answer"),
                new CallAttempt("slow", "m0", 0, null, null, 0, 0, "hedge_lost", "Another target was first."),
                new CallAttempt("first", "m1", 0, 1, 2, 3, 200, "upstream_stream_truncated", "cut", first, 0.000001m),
                new CallAttempt("second", "m2", 4, 5, 6, 7, 200, null, null, last, 0.000004m),
            ];
            return call;
        }));
        ledger.Clock.Now = Samples.Noon.AddHours(3);
        foreach (var whole in (bool[])[true, false])
        {
            // From roll-ups, and from single calls at the end of a ragged range.
            var filter = whole
                ? new CallFilter(From: Samples.Noon, To: Samples.Noon.AddHours(1))
                : new CallFilter(From: Samples.Noon.AddMinutes(40).AddSeconds(-1), To: Samples.Noon.AddMinutes(40).AddSeconds(1));
            var calls = whole ? 3 : 1;

            var providers = await ledger.Traffic.ByAsync(TestLedger.Admin, filter, TrafficDimension.Provider, CancellationToken.None);
            var models = await ledger.Traffic.ByAsync(TestLedger.Admin, filter, TrafficDimension.Model, CancellationToken.None);
            var asked = await ledger.Traffic.ByAsync(
                TestLedger.Admin, filter with { Provider = "first" }, TrafficDimension.Provider, CancellationToken.None);
            var searched = await ledger.Traffic.ByAsync(
                TestLedger.Admin, filter with { Provider = "first", Search = "req_5" }, TrafficDimension.Model, CancellationToken.None);
            var total = (await ledger.Traffic.SeriesAsync(TestLedger.Admin, filter, TimeSpan.FromHours(1), CancellationToken.None)).Total;

            Assert.Equal(
                [("second", calls, 90L * calls, 20L * calls, 0.000004m * calls), ("down", 0L, 0L, 0L, 0m),
                    ("first", 0L, 100L * calls, 7L * calls, 0.000001m * calls)],
                providers.Select(p => (p.Key, p.Sum.Calls, p.Sum.InputTokens, p.Sum.OutputTokens, p.Sum.CostUsd)));
            Assert.Equal([0, 2 * calls, calls], providers.Select(p => p.Sum.FailedOver));
            Assert.Equal(3 * calls, total.FailedOver);
            Assert.Equal(["m2", "m0", "m1"], models.Select(m => m.Key));
            Assert.Equal(providers[2].Sum, Assert.Single(asked).Sum);
            Assert.Equal(("m1", providers[2].Sum), (Assert.Single(searched).Key, searched[0].Sum));
            Assert.Equal(
                (calls, 190L * calls, 27L * calls, 0.000005m * calls), (total.Calls, total.InputTokens, total.OutputTokens, total.CostUsd));
        }
    }

    /// <summary>A search over months once added up every call of them, however many.</summary>
    [Fact]
    public async Task A_sum_that_would_read_too_many_calls_one_by_one_says_from_when_it_would_not()
    {
        await using var ledger = await TestLedger.StartAsync("sqlite");
        await ledger.RecordAsync(TestLedger.Call(Blue, 5, Samples.Noon));
        var shape = await ledger.CountAsync($"SELECT shape FROM observability_call");
        await ledger.Db.InsertManyAsync(
            "observability_call", ["id", "shape", "started_at", "recorded_at", "duration_micros", "own_micros"],
            [
                .. Enumerable.Range(1, TrafficReader.MostRead).Select(i => Samples.Noon.AddMilliseconds(20 * i))
                    .Select(at => new object?[] { Guid.CreateVersion7(at), shape, at, at, 1000, 10 }),
            ],
            CancellationToken.None);
        ledger.Clock.Now = Samples.Noon.AddHours(3);
        var search = new CallFilter(From: Samples.Noon.AddMinutes(-5), To: ledger.Clock.Now, Search: "no-such-word");

        var refused = await Assert.ThrowsAsync<ProblemException>(() =>
            ledger.Traffic.SeriesAsync(TestLedger.Admin, search, TimeSpan.FromHours(1), CancellationToken.None));

        Assert.Equal((400, "from"), (refused.Problem.Status, refused.Problem.Field));
        Assert.Contains("'from' must be 2026-03-01T12:01:01Z or later", refused.Problem.Message, StringComparison.Ordinal);
        foreach (var from in (DateTimeOffset[])[OldestSaidBy(refused.Problem), Samples.Noon.AddMinutes(2)])
        {
            var sums = await ledger.Traffic.SeriesAsync(
                TestLedger.Admin, search with { From = from }, TimeSpan.FromHours(1), CancellationToken.None);
            Assert.Equal(0, sums.Total.Calls);
        }
    }

    /// <summary>Calls of a name that is summed with others were once added up however many they were.</summary>
    [Fact]
    public async Task Calls_of_a_made_up_name_are_listed_and_summed_with_the_bounds_of_all_others()
    {
        await using var ledger = await TestLedger.StartAsync("sqlite");
        var call = TestLedger.Call(Blue, 5, Samples.Noon);
        (call.Route, call.Status, call.Outcome, call.Provider, call.Model) = ("guess", 404, CallOutcome.Refused, null, null);
        await ledger.RecordAsync(call);
        var shape = await ledger.CountAsync($"SELECT shape FROM observability_call");
        await ledger.Db.InsertManyAsync(
            "observability_call", ["id", "shape", "outside_shape", "started_at", "recorded_at", "duration_micros", "own_micros"],
            [
                .. Enumerable.Range(1, TrafficReader.MostRead).Select(i => Samples.Noon.AddMilliseconds(15 * i))
                    .Select(at => new object?[] { Guid.CreateVersion7(at), shape, shape, at, at, 1000, 10 }),
            ],
            CancellationToken.None);
        ledger.Clock.Now = Samples.Noon.AddHours(1);
        var named = new CallFilter(From: Samples.Noon.AddMinutes(-5), To: ledger.Clock.Now, Route: "guess", Limit: 500);

        var refused = await Assert.ThrowsAsync<ProblemException>(() =>
            ledger.Traffic.SeriesAsync(TestLedger.Admin, named, TimeSpan.FromHours(1), CancellationToken.None));
        Assert.Equal((TrafficQueries.TooManyToSum, "from"), (refused.Problem.Code, refused.Problem.Field));
        var narrower = named with { From = OldestSaidBy(refused.Problem) };
        await ledger.Traffic.SeriesAsync(TestLedger.Admin, narrower, TimeSpan.FromHours(1), CancellationToken.None);

        var first = await ledger.Calls.ListAsync(TestLedger.Admin, named, CancellationToken.None);
        var second = await ledger.Calls.ListAsync(TestLedger.Admin, named with { Before = first.Next }, CancellationToken.None);
        var expected = await ledger.Db.QueryAsync(
            $"SELECT id FROM observability_call ORDER BY id DESC LIMIT 1000", row => row.Id(0), CancellationToken.None);
        Assert.Equal(expected, first.Calls.Concat(second.Calls).Select(c => c.Id));
    }

    private static DateTimeOffset OldestSaidBy(Problem problem) => DateTimeOffset.Parse(
        Regex.Match(problem.Message, "'from' must be (\\S+) or later").Groups[1].Value, CultureInfo.InvariantCulture);

    /// <summary>Time before the first call and after the last one once cost a statement for each three days of it.</summary>
    [Fact]
    public async Task A_range_that_is_mostly_empty_takes_few_statements()
    {
        await using var ledger = await TestLedger.StartAsync("sqlite");
        await ledger.RecordAsync(TestLedger.Call(Blue, 5, Samples.Noon), TestLedger.Call(Blue, 6, Samples.Noon.AddDays(4)));
        ledger.Clock.Now = Samples.Noon.AddDays(5);
        await using var counted = new CountingDatabase(ledger.Db);
        var traffic = new TrafficQueries(counted, ledger.Systems, ledger.Clock);
        var ages = new CallFilter(From: Samples.Noon.AddYears(-50), To: Samples.Noon.AddYears(50), TeamId: Blue);

        foreach (var (filter, calls) in ((CallFilter, long)[])
        [
            (ages, 2), (ages with { Search = "req_" }, 2), (ages with { Search = "req_6" }, 1), (ages with { FoundByGuards = true }, 0),
        ])
        {
            counted.Statements = 0;
            var found = await traffic.ByAsync(TestLedger.Admin, filter, TrafficDimension.System, CancellationToken.None);

            Assert.Equal(calls, found.Sum(s => s.Sum.Calls));
            Assert.InRange(counted.Statements, 1, 15);
        }
    }

    internal static async Task<List<CallSummary>> ListAllAsync(TestLedger ledger, CallFilter filter)
    {
        var all = new List<CallSummary>();
        filter = filter with { Limit = 500 };
        while (true)
        {
            var page = await ledger.Calls.ListAsync(TestLedger.Admin, filter, CancellationToken.None);
            all.AddRange(page.Calls);
            if (page.Next is null)
            {
                return all;
            }

            filter = filter with { Before = page.Next };
        }
    }

    private static CallFilter Narrow(CallFilter filter, TrafficDimension dimension, string key) => dimension switch
    {
        TrafficDimension.System => filter with { SystemId = Guid.Parse(key) },
        TrafficDimension.Environment => filter with { Environment = Enum.Parse<SystemEnvironment>(key, ignoreCase: true) },
        TrafficDimension.Route => filter with { Route = key },
        TrafficDimension.Provider => filter with { Provider = key },
        TrafficDimension.Model => filter with { Model = key },
        _ => filter with { ErrorCode = key },
    };

    internal static void AssertSums(List<CallSummary> calls, TrafficSum sum)
    {
        Assert.Equal(
            (calls.Count, calls.Count(c => c.Outcome == CallOutcome.Failed), calls.Count(c => c.Outcome == CallOutcome.Refused),
                calls.Count(c => c.Outcome == CallOutcome.Cancelled),
                calls.Count(c => c.CostUsd is null && (c.Outcome == CallOutcome.Ok || c.Usage is not null || c.AnsweredModel is not null))),
            ((int)sum.Calls, (int)sum.Failed, (int)sum.Refused, (int)sum.Cancelled, (int)sum.UnpricedCalls));
        Assert.Equal(
            (calls.Sum(c => c.Usage?.TotalInput ?? 0), calls.Sum(c => c.Usage?.TotalOutput ?? 0), calls.Sum(c => c.CostUsd ?? 0)),
            (sum.InputTokens, sum.OutputTokens, sum.CostUsd));
        Assert.Equal(
            (calls.Count(c => c.Cache.IsServed()), calls.Sum(c => c.SavedUsd ?? 0),
                calls.Sum(c => (c.SavedInputTokens ?? 0) + (c.SavedOutputTokens ?? 0))),
            ((int)sum.CachedCalls, sum.SavedUsd, sum.SavedTokens));
        var answered = calls.Where(c => c.Outcome == CallOutcome.Ok).ToList();
        AssertPercentile(answered.Select(c => c.DurationMicros), 0.5, sum.P50Micros);
        AssertPercentile(answered.Select(c => c.DurationMicros), 0.95, sum.P95Micros);
        AssertPercentile(answered.Select(c => c.OwnMicros), 0.99, sum.OwnP99Micros);
    }

    private static void AssertPercentile(IEnumerable<long> values, double share, long? estimate)
    {
        var sorted = values.Order().ToList();
        if (sorted.Count == 0)
        {
            Assert.Null(estimate);
            return;
        }

        var exact = sorted[Math.Max(0, (int)Math.Ceiling(sorted.Count * share) - 1)];
        Assert.InRange(estimate!.Value, (long)(exact * 0.94) - 1, (long)(exact * 1.06) + 1);
    }
}
