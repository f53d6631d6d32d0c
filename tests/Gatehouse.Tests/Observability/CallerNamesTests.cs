using Gatehouse.Contracts;
using Gatehouse.Gateway.Journal;
using Gatehouse.Gateway.Routing;
using Gatehouse.Observability;
using Gatehouse.Observability.Ledger;
using Gatehouse.Observability.Rollups;
using Gatehouse.Tests.Storage;

namespace Gatehouse.Tests.Observability;

/// <summary>Names that callers choose, through a route for every name or by being refused before it is looked for.</summary>
public class CallerNamesTests
{
    public static readonly TheoryData<string> Kinds = TestDatabases.Kinds;

    private static readonly Guid Blue = Guid.CreateVersion7();

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    /// <summary>One key once made as many rows of sums as it could think of names that a limit refused or a wildcard let through.</summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task A_days_names_beyond_the_first_share_a_row_of_the_sums_and_stay_in_the_ledger(string kind)
    {
        await using var ledger = await TestLedger.StartAsync(kind);
        await ledger.RecordAsync(Enumerable.Range(0, 150).Select(i => Call(i, Samples.Noon.AddSeconds(i * 20))));
        ledger.Restart();
        await ledger.RecordAsync(Enumerable.Range(150, 350).Select(i => Call(i, Samples.Noon.AddSeconds(i * 20))));
        ledger.Restart();
        await ledger.RecordAsync(Enumerable.Range(0, 500).Select(i => Call(i, Samples.Noon.AddSeconds(i * 20).AddMilliseconds(5))));
        await ledger.RecordAsync(Call(450, Samples.Noon.AddDays(1)));
        ledger.Clock.Now = Samples.Noon.AddHours(3);
        var filter = new CallFilter(From: Samples.Noon.AddSeconds(30), To: Samples.Noon.AddHours(3));

        var routes = await ledger.Traffic.ByAsync(TestLedger.Admin, filter, TrafficDimension.Route, Ct);
        var models = await ledger.Traffic.ByAsync(TestLedger.Admin, filter, TrafficDimension.Model, Ct);

        Assert.Equal(CallerNames.MostADay + 1, await NamesAsync(ledger, Samples.Noon.AddHours(-12)));
        Assert.Equal(1, await NamesAsync(ledger, Samples.Noon.AddHours(12)));
        Assert.Equal((CallFilter.OtherNames, "other names", 600L), (routes[0].Key, routes[0].Name, routes[0].Sum.Calls));
        Assert.Equal(1000 - 4, routes.Sum(r => r.Sum.Calls));
        Assert.Equal("other names", models.First(m => m.Key == CallFilter.OtherNames).Name);
        TrafficQueriesTests.AssertSums(
            await TrafficQueriesTests.ListAllAsync(ledger, filter with { Route = CallFilter.OtherNames }), routes[0].Sum);
        foreach (var (narrow, calls) in ((CallFilter, int)[])
        [
            (filter with { Route = "guess-150" }, 2), (filter with { Route = "guess-151" }, 2), (filter with { Route = "guess-451" }, 2),
            (filter with { Route = "guess-450" }, 2), (filter with { Model = "guess-451" }, 2), (filter with { Model = "guess-151" }, 2),
            (filter with { Route = "guess-451", Model = "guess-451" }, 2), (filter with { Route = CallFilter.OtherNames }, 600),
            (filter with { Model = CallFilter.OtherNames }, 300), (filter with { Route = CallFilter.OtherNames, Model = "guess-451" }, 2),
            (filter with { Route = "guess-9999" }, 0),
        ])
        {
            var listed = await TrafficQueriesTests.ListAllAsync(ledger, narrow);
            var sum = await ledger.Traffic.SeriesAsync(TestLedger.Admin, narrow, TimeSpan.FromHours(1), Ct);
            Assert.Equal((calls, calls), (listed.Count, (int)sum.Total.Calls));
            TrafficQueriesTests.AssertSums(listed, sum.Total);
        }
    }

    [Fact]
    public async Task Routes_of_the_configuration_have_their_rows_however_many_names_came_before()
    {
        await using var ledger = await TestLedger.StartAsync("sqlite");
        await ledger.RecordAsync(Enumerable.Range(0, 250).Select(i => Call(i, Samples.Noon.AddSeconds(i))));
        await ledger.Store.WriteAsync(
            "second", await ledger.Store.FindPositionAsync("second", Ct), new JournalPosition(1, 1),
            [LedgerEntry.Of(Call(248, Samples.Noon.AddSeconds(300))), LedgerEntry.Of(Call(250, Samples.Noon.AddSeconds(300)))],
            new(new GatewayTable
            {
                Revision = "r", Keys = KeyTable.Empty, Prices = PriceTable.Empty,
                Routes = new RouteTable([new Route("guess-248", []), new Route("guess*", [])]),
            }),
            Ct);

        Assert.Equal(1, await ledger.CountAsync(
            $"SELECT calls FROM observability_traffic WHERE step_seconds = 3600 AND node = 'second' AND route = 'guess-248'"));
        Assert.Equal(1, await ledger.CountAsync(
            $"SELECT calls FROM observability_traffic WHERE step_seconds = 3600 AND node = 'second' AND route = {CallFilter.OtherNames}"));
    }

