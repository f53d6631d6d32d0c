using Gatehouse.Api;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Journal;
using Gatehouse.Observability;
using Gatehouse.Observability.Ledger;
using Gatehouse.Observability.Rollups;
using Gatehouse.Tests.Storage;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Gatehouse.Tests.Observability;

/// <summary>Spending by day and model, of quarters of a day that are added up and of the rest.</summary>
public class SpendingTests
{
    public static readonly TheoryData<string> Kinds = TestDatabases.Kinds;

    private static readonly Guid Blue = Guid.CreateVersion7();
    private static readonly Guid Red = Guid.CreateVersion7();
    private static readonly DateTimeOffset Midnight = Samples.Noon.AddHours(-12);

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    /// <summary>A month once read each call of it: six seconds at five million.</summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task A_day_costs_what_its_calls_do_before_and_after_it_is_added_up_and_with_calls_that_come_late(string kind)
    {
        await using var ledger = await TestLedger.StartAsync(kind);
        var random = new Random(5);
        ledger.Clock.Now = Midnight.AddDays(3).AddHours(8);
        await ledger.RecordAsync(Enumerable.Range(0, 800).Select(i => TestLedger.Call(
            i % 3 == 0 ? Red : Blue, i, Midnight.AddMicroseconds(random.NextInt64(0, 80L * 3600 * 1_000_000)))));
        var buckets = new ClosedBuckets(ledger.Db, ledger.Clock);
        await AssertAsync();

        await buckets.CloseDueAsync(Ct);
        Assert.Equal(13, await ClosedAsync());
        await AssertAsync();

        await ledger.RecordAsync(TestLedger.Call(Blue, 77, Midnight.AddDays(1).AddHours(9)));
        Assert.Equal(12, await ClosedAsync());
        await AssertAsync();

        await buckets.CloseDueAsync(Ct);
        Assert.Equal(13, await ClosedAsync());
        await AssertAsync();

        // A node of an older version takes out the sums, and not the mark of their spending.
        await ledger.RecordAsync(TestLedger.Call(Blue, 83, Midnight.AddDays(1).AddHours(10)));
        await ledger.Db.ExecuteAsync(
            $"INSERT INTO observability_traffic_closed (step_seconds, bucket_at) VALUES ({SpendingSums.Step}, {Midnight.AddDays(1).AddHours(6)})",
            Ct);
        await buckets.CloseDueAsync(Ct);
        Assert.Equal(13, await ClosedAsync());
        await AssertAsync();

        // What is added up is not read again.
        var before = await ReadAsync(TestLedger.Admin, null);
        await ledger.Db.ExecuteAsync($"DELETE FROM observability_call WHERE started_at < {Midnight.AddDays(3)}", Ct);
        Assert.Equal(before, await ReadAsync(TestLedger.Admin, null));

        Task<long> ClosedAsync() => ledger.CountAsync(
            $"SELECT COUNT(*) FROM observability_traffic_closed WHERE step_seconds = {SpendingSums.Step}");

        async Task AssertAsync()
        {
            var member = TestLedger.Admin with { Memberships = [new Membership(Blue, Role.Auditor)] };
            foreach (var (who, provider) in ((Person, string?)[])[(TestLedger.Admin, null), (member, null), (member, "provider-1")])
            {
                Guid? team = who == TestLedger.Admin ? null : Blue;
        var all = new CallFilter(From: Midnight.AddDays(-1), To: Midnight.AddDays(9), TeamId: team);
                var calls = (await TrafficQueriesTests.ListAllAsync(ledger, all))
                    .Where(c => c.Provider is not null && (provider ?? c.Provider) == c.Provider);
                Assert.Equal(
                    calls.GroupBy(c => (
                            Day: DateOnly.FromDateTime(c.StartedAt.UtcDateTime), Provider: c.Provider!, Model: c.AnsweredModel ?? c.Model!))
                        .OrderBy(g => g.Key).Select(g => new DaySpending(
                            g.Key.Day, g.Key.Provider, g.Key.Model, g.LongCount(), g.Sum(c => c.Usage?.TotalInput ?? 0),
                            g.Sum(c => c.Usage?.TotalOutput ?? 0), g.Sum(c => c.CostUsd ?? 0), g.LongCount(c => c.CostUsd is null
                                && (c.Outcome == CallOutcome.Ok || c.AnsweredModel is not null || c.Usage is not null)))),
                    await ReadAsync(who, provider));
            }
        }

        Task<IReadOnlyList<DaySpending>> ReadAsync(Person who, string? provider) => SpentAsync(ledger, who, provider);
    }

