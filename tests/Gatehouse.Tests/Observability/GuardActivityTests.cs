using Gatehouse.Contracts;
using Gatehouse.Gateway.Journal;
using Gatehouse.Observability;

namespace Gatehouse.Tests.Observability;

public sealed class GuardActivityTests
{
    private static readonly Guid Team = Guid.CreateVersion7();

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("sqlite")]
    [InlineData("postgres")]
    public async Task What_guards_found_is_summed_by_hour_and_calls_are_found_by_verdict(string kind)
    {
        await using var ledger = await TestLedger.StartAsync(kind);
        await ledger.RecordAsync(
            Guarded(1, GuardVerdict.Redacted, Found("pii", "redact", 2)),
            Guarded(2, GuardVerdict.Redacted, Found("pii", "redact", 1), Found("secrets", "block", 1, shadow: true)),
            Guarded(3, GuardVerdict.Blocked, Found("injection", "block", 1)),
            Guarded(4, GuardVerdict.Passed),
            TestLedger.Call(Team, 5, Samples.Noon));

        var activity = await new GuardActivityQueries(ledger.Db, ledger.Systems, ledger.Clock).ListAsync(
            TestLedger.Admin, new CallFilter(To: Samples.Noon.AddHours(2)), Ct);
        var blocked = await ledger.Calls.ListAsync(
            TestLedger.Admin, new CallFilter(Guard: GuardVerdict.Blocked, To: Samples.Noon.AddHours(2)), Ct);
        var passed = await ledger.Calls.ListAsync(
            TestLedger.Admin, new CallFilter(Guard: GuardVerdict.Passed, To: Samples.Noon.AddHours(2)), Ct);
        var sums = await ledger.Traffic.ByAsync(
            TestLedger.Admin, new CallFilter(From: Samples.Noon.AddHours(-1), To: Samples.Noon.AddHours(2), Guard: GuardVerdict.Redacted),
            TrafficDimension.Environment, Ct);
        var detail = await ledger.Calls.FindAsync(TestLedger.Admin, blocked.Calls.Single().Id.ToString(), Ct);

        Assert.Equal(
            ["injection block False 1 1", "pii redact False 2 3", "secrets block True 1 1"],
            activity.GroupBy(a => (a.Detector, a.Action, a.Shadow)).Select(
                g => $"{g.Key.Detector} {g.Key.Action} {g.Key.Shadow} {g.Sum(a => a.Calls)} {g.Sum(a => a.Findings)}").Order());
        Assert.All(activity, a => Assert.Equal(Samples.Noon, a.At));
        Assert.Equal(GuardVerdict.Passed, Assert.Single(passed.Calls).Guard);
        Assert.Equal(2, sums.Sum(s => s.Sum.Calls));
        Assert.Equal("injection", Assert.Single(detail!.Guard!.Findings).Detector);
        Assert.Contains(detail.Spans, s => s.Name == "guard" && s.Attributes["gatehouse.guard.verdict"] == "blocked");
    }

    /// <summary>A policy that refuses what it cannot check finds nothing, so the hours with findings once missed it.</summary>
    [Theory]
    [InlineData("sqlite")]
    [InlineData("postgres")]
    public async Task A_call_that_was_refused_because_a_guard_failed_is_among_those_that_guards_did_something_about(string kind)
    {
        await using var ledger = await TestLedger.StartAsync(kind);
        var failed = Guarded(1, GuardVerdict.Blocked);
        (failed.Outcome, failed.Status, failed.ErrorCode) = (CallOutcome.Refused, 503, "guard_failed");
        var found = Guarded(2, GuardVerdict.Flagged, Found("pii", "flag", 1));
        found.StartedAtMicros += 5L * 3600 * 1_000_000;
        found.Id = Guid.CreateVersion7(Samples.Noon.AddHours(5));
        await ledger.RecordAsync(failed, found, Guarded(3, GuardVerdict.Passed), Guarded(4, GuardVerdict.Unchecked));
        ledger.Clock.Now = Samples.Noon.AddDays(2);
        await new Gatehouse.Observability.Rollups.ClosedBuckets(ledger.Db, ledger.Clock).CloseDueAsync(Ct);

        foreach (var team in (Guid?[])[null, Team])
        {
            Assert.Equal([found.Id, failed.Id], await IdsAsync(new CallFilter(TeamId: team) { FoundByGuards = true }));
            Assert.Equal([failed.Id], await IdsAsync(new CallFilter(TeamId: team, Guard: GuardVerdict.Blocked)));
            Assert.Equal([found.Id], await IdsAsync(new CallFilter(TeamId: team, Guard: GuardVerdict.Flagged)));
            Assert.Single(await IdsAsync(new CallFilter(TeamId: team, Guard: GuardVerdict.Unchecked)));
        }

        async Task<IEnumerable<Guid>> IdsAsync(CallFilter filter) =>
            (await ledger.Calls.ListAsync(TestLedger.Admin, filter, Ct)).Calls.Select(c => c.Id);
    }

    private static CallRecord Guarded(int seed, GuardVerdict verdict, params GuardFinding[] findings)
    {
        var record = TestLedger.Call(Team, seed, Samples.Noon.AddSeconds(seed));
        record.Guard = new GuardReport("standard", "r1", verdict, findings, 20, 5);
        return record;
    }

    private static GuardFinding Found(string detector, string action, int count, bool shadow = false) =>
        new("input", detector, "TYPE", "rule", action, shadow, false, count, 0.9, 0, 3, 5);
}
