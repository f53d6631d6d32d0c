using Gatehouse.Contracts;
using Gatehouse.Gateway.Limits;
using Gatehouse.Governance;

namespace Gatehouse.Tests.Governance;

/// <summary>What a node remembers of a count between two looks.</summary>
public sealed class LeaseStandingTests
{
    /// <summary>A call that settled while the database was told was taken for told: what it had held stayed reserved for ever.</summary>
    [Fact]
    public void What_moved_while_the_database_was_told_is_still_to_be_told()
    {
        var rule = new LimitRule(
            new Guid(1, 0, 0, new byte[8]), "r", new CallScope(null, null, null, null, null), Measure.Concurrency, LimitPeriod.Total, 8, true,
            UnknownPrice.Refuse);
        var window = new AllowanceBook(TimeProvider.System).Find(rule, "").Window;
        window.Grant(8, 0, 0);
        Assert.True(window.TryTake(3));
        var standing = new LeaseStanding();
        var told = new LeaseRequest(
            rule, "", window.From, window.Until, window.Granted, window.Used, window.Underway, 0, 8, 0, 0, 0, 1);

        window.Settle(3, 0); // while the database is told
        standing.Synced(told, default, now: 1);

        Assert.True(standing.HasMoved(window));
        standing.Synced(told with { Used = window.Used, Underway = window.Underway }, default, now: 2);
        Assert.False(standing.HasMoved(window));
    }
}
