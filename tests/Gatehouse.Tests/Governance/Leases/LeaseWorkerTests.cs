using Gatehouse.Contracts;
using Gatehouse.Gateway.Journal;
using Gatehouse.Gateway.Limits;
using Gatehouse.Gateway.Routing;
using Gatehouse.Governance;
using Gatehouse.Storage;
using Gatehouse.Tests.Storage;

namespace Gatehouse.Tests.Governance.Leases;

/// <summary>What two nodes may use of a rule when one of them lags, loses its lease, or does not reach the database.</summary>
public sealed partial class LeaseWorkerTests : IAsyncLifetime
{
    private const long Cap = 1000;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("gatehouse-leases-");
    private readonly StepClock _clock = new(new DateTimeOffset(2026, 3, 1, 12, 0, 10, TimeSpan.Zero));
    private readonly BudgetMetrics _metrics = new();
    private readonly List<SimulatedNode> _nodes = [];
    private TestDatabase _database = null!;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    private Database Db => _database.Db;

    public async ValueTask InitializeAsync() => _database = await TestDatabase.CreateWithSchemaAsync("sqlite");

    public async ValueTask DisposeAsync()
    {
        foreach (var node in _nodes)
        {
            await node.DisposeAsync();
        }

        _metrics.Dispose();
        await _database.DisposeAsync();
        _folder.Delete(recursive: true);
    }

    /// <summary>
    /// The charge of such a call was taken for settled as soon as any rule applied to it: what the node held of the new budget counted for
    /// less than it was, and others were lent too much.
    /// </summary>
    [Fact]
    public async Task A_call_that_began_before_its_node_heard_of_a_second_budget_frees_nothing_of_it()
    {
        var node = await StartAsync();
        await MakeBudgetAsync("first");
        await RoundAsync(node, refresh: true);
        var second = await MakeBudgetAsync("second");
        var early = Begin(node, 300); // by the old table
        await RoundAsync(node, refresh: true);
        var late = Begin(node, 100);
        End(early, 300);
        End(late, 100);
        await DrainAsync(node);
        _clock.Advance(TimeSpan.FromSeconds(1));
        await RoundAsync(node);
        _clock.Advance(TimeSpan.FromSeconds(1));
        await RoundAsync(node);

        var (granted, settled) = await LeaseAsync(second, node);

        Assert.Equal(100, settled);
        Assert.Equal(Cap, 400 + granted - settled); // spent, and what the node can still use
    }

    /// <summary>The calls of the lost lease were charged to the new one, and as much too much was lent.</summary>
    [Fact]
    public async Task A_node_whose_lease_was_lost_tells_what_it_used_of_it_and_is_lent_no_more_than_is_left()
    {
        var node = await StartAsync();
        var budget = await MakeBudgetAsync("b");
        await RoundAsync(node, refresh: true);
        var call = Begin(node, 300);
        await Db.ExecuteAsync($"DELETE FROM governance_lease", Ct); // as others do after two minutes
        _clock.Advance(TimeSpan.FromSeconds(1));
        await RoundAsync(node);
        await RoundAsync(node);

        Assert.Equal((Cap, 0L), await LeaseAsync(budget, node));
        End(call, 300);
        await DrainAsync(node);
        _clock.Advance(TimeSpan.FromSeconds(1));
        await RoundAsync(node);
        _clock.Advance(TimeSpan.FromSeconds(1));
        await RoundAsync(node);

        Assert.Equal((Cap, 300L), await LeaseAsync(budget, node));
        Assert.Equal(700, Window(node).Spare);
    }

    /// <summary>A round that had read the rules before took the count of a newer one out of the book: calls waited for nothing.</summary>
    [Fact]
    public async Task A_count_that_is_made_in_the_middle_of_a_round_stays()
    {
        var node = await StartAsync();
        await MakeBudgetAsync("first");
        var requests = 0;
        node.Db.After = async () =>
        {
            if (++requests == 2) // the first is the sign of life
            {
                await MakeBudgetAsync("second");
                await node.Publisher.RefreshAsync(Ct);
            }
        };
        await RoundAsync(node, refresh: true);
        await RoundAsync(node);

        Assert.Equal(2, node.Book.All.Count());
        var call = Begin(node, Cap);
        Assert.All(node.Book.All, a => Assert.Equal(Cap, a.Window.Used));
        End(call, 0);
    }

