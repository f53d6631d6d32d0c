using Gatehouse.Gateway.Limits;
using Gatehouse.Governance;
using Gatehouse.Tests.Storage;

namespace Gatehouse.Tests.Governance.Leases;

/// <summary>What becomes of leases where another run takes a node's name.</summary>
public sealed partial class LeaseWorkerTests
{
    /// <summary>Who took its name gave back what it held, and it went on spending that: the budget was passed by as much.</summary>
    [Fact]
    public async Task A_node_that_lost_its_name_gives_out_nothing_of_what_it_held_of_a_hard_budget()
    {
        var node = await StartAsync();
        await MakeBudgetAsync("b");
        await RoundAsync(node, refresh: true);
        var call = Begin(node, 1000);
        Assert.Equal(Cap, Window(node).Granted);
        var store = new LeaseStore(Db);
        Assert.True(await store.TryTakeAsync(node.Name, 1, await store.FindRunAsync(node.Name, Ct), Ct));

        _clock.Advance(TimeSpan.FromSeconds(1));
        await RoundAsync(node);

        Assert.True(node.Presence.IsLost);
        Assert.False(call.Holds.TryTake(Window(node), Measure.Money, 1));
        End(call, 10); // nor of what it held for a call
        await RoundAsync(node);
        Assert.False(new Holds([]).TryTake(Window(node), Measure.Money, 1));
    }

    /// <summary>A frozen node's first word after that took away what the other had leased.</summary>
    [Fact]
    public async Task Nothing_is_given_back_of_a_run_that_has_taken_the_name()
    {
        var (node, store) = (await StartAsync(), new LeaseStore(Db));
        await MakeBudgetAsync("b");
        await RoundAsync(node, refresh: true);
        Assert.True(await store.TryTakeAsync(node.Name, 1, await store.FindRunAsync(node.Name, Ct), Ct));

        await store.ReleaseEarlierAsync(node.Name, 2, Ct);
        await store.LeaveAsync(node.Name, 2, Ct);

        Assert.Equal(2, await Db.CountAsync($"SELECT (SELECT COUNT(*) FROM governance_lease) + (SELECT COUNT(*) FROM governance_node)"));
        await store.LeaveAsync(node.Name, 1, Ct);
        Assert.Equal(0, await Db.CountAsync($"SELECT (SELECT COUNT(*) FROM governance_lease) + (SELECT COUNT(*) FROM governance_node)"));
    }
}