    /// <summary>What the first target used belongs to its model in both, whatever became of the call.</summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Tokens_of_a_target_that_passed_a_call_on_are_found_under_its_name(string kind)
    {
        await using var ledger = await TestLedger.StartAsync(kind);
        await ledger.RecordAsync(Enumerable.Range(0, 201).Select(i => FailedOver(i, Samples.Noon.AddSeconds(i))));
        ledger.Clock.Now = Samples.Noon.AddHours(2);

        foreach (var to in (DateTimeOffset[])[Samples.Noon.AddMinutes(59), Samples.Noon.AddHours(1)])
        {
            foreach (var (model, calls) in ((string, long)[])[("guess-7", 1), ("guess-200", 1), (CallFilter.OtherNames, 1)])
            {
                var filter = new CallFilter(From: Samples.Noon, To: to, Model: model);
                var sum = (await ledger.Traffic.SeriesAsync(TestLedger.Admin, filter, TimeSpan.FromHours(1), Ct)).Total;
                Assert.Equal((0L, calls, 11L), (sum.Calls, sum.FailedOver, sum.InputTokens));
            }
        }

        static CallRecord FailedOver(int i, DateTimeOffset at)
        {
            var call = Call((2 * i) + 1, at);
            call.Route = $"guess-{i}";
            call.Model = "big";
            call.Usage = new TokenUsage(31, 0, 0, 0, 5, 0);
            call.Attempts =
            [
                new CallAttempt("open", call.Route, 0, 5, null, 10, 500, "overloaded", "busy", new TokenUsage(11, 0, 0, 0, 0, 0)),
                new CallAttempt("open", "big", 10, 15, 20, 30, 200, null, null, new TokenUsage(20, 0, 0, 0, 5, 0)),
            ];
            return call;
        }
    }

    /// <summary>A target that failed before another one did not know the name once had a row of the sums under it.</summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task A_name_that_nobody_knows_has_no_row_though_a_target_failed_before(string kind)
    {
        await using var ledger = await TestLedger.StartAsync(kind);
        await ledger.RecordAsync(Enumerable.Range(0, 20).Select(i => Unknown(i, Samples.Noon.AddSeconds(i))));
        ledger.Clock.Now = Samples.Noon.AddHours(2);

        Assert.Equal(0, await ledger.CountAsync(
            $"SELECT COUNT(*) FROM observability_traffic WHERE route LIKE 'guess%' OR model LIKE 'guess%'"));
        foreach (var to in (DateTimeOffset[])[Samples.Noon.AddMinutes(59).AddSeconds(1), Samples.Noon.AddHours(1)])
        {
            foreach (var (model, calls) in ((string, long)[])[("guess-7", 1), (CallFilter.UnknownRoute, 20)])
            {
                var filter = new CallFilter(From: Samples.Noon, To: to, Model: model);
                var sum = (await ledger.Traffic.SeriesAsync(TestLedger.Admin, filter, TimeSpan.FromHours(1), Ct)).Total;
                Assert.Equal((calls, calls, 11 * calls), (sum.Calls, sum.FailedOver, sum.InputTokens));
            }
        }

        static CallRecord Unknown(int i, DateTimeOffset at)
        {
            var call = UnknownCall(i, at);
            call.Usage = new TokenUsage(11, 0, 0, 0, 0, 0);
            call.Attempts =
            [
                new CallAttempt("first", call.Route, 0, 5, null, 10, 500, "overloaded", "busy", new TokenUsage(11, 0, 0, 0, 0, 0)),
                new CallAttempt("open", call.Route, 10, 15, null, 30, 404, "model_not_found", "no", null),
            ];
            return call;
        }
    }