    /// <summary>For the moment of a fault, a node used all that it held, and others took it for unused when it died then.</summary>
    [Fact]
    public async Task A_node_keeps_to_its_pledge_until_the_database_has_been_away_for_as_long_as_others_wait()
    {
        var (node, other) = (await StartAsync(), await StartAsync());
        await MakeBudgetAsync("b");
        await RoundAsync(other);
        await RoundAsync(node, refresh: true);
        var pledged = Window(node).Pledged;
        Assert.InRange(pledged, 1, Window(node).Granted - 1);

        node.Db.Before = () => throw new DatabaseException("away");
        _clock.Advance(TimeSpan.FromSeconds(1));
        await RoundAsync(node);
        Assert.Equal(pledged, Window(node).Pledged);
        _clock.Advance(TimeSpan.FromSeconds(3));
        await RoundAsync(node);
        Assert.Equal(pledged, Window(node).Pledged);
        _clock.Advance(TimeSpan.FromSeconds(1));
        await RoundAsync(node);
        Assert.Equal(long.MaxValue, Window(node).Pledged);
    }

    /// <summary>Each held a second's use, and gave back the rest: calls were refused from then on, however much was left.</summary>
    [Theory]
    [InlineData(0, 1, 31)] // a part of the limit
    [InlineData(2, 1, 100)] // a minute's use
    [InlineData(7, 1, 250)] // an even part of what is left
    [InlineData(40, 10, 100)] // a minute's use too, of calls that come rarely
    public async Task Of_several_nodes_each_holds_what_calls_go_on_with_while_the_database_is_away(int each, int every, long least)
    {
        var (node, other) = (await StartAsync(), await StartAsync());
        await MakeBudgetAsync("b");
        await RoundAsync(node, refresh: true);
        await RoundAsync(other, refresh: true);
        for (var i = 0; i < Math.Max(10, 6 * every); i++)
        {
            if (i % every == 0)
            {
                Window(node).BeginWait(each);
                await RoundAsync(node);
                Window(node).EndWait(each);
                End(Begin(node, each), each);
            }

            _clock.Advance(TimeSpan.FromSeconds(1));
            await RoundAsync(node);
            await RoundAsync(other);
        }

        Assert.InRange(Window(node).Spare, Math.Min(least, (Cap - Window(node).Used) / 4), Cap / 2);
        node.Db.Before = () => throw new DatabaseException("away");
        var went = 0;
        for (var i = 0; i < 12; i++)
        {
            await RoundAsync(node);
            went += i % every == 0 && Window(node).TryTake(each) ? 1 : 0;
            _clock.Advance(TimeSpan.FromSeconds(0.5));
        }

        Assert.Equal(every == 1 ? 12 : 2, went); // before it takes the database for away for good too
        Assert.Equal(long.MaxValue, Window(node).Pledged);
        node.Db.Before = () =>
        {
            Assert.True(Window(node).TryTake(each), "a call while the database is told anew");
            return Task.CompletedTask;
        };
        await RoundAsync(node);
    }

    /// <summary>What was idle elsewhere stayed there, and calls were refused although the budget was not used up.</summary>
    [Fact]
    public async Task What_calls_wait_for_comes_from_the_node_that_holds_it_and_does_not_use_it()
    {
        var (node, other) = (await StartAsync(), await StartAsync());
        await MakeBudgetAsync("b");
        await RoundAsync(other, refresh: true);
        await RoundAsync(node, refresh: true);
        await RoundAsync(other); // knows of both by now
        await RoundAsync(node);
        var held = Window(other).Spare;
        Assert.InRange(held, 1, Cap / 4);
        for (var left = Cap - held; left > 0;)
        {
            var take = Math.Min(left, Math.Min(Window(node).Spare, Window(node).Pledged - Window(node).Used));
            Assert.True(Window(node).TryTake(take));
            left -= take;
            Window(node).BeginWait(1);
            await RoundAsync(node);
            Window(node).EndWait(1);
        }

        Assert.Equal(Cap - held, Window(node).Used);
        Window(node).BeginWait(held);
        for (var i = 0; i < 4; i++) // a second, as long as the call waits
        {
            await RoundAsync(node);
            await RoundAsync(other);
            _clock.Advance(TimeSpan.FromSeconds(0.25));
        }

        Assert.True(Window(node).TryTake(held));
        Window(node).EndWait(held);
        Assert.Equal(0, Window(other).Spare);
        await RoundAsync(node);
        Assert.Empty(await WantedAsync());
    }

