using Gatehouse.Commands;
using Gatehouse.Configuration;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Journal;
using Gatehouse.Gateway.Routing;
using Gatehouse.Governance;
using Gatehouse.Hosting;
using Gatehouse.Tests.Host;
using Gatehouse.Tests.Observability;
using Microsoft.Extensions.DependencyInjection;

namespace Gatehouse.Tests.Governance;

/// <summary>Budgets that are counted anew while the ledger charges them.</summary>
public sealed class RecountTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    /// <summary>
    /// The count used to lock the rows of all end users in no order, and met a charge that had one of them: PostgreSQL ended one of the
    /// two.
    /// </summary>
    [Theory]
    [InlineData("sqlite")]
    [InlineData("postgres")]
    public async Task A_count_of_end_users_waits_for_a_charge_and_never_in_a_circle(string kind)
    {
        await using var app = await TestApp.StartAsync(kind);
        await using var team = await TestTeam.BuildAsync(app, "blue");
        await team.AddBudgetAsync(new { name = "per-user", limit_usd = 1, period = "total", team = "blue", end_user = "*" });
        var (charges, recounts) = (app.Services.GetRequiredService<BudgetCharges>(), app.Services.GetRequiredService<BudgetRecounts>());
        var budget = await BudgetAsync(app);
        await app.Db.TransactionAsync(sql => charges.ChargeAsync(sql, [Record("ann"), Record("bob")], Ct), Ct);
        var (charged, goOn) = (new TaskCompletionSource(), new TaskCompletionSource());

        var charging = app.Db.TransactionAsync(
            async sql =>
            {
                await charges.ChargeAsync(sql, [Record("bob")], Ct);
                charged.SetResult();
                await goOn.Task;
                await charges.ChargeAsync(sql, [Record("ann")], Ct);
            },
            Ct);
        await charged.Task;
        var counting = recounts.RecountAsync(budget, Ct);
        while (kind == "postgres" && await WaitingAsync(app) == 0)
        {
            Assert.False(counting.IsCompleted); // it must wait for what is being charged
        }

        goOn.SetResult();
        await charging;
        await counting;

        Assert.Equal(0, await WaitingAsync(app, kind));

        CallRecord Record(string user) => RecountTests.Record(app, team, user);
    }

    /// <summary>The count used to hold SQLite's only writer for as long as it walked the ledger.</summary>
    [Theory]
    [InlineData("sqlite")]
    [InlineData("postgres")]
    public async Task What_is_charged_while_a_budget_is_counted_is_neither_lost_nor_counted_twice(string kind)
    {
        await using var app = await TestApp.StartAsync(kind);
        await using var team = await TestTeam.BuildAsync(app, "blue");
        await team.AddBudgetAsync(new { name = "all", limit_usd = 1, period = "total", team = "blue" });
        var budget = await BudgetAsync(app);
        var charges = app.Services.GetRequiredService<BudgetCharges>();
        var (walking, goOn) = (new TaskCompletionSource(), new TaskCompletionSource());
        var recounts = new BudgetRecounts(
            app.Db,
            async (_, _, _, _, _) =>
            {
                walking.TrySetResult();
                await goOn.Task;
                return [("", 5000, 2)]; // what a ledger holds that was not charged at all
            },
            charges,
            app.Clock);

        var counting = Task.Run(() => recounts.RecountAsync(budget, Ct), Ct);
        await walking.Task;
        await app.Db.TransactionAsync(sql => charges.ChargeAsync(sql, [Record(app, team)], Ct), Ct);
        Assert.Equal(1000, await SpentAsync(app));
        goOn.SetResult();
        await counting;
        await recounts.RecountAsync(budget, Ct); // not due any more: changes nothing

        Assert.Equal(6000, await SpentAsync(app));
        Assert.Equal(2, await app.Db.CountAsync($"SELECT unknown_calls FROM governance_allowance WHERE measure = 'money'"));
    }

    /// <summary>
    /// Reservations may have told of what is taken away for as long as they live: together they are still what was charged.
    /// </summary>
    [Theory]
    [InlineData("sqlite")]
    [InlineData("postgres")]
    public async Task What_a_count_takes_from_a_budget_is_kept_as_lowered_and_what_it_adds_is_not(string kind)
    {
        await using var app = await TestApp.StartAsync(kind);
        await using var team = await TestTeam.BuildAsync(app, "blue");
        await team.AddBudgetAsync(new { name = "all", limit_usd = 1, period = "total", team = "blue" });
        var budget = await BudgetAsync(app);
        var charges = app.Services.GetRequiredService<BudgetCharges>();
        await app.Db.TransactionAsync(sql => charges.ChargeAsync(sql, [Record(app, team)], Ct), Ct);
        Assert.Equal((1000, 0), (await SpentAsync(app), await LoweredAsync(app)));

        await CountAsync(400);
        Assert.Equal((400, 600), (await SpentAsync(app), await LoweredAsync(app)));

        await CountAsync(900);
        Assert.Equal((900, 600), (await SpentAsync(app), await LoweredAsync(app)));

        await CountAsync(850);
        Assert.Equal((850, 650), (await SpentAsync(app), await LoweredAsync(app)));

        async Task CountAsync(long held)
        {
            await app.Db.ExecuteAsync($"UPDATE governance_budget SET recount_at = {budget.CreatedAt + BudgetRecounts.Again}", Ct);
            await new BudgetRecounts(app.Db, (_, _, _, _, _) => Held(held), charges, app.Clock).RecountAsync(budget, Ct);
        }
    }

    /// <summary>The second count is for calls whose transaction was open while the budget was made.</summary>
    [Theory]
    [InlineData("sqlite")]
    [InlineData("postgres")]
    public async Task A_new_budget_is_counted_once_more_when_no_transaction_of_before_can_be_open(string kind)
    {
        await using var app = await TestApp.StartAsync(kind);
        await using var team = await TestTeam.BuildAsync(app, "blue");
        await team.AddBudgetAsync(new { name = "all", limit_usd = 1, period = "total", team = "blue" });
        var budget = await BudgetAsync(app);
        var held = 0L;
        var clock = new SettableClock(budget.CreatedAt + BudgetRecounts.Again - TimeSpan.FromSeconds(1));
        var recounts = new BudgetRecounts(
            app.Db, (_, _, _, _, _) => Held(held), app.Services.GetRequiredService<BudgetCharges>(), clock);
        held = 1000;

        await recounts.RunDueAsync(Ct);
        Assert.Equal(0, await SpentAsync(app));

        // Somebody wants it counted at once: the second count is still to come. The app's own worker may be first, and finds nothing.
        for (var i = 0; i < 20 && await SpentAsync(app) == 0; i++)
        {
            await app.Db.ExecuteAsync($"UPDATE governance_budget SET recount_at = {budget.CreatedAt}", Ct);
            await recounts.RunDueAsync(Ct);
        }

        Assert.Equal(1000, await SpentAsync(app));
        Assert.Equal(1, await app.Db.CountAsync(
            $"SELECT COUNT(*) FROM governance_budget WHERE recount_at = {budget.CreatedAt + BudgetRecounts.Again}"));

        held = 1700;
        await recounts.RunDueAsync(Ct);
        Assert.Equal(1000, await SpentAsync(app));
        clock.Now = budget.CreatedAt + BudgetRecounts.Again;
        await recounts.RunDueAsync(Ct);
        Assert.Equal(1700, await SpentAsync(app));

        held = 9000;
        clock.Now += TimeSpan.FromHours(1);
        await recounts.RunDueAsync(Ct);
        Assert.Equal(1700, await SpentAsync(app));
    }

    /// <summary>What was counted before the transaction belongs to the period that has just ended.</summary>
    [Theory]
    [InlineData("sqlite")]
    [InlineData("postgres")]
    public async Task A_budget_that_is_made_as_a_period_turns_begins_with_the_new_one_alone(string kind)
    {
        await using var app = await TestApp.StartAsync(kind);
        await using var team = await TestTeam.BuildAsync(app, "blue");
        await team.AddBudgetAsync(new { name = "all", limit_usd = 1, period = "day", team = "blue" });
        var midnight = new DateTimeOffset((await BudgetAsync(app)).CreatedAt.UtcDateTime.Date.AddDays(1), TimeSpan.Zero);
        var asked = new List<(DateTimeOffset From, DateTimeOffset Until)>();
        var recounts = new BudgetRecounts(
            app.Db,
            (_, _, from, until, _) =>
            {
                asked.Add((from, until));
                return Held(70);
            },
            app.Services.GetRequiredService<BudgetCharges>(),
            app.Clock);

        await BeginAsync(midnight.AddMilliseconds(-200), midnight.AddMilliseconds(50));
        Assert.Equal(70, await SpentAsync(app, midnight));
        await BeginAsync(midnight.AddHours(3), midnight.AddHours(3).AddMilliseconds(50));
        Assert.Equal(70 + 5000 + 70, await SpentAsync(app, midnight));

        Assert.Equal([(midnight, midnight.AddDays(1)), (midnight.AddHours(3), midnight.AddDays(1))], asked);

        async Task BeginAsync(DateTimeOffset upTo, DateTimeOffset madeAt)
        {
            var budget = await BudgetAsync(app) with { CreatedAt = madeAt };
            await app.Db.TransactionAsync(sql => recounts.BeginAsync(sql, budget, [("", 5000, 0)], upTo, Ct), Ct);
        }
    }

    /// <summary>
    /// It counted nobody's calls until the day on which it seemed to be made, and nodes told of more that was charged than there was.
    /// </summary>
    [Theory]
    [InlineData("sqlite")]
    [InlineData("postgres")]
    public async Task A_budget_that_was_made_under_a_clock_that_was_ahead_counts_when_it_is_right_again(string kind)
    {
        await using var app = await TestApp.StartAsync(kind);
        await using var team = await TestTeam.BuildAsync(app, "blue");
        app.Clock.Advance(TimeSpan.FromMinutes(app.Clock.GetUtcNow().TimeOfDay > TimeSpan.FromHours(23.5) ? 40 : 0)); // all of one day
        var day = new DateTimeOffset(app.Clock.GetUtcNow().UtcDateTime.Date, TimeSpan.Zero);
        Assert.Equal(200, (await team.CallAsync(user: "ann")).Status); // of today, and of before the budgets
        app.Clock.Advance(TimeSpan.FromDays(2));
        Assert.Equal(200, (await team.CallAsync(user: "ann")).Status);
        await team.RecordedAsync(2);
        await team.AddBudgetAsync(new { name = "each", limit_usd = 1, period = "day", team = "blue", end_user = "*" });
        await team.AddBudgetAsync(new { name = "all", limit_usd = 1, period = "day", team = "blue" });
        Assert.Equal(200, (await team.CallAsync(user: "ann")).Status);
        await team.RecordedAsync(3);

        app.Clock.Advance(TimeSpan.FromDays(-2));
        await CountAsync($"SELECT COUNT(*) FROM governance_budget WHERE created_at > {day.AddDays(1)}", 0, "made anew");
        app.Clock.Advance(TimeSpan.FromMinutes(10)); // PostgreSQL's did not stand still
        var table = app.Services.GetRequiredService<Snapshot<GatewayTable>>();
        var caller = new Principal(
            Guid.Empty, team.Team, Guid.Empty, "s", SystemEnvironment.Production, SystemStage.Building, false, null, false);
        await UntilAsync(
            () => Task.FromResult(table.Current.Limits.Find(caller, "simulator", "bob", app.Clock.GetUtcNow())?.Count == 2), "known");
        Assert.Equal(200, (await team.CallAsync(user: "ann")).Status);
        await team.RecordedAsync(4);
        await CountAsync($"SELECT COUNT(*) FROM governance_lease WHERE from_at = {day} AND settled > 0", 2, "settled");
        app.Clock.Advance(BudgetRecounts.Again);
        await CountAsync($"SELECT COUNT(*) FROM governance_budget WHERE recount_at IS NOT NULL", 0, "counted");

        foreach (var days in (int[])[0, 2])
        {
            var checks = await LedgerDoctor.CheckAsync(app.Db, ServerParts.JournalOf(app.DataFolder), app.Clock, Ct);
            Assert.All(
                checks.Where(c => c.Name is "budgets" or "reservations"),
                c => Assert.True(c.State == DoctorState.Ok, $"After {days} days: {c.Name}: {c.Message}"));
            app.Clock.Advance(TimeSpan.FromDays(2));
        }

        Task CountAsync(FormattableString count, long wanted, string what) =>
            UntilAsync(async () => await app.Db.CountAsync(count) == wanted, what);
    }

    private static async Task UntilAsync(Func<Task<bool>> holds, string what)
    {
        var began = TimeProvider.System.GetTimestamp();
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        while (!await holds())
        {
            Assert.True(TimeProvider.System.GetElapsedTime(began) < TimeSpan.FromSeconds(60), $"It is not {what} in time.");
            await timer.WaitForNextTickAsync(Ct);
        }
    }

    private static async Task<Budget> BudgetAsync(TestApp app) =>
        (await app.Db.QueryAsync($"SELECT {BudgetRows.Columns} FROM governance_budget b", BudgetRows.Read, Ct))[0];

    private static Task<IReadOnlyList<(string EndUser, long Nanos, long UnknownCalls)>> Held(long nanos) =>
        Task.FromResult<IReadOnlyList<(string, long, long)>>([("", nanos, 0)]);

    private static Task<long> LoweredAsync(TestApp app) =>
        app.Db.CountAsync($"SELECT lowered FROM governance_allowance WHERE measure = 'money'");

    private static Task<long> SpentAsync(TestApp app, DateTimeOffset from) =>
        app.Db.CountAsync($"SELECT spent FROM governance_allowance WHERE measure = 'money' AND from_at = {from}");

    private static Task<long> SpentAsync(TestApp app) =>
        app.Db.CountAsync($"SELECT spent FROM governance_allowance WHERE measure = 'money'");

    private static CallRecord Record(TestApp app, TestTeam team, string user = "") => new()
    {
        Id = Guid.CreateVersion7(),
        TraceId = new string('0', 32),
        SpanId = new string('0', 16),
        StartedAtMicros = (app.Clock.GetUtcNow().ToUnixTimeMilliseconds() + 1000) * 1000, // after the budget was made
        TeamId = team.Team,
        SystemId = team.System,
        KeyId = team.Key,
        Route = "simulator",
        EndUser = user,
        Outcome = CallOutcome.Ok,
        CostNanos = 1000,
    };

    private static async Task<long> WaitingAsync(TestApp app, string kind = "postgres") => kind == "sqlite"
        ? 0
        : await app.Db.CountAsync($"SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'");
}