    /// <summary>A node of the version before writes calls without the shape by which those of a name are found.</summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Calls_of_a_name_that_an_older_version_recorded_are_found_once_they_are_marked(string kind)
    {
        await using var ledger = await TestLedger.StartAsync(kind);
        await ledger.RecordAsync(Enumerable.Range(0, 20).Select(i => UnknownCall(i, Samples.Noon.AddSeconds(i))));
        await ledger.RecordAsync(Enumerable.Range(100, 3).Select(i => Call(i, Samples.Noon.AddSeconds(i))));
        await ledger.Db.ExecuteAsync($"UPDATE observability_call SET outside_shape = NULL", Ct);
        ledger.Clock.Now = Samples.Noon.AddHours(2);
        var filter = new CallFilter(From: Samples.Noon, To: Samples.Noon.AddHours(1), Route: "guess-7");
        Assert.Empty(await TrafficQueriesTests.ListAllAsync(ledger, filter));

        await NamedCalls.MarkAsync(ledger.Db, Samples.Noon.AddHours(-1), Ct);

        Assert.Single(await TrafficQueriesTests.ListAllAsync(ledger, filter));
        Assert.Equal(1, (await ledger.Traffic.SeriesAsync(TestLedger.Admin, filter, TimeSpan.FromHours(1), Ct)).Total.Calls);
        Assert.Equal(20, await ledger.CountAsync($"SELECT COUNT(*) FROM observability_call WHERE outside_shape = shape"));
    }

    /// <summary>A re-pricing once found no row of the sums, and lost what guards and cache had done with a call.</summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task A_call_that_is_priced_anew_keeps_its_sums_its_verdict_and_its_cache(string kind)
    {
        await using var ledger = await TestLedger.StartAsync(kind);
        await ledger.RecordAsync(Enumerable.Range(0, 201).Select(i => Priced(i, Samples.Noon.AddSeconds(i))));
        ledger.Clock.Now = Samples.Noon.AddHours(2);
        var table = new GatewayTable
        {
            Revision = "r", Keys = KeyTable.Empty, Routes = RouteTable.Empty,
            Prices = new PriceTable("new", new Dictionary<string, Price> { ["open/guess-200"] = new(0.001m, 0.002m) }),
        };

        var done = await new Repricing(ledger.Db, new Snapshot<GatewayTable>(table), LedgerJoint.None, ledger.Clock).RunAsync(
            TestLedger.Admin, Samples.Noon, Samples.Noon.AddHours(1), dryRun: false, null, Ct);

        Assert.Equal(1, done.Changed);
        var others = new CallFilter(From: Samples.Noon, To: Samples.Noon.AddHours(1), Route: CallFilter.OtherNames);
        var call = Assert.Single(await TrafficQueriesTests.ListAllAsync(ledger, others));
        Assert.Equal(
            call.CostUsd, (await ledger.Traffic.SeriesAsync(TestLedger.Admin, others, TimeSpan.FromHours(1), Ct)).Total.CostUsd);
        Assert.Equal(("guess-200", GuardVerdict.Flagged, CacheUse.Partial), (call.Route, call.Guard, call.Cache));

        static CallRecord Priced(int i, DateTimeOffset at)
        {
            var call = Call((2 * i) + 1, at);
            (call.Route, call.Model, call.Cache) = ($"guess-{i}", $"guess-{i}", CacheUse.Partial);
            call.Guard = new GuardReport("p", "1", GuardVerdict.Flagged, [], 0, 0);
            return call;
        }
    }

    private static Task<long> NamesAsync(TestLedger ledger, DateTimeOffset day) => ledger.CountAsync(
        $"""
        SELECT COUNT(DISTINCT route) FROM observability_traffic
        WHERE step_seconds = 3600 AND bucket_at >= {day} AND bucket_at < {day.AddDays(1)}
        """);

    private static CallRecord UnknownCall(int i, DateTimeOffset at)
    {
        var call = Call((2 * i) + 1, at);
        (call.Route, call.Model, call.AnsweredModel, call.Usage) = ($"guess-{i}", $"guess-{i}", null, null);
        (call.Status, call.Outcome, call.ErrorCode) = (404, CallOutcome.Failed, "model_not_found");
        return call;
    }

    /// <summary>Even ones were refused by a limit. Odd ones were answered: a route for all names passed the name on.</summary>
    private static CallRecord Call(int i, DateTimeOffset at)
    {
        var call = TestLedger.Call(Blue, 1, at);
        call.RequestId += $"{i}-{at.Millisecond}";
        call.Environment = SystemEnvironment.Development;
        call.Cache = CacheUse.None;
        (call.Saved, call.SavedNanos, call.Price, call.CostNanos) = (null, null, null, null);
        call.Route = $"guess-{i}";
        var isRefused = i % 2 == 0;
        (call.Status, call.Outcome, call.ErrorCode) = isRefused ? (429, CallOutcome.Refused, "rate_limited") : (200, CallOutcome.Ok, null);
        (call.Provider, call.Model) = isRefused ? (null, null) : ("open", call.Route);
        call.Usage = isRefused ? null : new TokenUsage(i, 0, 0, 0, 7, 0);
        call.AnsweredModel = call.Model;
        call.Attempts = [];
        return call;
    }
}