    /// <summary>The others gave back all that they held, for as long as the node lived.</summary>
    [Fact]
    public async Task What_a_call_waited_for_that_went_away_is_wanted_no_longer()
    {
        var (node, other) = (await StartAsync(), await StartAsync());
        await MakeBudgetAsync("b");
        await RoundAsync(other, refresh: true);
        await RoundAsync(node, refresh: true);
        Window(node).BeginWait(Cap);
        await RoundAsync(node);
        Assert.Single(await WantedAsync());

        Window(node).EndWait(Cap);
        await RoundAsync(node);

        Assert.Empty(await WantedAsync());
    }

    /// <summary>The lower limit held only once the node had told how it stands; until then it let calls in by the old one.</summary>
    [Fact]
    public async Task A_node_tells_that_it_holds_by_a_lower_limit_when_it_has_given_back_what_is_beyond()
    {
        var node = await StartAsync();
        var budget = await MakeBudgetAsync("b");
        await RoundAsync(node, refresh: true);
        Assert.Equal(Cap, Window(node).Spare);
        var revision = await WriteAsync($"UPDATE governance_budget SET limit_nanos = 10 WHERE id = {budget}");

        await RoundAsync(node); // has not heard of it
        Assert.True(await HeldAsync(node) < revision);
        Assert.Equal(Cap, Window(node).Spare);
        await RoundAsync(node, refresh: true);

        Assert.Equal(revision, await HeldAsync(node));
        Assert.Equal(10, Window(node).Spare);
    }

    /// <summary>Also when the node has not heard of it.</summary>
    [Fact]
    public async Task Nobody_is_lent_more_than_the_limit_that_the_database_has()
    {
        var (node, other) = (await StartAsync(), await StartAsync());
        var budget = await MakeBudgetAsync("b");
        await node.Publisher.RefreshAsync(Ct);
        await WriteAsync($"UPDATE governance_budget SET limit_nanos = 10 WHERE id = {budget}");

        await RoundAsync(node);

        Assert.InRange(Window(node).Granted, 1, 10);
        Assert.True(other.IsAlive);
    }

    /// <summary>A node that started again within the minute had all of it anew.</summary>
    [Fact]
    public async Task What_a_killed_node_used_of_a_minute_stays_used_when_it_starts_again()
    {
        var node = await StartAsync();
        var limit = Guid.CreateVersion7();
        await WriteAsync(
            $"""
            INSERT INTO governance_limit (id, name, requests_per_minute, created_by, created_at)
            VALUES ({limit}, 'l', {10L}, 'a', {_clock.GetUtcNow()})
            """);
        await RoundAsync(node, refresh: true);
        var window = Window(node);
        window.BeginWait(1);
        await RoundAsync(node);
        window.EndWait(1);
        Assert.True(window.TryTake(1) && window.TryTake(1) && window.TryTake(1));
        _clock.Advance(TimeSpan.FromSeconds(1));
        await RoundAsync(node);

        node.Kill();
        node.StartAgain();
        await node.Presence.ShowAsync(Ct);
        await DrainAsync(node);
        await RoundAsync(node);
        Window(node).BeginWait(1);
        await RoundAsync(node);

        Assert.Equal(7, Window(node).Granted);
    }