    /// <summary>One key once made as many rows of spending as it could think of names that a wildcard let through.</summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Names_that_callers_choose_share_a_row_as_in_the_other_sums(string kind)
    {
        await using var ledger = await TestLedger.StartAsync(kind);
        await ledger.RecordAsync(Enumerable.Range(0, CallerNames.MostADay + 50).Select(i => Named(i, i % 2 == 0 ? $"guess-{i}" : null)));
        await ledger.RecordAsync(Enumerable.Range(1000, 30).Select(i =>
        {
            var call = Named(i, null);
            (call.Status, call.Outcome) = (404, CallOutcome.Failed);
            return call;
        }));
        var others = Named(2000, "real");
        await ledger.RecordAsync(others);
        ledger.Clock.Now = Midnight.AddDays(1).AddHours(2);

        await AssertAsync();
        await new ClosedBuckets(ledger.Db, ledger.Clock).CloseDueAsync(Ct);
        Assert.Equal(CallerNames.MostADay + 3, await ledger.CountAsync($"SELECT COUNT(*) FROM observability_spending"));
        await AssertAsync();

        async Task AssertAsync()
        {
            var spent = await SpentAsync(ledger, TestLedger.Admin, "open");
            Assert.Equal(CallerNames.MostADay + 3, spent.Count);
            Assert.Equal(
                [(CallFilter.OtherNames, 50L), (CallFilter.UnknownRoute, 30L), ("real", 1L)],
                spent.Where(s => !s.Model.StartsWith("guess-", StringComparison.Ordinal)).Select(s => (s.Model, s.Calls)));
        }

        static CallRecord Named(int i, string? answered)
        {
            var call = TestLedger.Call(Blue, 1, Midnight.AddHours(12).AddSeconds(i));
            call.RequestId += i;
            (call.Route, call.Provider, call.Model, call.AnsweredModel) = ($"guess-{i}", "open", $"guess-{i}", answered);
            (call.Status, call.Outcome, call.Attempts) = (200, CallOutcome.Ok, []);
            return call;
        }
    }

    /// <summary>Shapes are looked up by lots, and calls of each have their sums.</summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task A_quarter_of_a_day_whose_calls_have_a_thousand_shapes_is_added_up_whole(string kind)
    {
        const int shapes = 1050; // more than two lots
        await using var ledger = await TestLedger.StartAsync(kind);
        await ledger.RecordAsync(Enumerable.Range(0, shapes).Select(i =>
        {
            var call = TestLedger.Call(Blue, 1, Midnight.AddHours(12).AddSeconds(i));
            call.RequestId += i;
            (call.Provider, call.Model, call.AnsweredModel) = ("open", $"m{i % 3}", null);
            (call.Status, call.Outcome, call.Attempts) = (200, CallOutcome.Ok, []);
            (call.ConfigurationRevision, call.Usage, call.CostNanos) = ($"r{i}", new TokenUsage(1, 2, 3, 4, 5, 6, 7, 8, 9), 1000);
            return call;
        }));
        Assert.Equal(shapes, await ledger.CountAsync($"SELECT COUNT(*) FROM observability_call_shape"));
        ledger.Clock.Now = Midnight.AddDays(1).AddHours(2);
        var before = await SpentAsync(ledger, TestLedger.Admin, "open");

        await new ClosedBuckets(ledger.Db, ledger.Clock).CloseDueAsync(Ct);

        Assert.Equal(3, await ledger.CountAsync($"SELECT COUNT(*) FROM observability_spending"));
        Assert.Equal(before, await SpentAsync(ledger, TestLedger.Admin, "open"));
        Assert.Equal(
            [("m0", 350L, 350 * 25L, 350 * 20L), ("m1", 350L, 350 * 25L, 350 * 20L), ("m2", 350L, 350 * 25L, 350 * 20L)],
            before.Select(s => (s.Model, s.Calls, s.InputTokens, s.OutputTokens)));
    }

    private static async Task<IReadOnlyList<DaySpending>> SpentAsync(TestLedger ledger, Person who, string? provider)
    {
        var http = new DefaultHttpContext();
        ApiPerson.Set(http, who);
        var answer = await GetSpending.HandleAsync("2026-02-28", "2026-03-06", provider, http, ledger.Db, ledger.Clock, Ct);
        return Assert.IsType<JsonHttpResult<DaySpendingList>>(answer).Value!.Items;
    }
}
