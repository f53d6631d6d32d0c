using System.Net;
using Gatehouse.Configuration;
using Gatehouse.Contracts;
using Gatehouse.Tests.Governance;
using Gatehouse.Tests.Host;
using Microsoft.Extensions.DependencyInjection;

namespace Gatehouse.Tests.Observability;

/// <summary>Re-pricing a period through the whole host, and what the ledger says by day and model.</summary>
public sealed class RepricingTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("sqlite")]
    [InlineData("postgres")]
    public async Task A_period_is_priced_anew_and_ledger_sums_budgets_and_audit_follow(string kind)
    {
        await using var app = await TestApp.StartAsync(kind);
        await using var team = await TestTeam.BuildAsync(app, "blue");
        await team.AddBudgetAsync(new { name = "month", limit_usd = 10, period = "month", team = "blue" });
        for (var i = 0; i < 3; i++)
        {
            Assert.Equal(200, (await team.CallAsync()).Status);
        }

        await team.SettledAsync("month", 3);
        var before = await team.LedgerCostAsync();
        await DoublePricesAsync(app);
        var (_, token) = await app.AddPersonAsync("money@example.org", null, Role.Architect);
        using var money = app.Program(token);
        var (from, to) = (app.Clock.GetUtcNow().AddHours(-1), app.Clock.GetUtcNow().AddHours(1));

        var tried = await money.SendAsync("POST", "api/prices/reprice", new { from, to, dry_run = true }).JsonAsync(HttpStatusCode.OK);
        Assert.Equal(before, await team.LedgerCostAsync());
        var done = await money.SendAsync("POST", "api/prices/reprice", new { from, to, reason = "the new contract" })
            .JsonAsync(HttpStatusCode.OK);

        foreach (var result in (System.Text.Json.JsonElement[])[tried, done])
        {
            Assert.Equal((3, 3), (result.GetProperty("calls").GetInt64(), result.GetProperty("changed").GetInt64()));
            Assert.Equal(
                (before, before * 2),
                (result.GetProperty("cost_before_usd").GetDecimal(), result.GetProperty("cost_after_usd").GetDecimal()));
        }

        Assert.Equal(before * 2, await team.LedgerCostAsync());
        Assert.Equal(
            before, Nanos.ToUsd(await app.Db.CountAsync($"SELECT CAST(SUM(first_cost_nanos) AS BIGINT) FROM observability_ledger")));
        Assert.Equal(before * 2, (await team.BudgetAsync("month")).GetProperty("spent_usd").GetDecimal());
        Assert.Equal(
            before * 2, (await team.GetAsync($"api/traffic?from={from:yyyy-MM-dd'T'HH:mm:ss}Z&to={to:yyyy-MM-dd'T'HH:mm:ss}Z")).GetProperty(
                "total").GetProperty("cost_usd").GetDecimal());
        var audit = await money.GetAsync("api/audit", Ct).JsonAsync(HttpStatusCode.OK);
        Assert.Contains("prices.reprice", audit.GetRawText(), StringComparison.Ordinal);
        Assert.Contains("the new contract", audit.GetRawText(), StringComparison.Ordinal);
        var again = await money.SendAsync("POST", "api/prices/reprice", new { from, to }).JsonAsync(HttpStatusCode.OK);
        Assert.Equal(0, again.GetProperty("changed").GetInt64());
    }

    [Fact]
    public async Task A_teams_own_administrator_does_not_reprice_and_sees_only_its_own_spending()
    {
        await using var app = await TestApp.StartAsync();
        await using var blue = await TestTeam.BuildAsync(app, "blue");
        await using var red = await TestTeam.BuildAsync(app, "red");
        await blue.CallAsync();
        await red.CallAsync();
        await red.CallAsync();
        await blue.RecordedAsync(1);
        await red.RecordedAsync(2);
        var day = app.Clock.GetUtcNow().ToString("yyyy-MM-dd", null);

        await blue.SendAsync(
            "POST", "api/prices/reprice", new { from = app.Clock.GetUtcNow().AddDays(-1), to = app.Clock.GetUtcNow() },
            HttpStatusCode.Forbidden);
        var spending = (await blue.GetAsync($"api/prices/spending?from={day}&to={day}")).GetProperty("items").EnumerateArray().Single();

        Assert.Equal((1, "simulator", day), (spending.GetProperty("calls").GetInt64(), spending.Text("provider"), spending.Text("day")));
        Assert.Equal(await blue.LedgerCostAsync(), spending.GetProperty("cost_usd").GetDecimal());
        Assert.InRange(spending.GetProperty("input_tokens").GetInt64(), 1, 1000);
    }

    private static async Task DoublePricesAsync(TestApp app)
    {
        var path = Path.Combine(app.DataFolder, ConfigurationSource.DefaultFile);
        await File.AppendAllTextAsync(
            path, "\nprices: { models: { simulator/simulator: { input: 2, output: 4, cache_read: 0.2, cache_write: 2.5, cache_write_long: 4 } } }\n", Ct);
        await app.Services.GetRequiredService<ConfigurationState>().ReloadAsync(Ct);
    }
}