    /// <summary>It took of the new day, and the ledger charged it to the old one.</summary>
    [Fact]
    public async Task A_call_that_comes_to_its_hold_after_midnight_takes_of_the_day_in_which_it_began()
    {
        _clock.Advance(TimeSpan.FromHours(12) - TimeSpan.FromSeconds(11)); // one second to midnight
        var node = await StartAsync();
        await MakeBudgetAsync("b", "day");
        await RoundAsync(node, refresh: true);
        var (began, allowance) = (_clock.GetUtcNow(), node.Book.All.Single());
        _clock.Advance(TimeSpan.FromSeconds(2));
        await RoundAsync(node);

        Assert.Equal(began.Date, allowance.Current(began).From.UtcDateTime);
        Assert.Equal(_clock.GetUtcNow().Date, allowance.Current(_clock.GetUtcNow()).From.UtcDateTime);
        Assert.True(allowance.Current(began).TryTake(Cap));
    }

    /// <summary>Calls of a node that had not heard of a budget held nothing of it, and came on top.</summary>
    [Fact]
    public async Task A_change_is_answered_when_every_node_that_lives_holds_by_it()
    {
        var (node, other) = (await StartAsync(), await StartAsync());
        var budget = await MakeBudgetAsync("b");
        await RoundAsync(node, refresh: true);
        await RoundAsync(other, refresh: true);
        var revision = await WriteAsync($"UPDATE governance_budget SET limit_nanos = 10 WHERE id = {budget}");

        var answered = node.Agreement.WaitAsync(revision);
        await RoundAsync(node, refresh: true);
        await RoundAsync(other); // has not heard of it
        await RoundAsync(node);
        Assert.False(answered.IsCompleted);
        await RoundAsync(other, refresh: true);
        await RoundAsync(node);

        await answered;
        Assert.InRange(Window(node).Granted + Window(other).Granted, 0, 10);
    }

    [Fact]
    public async Task A_node_that_is_dead_is_not_waited_for_and_one_that_does_not_hear_for_three_seconds()
    {
        var (node, other) = (await StartAsync(), await StartAsync());
        await RoundAsync(node);
        await RoundAsync(other);
        var revision = await WriteAsync($"UPDATE governance_budget SET limit_nanos = 10");

        var early = node.Agreement.WaitAsync(revision);
        await RoundAsync(node, refresh: true);
        Assert.False(early.IsCompleted);
        _clock.Advance(TimeSpan.FromSeconds(3));
        await early;

        await RoundAsync(node);
        _clock.Advance(TimeSpan.FromSeconds(3));
        await RoundAsync(node); // by now the other has been silent for too long
        var late = node.Agreement.WaitAsync(revision);
        await RoundAsync(node);
        await late;
    }

    /// <summary>A call of the old revision made its end user's count by the old rule, and that one stayed.</summary>
    [Fact]
    public async Task A_count_that_a_call_of_an_older_revision_makes_has_the_newest_rule()
    {
        var node = await StartAsync();
        var budget = await MakeBudgetAsync("b");
        await WriteAsync($"UPDATE governance_budget SET end_user = '*', mode = 'soft' WHERE id = {budget}");
        await node.Publisher.RefreshAsync(Ct);
        var older = node.Table;
        await WriteAsync($"UPDATE governance_budget SET mode = 'hard' WHERE id = {budget}");
        await node.Publisher.RefreshAsync(Ct);

        var found = older.Find(node.Principal, "r", "ann", _clock.GetUtcNow())!.Single();

        Assert.True(found.Rule.Enforced);
        Assert.Same(found, node.Table.Find(node.Principal, "r", "ann", _clock.GetUtcNow())!.Single());
    }

    /// <summary>Whoever gives back what is not in the ledger lends it twice.</summary>
    [Fact]
    public async Task A_node_that_stops_keeps_what_it_used_and_the_ledger_does_not_have()
    {
        var node = await StartAsync();
        var budget = await MakeBudgetAsync("b");
        await RoundAsync(node, refresh: true);
        End(Begin(node, 300), 200);

        await node.Worker.StopAsync(Ct);

        Assert.Equal((200L, 0L), await LeaseAsync(budget, node));
        await DrainAsync(node, round: false);
        await node.Worker.StopAsync(Ct);
        Assert.Empty(await Db.QueryAsync($"SELECT 1 FROM governance_lease", row => row.Long(0), Ct));
    }

