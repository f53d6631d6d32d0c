using Gatehouse.Contracts;
using Gatehouse.Gateway.Journal;
using Gatehouse.Governance;
using Gatehouse.Tests.Host;
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
        var budget = (await app.Db.QueryAsync($"SELECT {BudgetRows.Columns} FROM governance_budget b", BudgetRows.Read, Ct))[0];
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
        var budget = (await app.Db.QueryAsync($"SELECT {BudgetRows.Columns} FROM governance_budget b", BudgetRows.Read, Ct))[0];
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
