using Gatehouse.Contracts;
using Gatehouse.Gateway.Limits;
using Gatehouse.Gateway.Routing;

namespace Gatehouse.Gateway.Tests.Limits;

/// <summary>Which period a call falls into, while the clock runs and while somebody sets it.</summary>
public sealed class AllowanceTests
{
    private static readonly DateTimeOffset Noon = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);

    /// <summary>Calls of today took of another day where the clock had been in more than two, and the ledger charges today.</summary>
    [Theory]
    [InlineData(LimitPeriod.Day)]
    [InlineData(LimitPeriod.Month)]
    public void A_call_takes_of_the_period_in_which_it_began_whatever_the_clock_did(LimitPeriod period)
    {
        for (var seed = 0; seed < 50; seed++)
        {
            var (random, book) = (new Random(seed), new AllowanceBook(TimeProvider.System));
            var allowance = book.Find(Rule(period), "", Noon);
            var windows = new Dictionary<DateTimeOffset, AllowanceWindow>();
            for (var i = 0; i < 200; i++)
            {
                var began = Noon.AddDays(random.Next(28) - 14);
                if (random.Next(4) == 0)
                {
                    allowance.Prepare();
                }

                var window = random.Next(3) == 0 ? allowance.Look(began) : allowance.Current(began);

                Assert.Equal(LimitRule.Window(period, began), (window.From, window.Until));
                Assert.True(windows.TryAdd(window.From, window) || windows[window.From] == window, "It is counted in one place.");
            }
        }
    }

    [Fact]
    public async Task Calls_of_several_days_at_once_find_one_count_of_each()
    {
        var allowance = new AllowanceBook(TimeProvider.System).Find(Rule(LimitPeriod.Day), "", Noon);
        var found = await Task.WhenAll(Enumerable.Range(0, 4).Select(seed => Task.Run(() =>
        {
            var random = new Random(seed);
            return Enumerable.Range(0, 50_000).Select(i =>
            {
                var began = Noon.AddDays(random.Next(10) - 5);
                var window = seed == 0 && i % 7 == 0 ? allowance.Look(began) : allowance.Current(began);
                Assert.Equal(began.Date, window.From.UtcDateTime);
                return window;
            }).ToHashSet();
        })));

        Assert.Equal(10, found.SelectMany(f => f).Distinct().Count());
    }

    /// <summary>Rates are not the ledger's: one that waited for long must not wait anew for a lease of what is over.</summary>
    [Fact]
    public void A_call_that_waited_for_longer_than_a_minute_takes_of_the_minute_in_which_it_is_let_in()
    {
        var allowance = new AllowanceBook(TimeProvider.System).Find(Rule(LimitPeriod.Minute), "", Noon);
        allowance.Look(Noon.AddMinutes(1));
        var now = allowance.Look(Noon.AddMinutes(2));

        Assert.Equal(Noon.AddMinutes(1), allowance.Current(Noon.AddMinutes(1)).From);
        Assert.Same(now, allowance.Current(Noon));
    }

    [Fact]
    public void A_clock_that_runs_forward_costs_no_memory()
    {
        var allowance = new AllowanceBook(TimeProvider.System).Find(Rule(LimitPeriod.Day), "", Noon);
        allowance.Look(Noon.AddDays(1));
        allowance.Current(Noon);

        var allocated = Allocations.Of(() =>
        {
            for (var i = 0; i < 1000; i++)
            {
                allowance.Current(Noon.AddDays(1));
                allowance.Current(Noon);
            }
        });

        Assert.Equal(0, allocated);
    }

    /// <summary>The ledger charges no call of before to a budget of end users: what calls held was charged to nobody.</summary>
    [Fact]
    public void A_call_that_began_before_a_budget_of_end_users_was_made_is_not_held_to_it()
    {
        var rule = Rule(LimitPeriod.Day) with { Scope = new CallScope(null, EndUser: CallScope.EachUser), Since = Noon };
        var table = new LimitTable([rule], new AllowanceBook(TimeProvider.System));
        var principal = new Principal(
            Guid.Empty, Guid.Empty, Guid.Empty, "s", SystemEnvironment.Production, SystemStage.Building, false, null, false);

        Assert.Null(table.Find(principal, "r", "ann", Noon.AddMicroseconds(-1)));
        Assert.Equal("ann", Assert.Single(table.Find(principal, "r", "ann", Noon)!).Subject);
    }

    private static LimitRule Rule(LimitPeriod period) => new(
        new Guid(1, 0, 0, new byte[8]), "r", new CallScope(null, null, null, null, null), Measure.Money, period, 100, true,
        UnknownPrice.Refuse);
}