    /// <summary>The budget was said to be used up until its period ended.</summary>
    [Fact]
    public async Task What_calls_were_priced_down_by_is_free_again()
    {
        var (node, budget) = (await StartAsync(), await MakeBudgetAsync("b"));
        await RoundAsync(node, refresh: true);
        End(Begin(node, Cap), Cap);
        await DrainAsync(node);
        _clock.Advance(TimeSpan.FromSeconds(1));
        await RoundAsync(node);
        await Db.ExecuteAsync($"UPDATE governance_allowance SET spent = 100, lowered = {Cap - 100} WHERE rule_id = {budget}", Ct);
        Window(node).Ask();
        await RoundAsync(node);

        Assert.Equal(Cap - 100, Window(node).MostLeft);
        Assert.Equal(Cap - 100, Window(node).Spare);
        var (_, faults) = await Db.TransactionAsync(sql => BudgetInvariants.LeasesAsync(sql, _clock, Ct), Ct);
        Assert.Empty(faults);
    }

    /// <summary>Calls were refused for as long as the driver waits, half a minute.</summary>
    [Fact]
    public async Task Rates_go_on_by_shares_while_the_database_is_silent_also_in_a_new_minute()
    {
        var node = await StartAsync();
        await MakeLimitAsync(10);
        await RoundAsync(node, refresh: true);
        node.Db.Before = () => new TaskCompletionSource().Task;
        _clock.Advance(TimeSpan.FromMinutes(1));
        var round = node.Worker.RoundAsync(Ct);
        Assert.False(round.IsCompleted);
        _clock.Advance(TimeSpan.FromSeconds(2));
        await round.WaitAsync(TimeSpan.FromSeconds(20), Ct);
        Assert.Equal(10, node.Book.All.Single().Current(_clock.GetUtcNow()).Granted);

        round = node.Worker.RoundAsync(Ct);
        _clock.Advance(TimeSpan.FromMinutes(1));
        await round.WaitAsync(TimeSpan.FromSeconds(20), Ct);
        Assert.Equal(10, node.Book.All.Single().Current(_clock.GetUtcNow()).Granted);

        node.Db.Before = () => Task.CompletedTask;
        await RoundAsync(node);
        await RoundAsync(node);
        Assert.DoesNotContain(node.Log.Messages, m => m.StartsWith("Others", StringComparison.Ordinal)); // a share is no lease
    }

    [Fact]
    public async Task While_a_statement_hangs_rates_have_their_share_and_money_keeps_to_its_pledge()
    {
        var (node, other) = (await StartAsync(), await StartAsync());
        await RoundAsync(other);
        await MakeLimitAsync(10);
        await MakeBudgetAsync("b");
        await RoundAsync(node, refresh: true);
        await RoundAsync(node);
        var (rate, money) = (
            node.Book.All.Single(a => a.Rule.Measure == Measure.Requests), node.Book.All.Single(a => a.Rule.Measure == Measure.Money));
        node.Db.Before = () => new TaskCompletionSource().Task;
        _clock.Advance(TimeSpan.FromMinutes(1));

        var round = node.Worker.RoundAsync(Ct);
        _clock.Advance(TimeSpan.FromSeconds(1.5));
        while (rate.Current(_clock.GetUtcNow()).Granted < 5)
        {
            Assert.False(round.IsCompleted);
            await Task.Yield();
        }

        Assert.Equal(5, rate.Current(_clock.GetUtcNow()).Granted);
        Assert.InRange(money.Window.Pledged, 0, Cap);
        _clock.Advance(TimeSpan.FromSeconds(1));
        await round.WaitAsync(TimeSpan.FromSeconds(20), Ct);
    }

    /// <summary>What a removed rule gave is nobody's loss.</summary>
    [Fact]
    public async Task A_lease_of_a_rule_that_was_removed_is_not_told_as_lost()
    {
        var node = await StartAsync();
        await MakeBudgetAsync("b");
        await RoundAsync(node, refresh: true);
        await Db.ExecuteAsync($"DELETE FROM governance_budget", Ct);
        await Db.ExecuteAsync($"DELETE FROM governance_lease", Ct);
        Window(node).Ask();

        await RoundAsync(node); // has not heard of it

        Assert.Empty(node.Log.Messages);
        Assert.Equal(0, Window(node).Granted);
    }

