using Gatehouse.Contracts;
using Gatehouse.Observability;
using Gatehouse.Observability.Rollups;
using Gatehouse.Tests.Storage;

namespace Gatehouse.Tests.Observability;

/// <summary>Sums of days, quarters of a day and quarters of an hour, which are made once their time is over.</summary>
public class ClosedBucketsTests
{
    public static readonly TheoryData<string> Kinds = TestDatabases.Kinds;

    private static readonly Guid Blue = Guid.CreateVersion7();
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
        Assert.Equal(
            before[0], (await SumsAsync(ledger, filters[0]))[0]);
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

    private static async Task<TestLedger> FillAsync(string kind)
    {
        var ledger = await TestLedger.StartAsync(kind);
        var random = new Random(5);
        ledger.Clock.Now = Midnight.AddDays(3).AddHours(2);
        await ledger.RecordAsync(Enumerable.Range(0, 1500).Select(i =>
            TestLedger.Call(Blue, i, Midnight.AddMicroseconds(random.NextInt64(0, 74L * 3600 * 1_000_000)))));
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