    /// <summary>Others took the node for dead, and freed what it held.</summary>
    [Fact]
    public async Task A_node_shows_itself_within_a_long_round()
    {
        var node = await StartAsync();
        for (var i = 0; i < 8; i++)
        {
            await MakeBudgetAsync($"b{i}");
        }

        await RoundAsync(node);
        var before = await BeatsAsync(node);
        node.Db.After = () =>
        {
            _clock.Advance(TimeSpan.FromMilliseconds(300));
            return Task.CompletedTask;
        };
        await RoundAsync(node, refresh: true);

        Assert.InRange(await BeatsAsync(node) - before, 4, 8);
    }

    /// <summary>A call waited until ten thousand end users' counts had been told.</summary>
    [Fact]
    public async Task Counts_that_ask_give_way_to_calls_that_wait_and_the_revision_is_held_when_all_were_looked_at()
    {
        var node = await StartAsync();
        for (var i = 0; i < 8; i++)
        {
            await MakeBudgetAsync($"b{i}");
        }

        await RoundAsync(node, refresh: true);
        var revision = await WriteAsync($"UPDATE governance_budget SET limit_nanos = 10");
        await node.Publisher.RefreshAsync(Ct);
        var waited = node.Book.All.First().Window;
        node.Db.After = () =>
        {
            if (waited.Waiting == 0)
            {
                waited.BeginWait(1);
            }

            _clock.Advance(TimeSpan.FromMilliseconds(150));
            return Task.CompletedTask;
        };
        await RoundAsync(node);

        Assert.Contains(node.Book.All, a => a.IsAsking && a.Window != waited);
        Assert.True(await HeldAsync(node) < revision);
        node.Db.After = () => Task.CompletedTask;
        waited.EndWait(1);
        await RoundAsync(node);
        Assert.Equal(revision, await HeldAsync(node));
    }

    /// <summary>The count began with the new day, and the ledger charges the old one.</summary>
    [Fact]
    public async Task A_count_of_an_end_user_that_a_call_of_yesterday_makes_begins_with_yesterday()
    {
        _clock.Advance(TimeSpan.FromHours(12) - TimeSpan.FromSeconds(11)); // one second to midnight
        var (node, budget) = (await StartAsync(), await MakeBudgetAsync("b", "day"));
        await WriteAsync($"UPDATE governance_budget SET end_user = '*' WHERE id = {budget}");
        await RoundAsync(node, refresh: true);
        var began = _clock.GetUtcNow();
        _clock.Advance(TimeSpan.FromSeconds(2));

        var found = node.Table.Find(node.Principal, "r", "ann", began)!.Single();

        Assert.Equal(began.Date, found.Current(began).From.UtcDateTime);
        Assert.Equal(_clock.GetUtcNow().Date, found.Current(_clock.GetUtcNow()).From.UtcDateTime);
        Assert.Equal(began.Date, found.Current(began).From.UtcDateTime);
    }

    /// <summary>The count stayed in the days ahead, so what was used up there refused calls until then.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public async Task A_clock_that_ran_ahead_and_is_put_right_leaves_today_what_today_had(int daysMore)
    {
        var (node, budget) = (await StartAsync(), await MakeBudgetAsync("b", "day"));
        await RoundAsync(node, refresh: true);
        End(Begin(node, 400), 400);
        await DrainAsync(node);
        _clock.Step(TimeSpan.FromDays(1));
        await RoundAsync(node);
        _clock.Step(TimeSpan.FromDays(daysMore));
        await RoundAsync(node);
        End(Begin(node, Cap), Cap);
        await DrainAsync(node);

        _clock.Step(-TimeSpan.FromDays(1 + daysMore));
        await RoundAsync(node);
        await RoundAsync(node);

        Assert.Equal(600, Window(node).Spare);
        End(Begin(node, 600), 600);
        await DrainAsync(node);
        Assert.Equal(
            [(_clock.GetUtcNow().Date, Cap), (_clock.GetUtcNow().Date.AddDays(1 + daysMore), Cap)],
            await Db.QueryAsync(
                $"SELECT from_at, spent FROM governance_allowance WHERE rule_id = {budget} AND spent > 0 ORDER BY from_at",
                row => (row.Instant(0).UtcDateTime, row.Long(1)), Ct));
    }

    [Fact]
    public async Task A_node_that_lost_what_it_held_says_so_once_for_all_counts()
    {
        var node = await StartAsync();
        await MakeBudgetAsync("first");
        await MakeBudgetAsync("second");
        await RoundAsync(node, refresh: true);
        await Db.ExecuteAsync($"DELETE FROM governance_lease", Ct);
        foreach (var allowance in node.Book.All)
        {
            allowance.Window.Ask();
        }

        await RoundAsync(node);

        await Db.ExecuteAsync($"DELETE FROM governance_lease", Ct);
        node.Book.All.First().Window.Ask();
        await RoundAsync(node); // it goes on

        Assert.Contains(" 2 ", Assert.Single(node.Log.Messages), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_database_that_cannot_be_written_is_said_once_and_known_until_it_can()
    {
        var node = await StartAsync();
        for (var i = 0; i < 100; i++)
        {
            await MakeBudgetAsync($"b{i}");
        }

        await Db.ExecuteAsync($"PRAGMA max_page_count = 1", Ct); // what it has, and no page more
        await RoundAsync(node, refresh: true);
        await RoundAsync(node);

        Assert.StartsWith("Leases of budgets and limits cannot be renewed", Assert.Single(node.Log.Messages), StringComparison.Ordinal);
        Assert.Equal(DatabaseTrouble.DiskFull, node.Standing.NotWritten);

        await Db.ExecuteAsync($"PRAGMA max_page_count = 1000000", Ct);
        await RoundAsync(node);
        Assert.Null(node.Standing.NotWritten);
        Assert.Equal(2, node.Log.Messages.Count);
        Assert.Contains("answers again", node.Log.Messages.Last(), StringComparison.Ordinal);
    }

    /// <summary>
    /// The last word of a node is of the present period. Of the one before, which ended while calls were under way or the database was
    /// away, the ledger says what was used, and nothing of it stays held.
    /// </summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_a_node_used_of_a_day_that_ended_before_it_stopped_is_charged_to_that_day_and_held_no_more(bool isAway)
    {
        var (node, other) = (await StartAsync(), await StartAsync());
        var budget = await MakeBudgetAsync("b", "day");
        await RoundAsync(other, refresh: true);
        await RoundAsync(node, refresh: true);
        var day = new DateTimeOffset(_clock.GetUtcNow().Date, TimeSpan.Zero);
        var call = Begin(node, 7);
        node.Db.Before = () => isAway ? throw new DatabaseException("away") : Task.CompletedTask;
        _clock.Advance(day.AddDays(1).AddSeconds(1) - _clock.GetUtcNow());
        await RoundAsync(node);
        End(call, 5);

        await node.Worker.StopAsync(Ct); // the ledger has not its journal
        node.Kill();
        node.Db.Before = () => Task.CompletedTask;
        node.StartAgain();
        await node.Presence.ShowAsync(Ct);
        await DrainAsync(node, round: false); // what the run before journalled
        await RoundAsync(node, refresh: true);
        await RoundAsync(other);

        Assert.Equal([(day, 5L)], await Db.QueryAsync(
            $"SELECT from_at, spent FROM governance_allowance WHERE rule_id = {budget} AND spent > 0",
            row => (row.Instant(0), row.Long(1)), Ct));
        Assert.Empty(await Db.QueryAsync(
            $"SELECT run FROM governance_lease WHERE node = {node.Name} AND run <> {node.Book.Run}", row => row.Long(0), Ct));
        Assert.Empty((await Db.TransactionAsync(sql => BudgetInvariants.LeasesAsync(sql, _clock, Ct), Ct)).Faults);
    }

    private static AllowanceWindow Window(SimulatedNode node) => node.Book.All.Single().Window;

    private static async Task RoundAsync(SimulatedNode node, bool refresh = false)
    {
        if (refresh)
        {
            await node.Publisher.RefreshAsync(Ct);
        }

        await node.Worker.RoundAsync(Ct);
    }

    private async Task<SimulatedNode> StartAsync()
    {
        var principal = new Principal(
            Guid.CreateVersion7(), Guid.CreateVersion7(), Guid.CreateVersion7(), "s", SystemEnvironment.Production, default, false, null,
            false);
        var node = new SimulatedNode(Path.Combine(_folder.FullName, $"{_nodes.Count}"), Db, _clock, principal);
        _nodes.Add(node);
        await node.Presence.ShowAsync(Ct);
        return node;
    }

    private async Task<Guid> MakeBudgetAsync(string name, string period = "total")
    {
        var id = Guid.CreateVersion7();
        await WriteAsync(
            $"""
            INSERT INTO governance_budget (id, name, period, mode, limit_nanos, alert_percent, unknown_price, created_by, created_at)
            VALUES ({id}, {name}, {period}, 'hard', {Cap}, 80, 'count', 'a', {_clock.GetUtcNow()})
            """);
        return id;
    }

    private Task<long> MakeLimitAsync(long requests) => WriteAsync(
        $"""
        INSERT INTO governance_limit (id, name, requests_per_minute, created_by, created_at)
        VALUES ({Guid.CreateVersion7()}, 'l', {requests}, 'a', {_clock.GetUtcNow()})
        """);

    private async Task<long> BeatsAsync(SimulatedNode node) =>
        (await Db.QueryAsync($"SELECT beat FROM governance_node WHERE node = {node.Name}", row => row.Long(0), Ct))[0];

    private Task<List<long>> WantedAsync() => Db.QueryAsync($"SELECT 1 FROM governance_lease WHERE wanted", row => row.Long(0), Ct);

    private Task<long> WriteAsync(FormattableString sql) => Db.TransactionAsync(
        async transaction =>
        {
            await transaction.ExecuteAsync(sql, Ct);
            return (await transaction.QueryAsync(
                $"UPDATE governance_revision SET revision = revision + 1 WHERE id = {1} RETURNING revision", row => row.Long(0), Ct))[0];
        },
        Ct);

    private (SimulatedNode Node, Holds Holds, DateTimeOffset At) Begin(SimulatedNode node, long worst)
    {
        var at = _clock.GetUtcNow();
        var holds = new Holds(node.Table.Find(node.Principal, "r", "", at)!);
        foreach (var allowance in holds.Rules)
        {
            Assert.True(holds.TryTake(allowance.Current(at), Measure.Money, worst));
        }

        return (node, holds, at);
    }

    private static void End((SimulatedNode Node, Holds Holds, DateTimeOffset At) call, long real)
    {
        var record = new CallRecord
        {
            Id = Guid.CreateVersion7(),
            TraceId = new string('0', 32),
            SpanId = new string('0', 16),
            TeamId = call.Node.Principal.TeamId,
            Route = "r",
            StartedAtMicros = (call.At - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond,
            Outcome = CallOutcome.Ok,
            CostNanos = real,
            Attempts = [new CallAttempt("p", "m", 0, 0, 0, 0, 200, null, null, null, Nanos.ToUsd(real))],
        };
        call.Holds.Settle(record);
        call.Node.Journal.Append(record);
        call.Holds.Recorded();
    }

    /// <summary>The ledger takes all that the node has journalled, after the node has looked at it.</summary>
    private async Task DrainAsync(SimulatedNode node, bool round = true)
    {
        if (round)
        {
            _clock.Advance(TimeSpan.FromSeconds(1));
            await RoundAsync(node);
        }

        var (after, batch) = (node.Position, new List<CallRecord>());
        node.Journal.TryRead(ref after, batch, 100);
        await Db.TransactionAsync(sql => new BudgetCharges(_metrics, _clock).ChargeAsync(sql, batch, Ct), Ct);
        node.Position = after;
        node.Progress.Drained(after);
    }

    private async Task<(long Granted, long Settled)> LeaseAsync(Guid budget, SimulatedNode node) => (await Db.QueryAsync(
        $"SELECT granted, settled FROM governance_lease WHERE rule_id = {budget} AND node = {node.Name}",
        row => (row.Long(0), row.Long(1)), Ct)).Single();

    private async Task<long> HeldAsync(SimulatedNode node) =>
        (await Db.QueryAsync($"SELECT revision FROM governance_node WHERE node = {node.Name}", row => row.Long(0), Ct))[0];
}
