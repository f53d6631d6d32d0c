using System.Net;
using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Tests.Host;

namespace Gatehouse.Tests.Governance;

/// <summary>Budgets through the whole host: calls to the gateway, the ledger, the API. The simulator has a price.</summary>
public sealed class BudgetTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("sqlite")]
    [InlineData("postgres")]
    public async Task Two_hundred_parallel_calls_never_pass_a_hard_budget_and_the_books_agree(string kind)
    {
        await using var app = await TestApp.StartAsync(kind);
        await using var team = await TestTeam.BuildAsync(app, "blue");
        const decimal cap = 0.002m;
        await team.AddBudgetAsync(new { name = "tight", limit_usd = cap, period = "month", team = "blue" });

        var answers = await Task.WhenAll(Enumerable.Range(0, 200).Select(i => team.CallAsync(stream: i % 2 == 1)));

        var budget = await team.SettledAsync("tight", 200);
        Assert.Contains(answers, a => a.Status == 200);
        Assert.Contains(answers, a => a.Status == 429);
        Assert.All(answers, a => Assert.True(a.Status is 200 or 429, a.Body));
        var spent = budget.GetProperty("spent_usd").GetDecimal();
        Assert.InRange(spent, cap / 2, cap);
        Assert.Equal(await team.LedgerCostAsync(), spent);
        Assert.Equal(0m, budget.GetProperty("reserved_usd").GetDecimal());
        Assert.Equal(cap - spent, budget.GetProperty("left_usd").GetDecimal());
    }

    [Fact]
    public async Task A_budget_that_cannot_cover_the_call_refuses_it_for_good_and_says_what_would_fit()
    {
        await using var app = await TestApp.StartAsync();
        await using var team = await TestTeam.BuildAsync(app, "blue");
        await team.AddBudgetAsync(new { name = "tiny", limit_usd = 0.0001, period = "day", team = "blue" });

        var large = await team.CallAsync(maxTokens: 1_000_000);
        var unbounded = await team.CallAsync(maxTokens: null);

        foreach (var answer in (Answer[])[large, unbounded])
        {
            Assert.Equal(429, answer.Status);
            Assert.Equal("false", answer.Header("x-should-retry"));
            Assert.Null(answer.Header("retry-after"));
            var error = JsonElement.Parse(answer.Body).GetProperty("error");
            Assert.Equal("insufficient_quota", error.Text("code"));
            Assert.Equal("insufficient_quota", error.Text("type"));
            Assert.Contains("'tiny'", error.Text("message"), StringComparison.Ordinal);
            Assert.Contains("lower its output limit", error.Text("message"), StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("file_uri")]
    [InlineData("cachedContent")]
    [InlineData("cached_content")]
    [InlineData("\\u0066ile_id")]
    [InlineData("cached\\u005fcontent")]
    [InlineData("\\ud800")]
    public async Task Input_that_lies_elsewhere_is_reserved_as_the_whole_context_however_its_name_is_written(string name)
    {
        await using var app = await TestApp.StartAsync();
        await using var team = await TestTeam.BuildAsync(app, "blue");
        await team.AddBudgetAsync(new { name = "small", limit_usd = 0.0004, period = "day", team = "blue" });

        var plain = await team.CallAsync();
        var elsewhere = await team.CallAsync(content: $$"""Hello"}],"extra":[{"{{name}}":"x""");

        Assert.Equal((200, 429), (plain.Status, elsewhere.Status));
    }

    [Fact]
    public async Task The_worst_case_is_released_so_that_calls_go_on_to_the_end_of_the_budget()
    {
        await using var app = await TestApp.StartAsync();
        await using var team = await TestTeam.BuildAsync(app, "blue");
        await team.AddBudgetAsync(new { name = "one-at-a-time", limit_usd = 0.002, period = "month", team = "blue" });

        // Each reserves most of the budget and costs a fraction of it.
        var answers = new List<Answer>();
        for (var i = 0; i < 5; i++)
        {
            answers.Add(await team.CallAsync(maxTokens: 700));
        }

        Assert.All(answers, a => Assert.Equal(200, a.Status));
    }

    [Fact]
    public async Task A_soft_budget_refuses_nothing_and_reports_its_alert_and_its_end_once()
    {
        await using var app = await TestApp.StartAsync();
        await using var team = await TestTeam.BuildAsync(app, "blue");
        await team.AddBudgetAsync(
            new { name = "advice", limit_usd = 0.0000001, period = "month", mode = "soft", alert_percent = 50, team = "blue" });

        Assert.Equal(200, (await team.CallAsync()).Status);
        Assert.Equal(200, (await team.CallAsync()).Status);

        await team.SettledAsync("advice", 2);
        var events = (await team.GetAsync("api/budgets/events")).GetProperty("items").EnumerateArray().ToList();
        Assert.Equal(["alert", "exhausted"], events.Select(e => e.Text("kind")).Order());
        Assert.All(events, e => Assert.Equal("advice", e.Text("budget")));
    }

    [Fact]
    public async Task An_unknown_price_is_refused_or_counted_as_the_budget_says()
    {
        await using var app = await TestApp.StartAsync(route: "unpriced: { targets: [{ provider: simulator, model: no-such-model }] }");
        await using var team = await TestTeam.BuildAsync(app, "blue");
        var id = await team.AddBudgetAsync(new { name = "strict", limit_usd = 1, period = "month", team = "blue" });

        var refused = await team.CallAsync("unpriced");
        await team.SendAsync("PATCH", $"api/budgets/{id}", new { unknown_price = "count", reason = "a trial" }, HttpStatusCode.OK);
        var counted = await team.CallAsync("unpriced");

        Assert.Equal(403, refused.Status);
        Assert.Contains("price_unknown", refused.Body, StringComparison.Ordinal);
        Assert.Contains("simulator/no-such-model", refused.Body, StringComparison.Ordinal);
        Assert.Equal(200, counted.Status);
        Assert.Equal(1, (await team.SettledAsync("strict", 2)).GetProperty("unknown_calls").GetInt64());
    }

    [Fact]
    public async Task Each_end_user_has_their_own_and_nobody_escapes_by_naming_none()
    {
        await using var app = await TestApp.StartAsync();
        await using var team = await TestTeam.BuildAsync(app, "blue");
        await team.AddBudgetAsync(new { name = "per-user", limit_usd = 0.0004, period = "day", team = "blue", end_user = "*" });

        var (ann, bob, nobody) = (await team.ExhaustAsync("ann"), await team.ExhaustAsync("bob"), await team.ExhaustAsync(null));

        Assert.All((int[])[ann, bob, nobody], count => Assert.InRange(count, 1, 20));
        var users = (await team.SettledAsync("per-user", ann + bob + nobody + 3)).GetProperty("users").EnumerateArray().ToList();
        Assert.Equal(["", "ann", "bob"], users.Select(u => u.Text("end_user")).Order(StringComparer.Ordinal));
        Assert.All(users, u => Assert.InRange(u.GetProperty("spent_usd").GetDecimal(), 0.00000001m, 0.0004m));
    }

    [Fact]
    public async Task Scopes_bind_their_own_calls_alone()
    {
        await using var app = await TestApp.StartAsync(route: "other-1: { targets: [{ provider: simulator, model: simulator }] }");
        await using var blue = await TestTeam.BuildAsync(app, "blue");
        await using var red = await TestTeam.BuildAsync(app, "red");
        await blue.AddBudgetAsync(new { name = "by-key", limit_usd = 0.00001, period = "total", key = (Guid?)blue.Key });
        await red.AddBudgetAsync(new { name = "by-route", limit_usd = 0.00001, period = "total", team = "red", route = "other*" });

        Assert.Equal(429, (await blue.CallAsync()).Status);
        Assert.Equal(200, (await red.CallAsync()).Status);
        Assert.Equal(429, (await red.CallAsync("other-1")).Status);
    }

    [Fact]
    public async Task What_the_ledger_holds_counts_when_a_budget_is_made_and_raising_it_lets_calls_in_again()
    {
        await using var app = await TestApp.StartAsync();
        await using var team = await TestTeam.BuildAsync(app, "blue");
        for (var i = 0; i < 20; i++)
        {
            Assert.Equal(200, (await team.CallAsync()).Status);
        }

        await team.RecordedAsync(20);
        var id = await team.AddBudgetAsync(new { name = "late", limit_usd = 0.0003, period = "month", system = (Guid?)team.System });
        Assert.Equal(await team.LedgerCostAsync(), (await team.BudgetAsync("late")).GetProperty("spent_usd").GetDecimal());
        Assert.Equal(429, (await team.CallAsync()).Status);

        await team.SendAsync("PATCH", $"api/budgets/{id}", new { limit_usd = 1 }, HttpStatusCode.OK);
        Assert.Equal(200, (await team.CallAsync()).Status);
        await team.SendAsync("DELETE", $"api/budgets/{id}?reason=done", null, HttpStatusCode.NoContent);
        Assert.Equal(200, (await team.CallAsync(maxTokens: null)).Status);
        Assert.Equal(
            ["budget.change", "budget.create", "budget.remove"],
            (await team.GetAsync("api/audit")).GetProperty("items").EnumerateArray().Select(e => e.Text("action")).Where(
                a => a.StartsWith("budget", StringComparison.Ordinal)).Order());
    }

    [Fact]
    public async Task A_new_period_begins_with_the_whole_budget()
    {
        await using var app = await TestApp.StartAsync();
        await using var team = await TestTeam.BuildAsync(app, "blue");
        await team.AddBudgetAsync(new { name = "daily", limit_usd = 0.0004, period = "day", team = "blue" });
        var first = await team.ExhaustAsync(null);

        app.Clock.Advance(TimeSpan.FromDays(1));

        Assert.Equal(200, (await team.CallAsync()).Status);
        Assert.InRange(first, 1, 20);
    }

    [Fact]
    public async Task Calls_that_break_off_are_charged_what_they_may_have_cost()
    {
        await using var app = await TestApp.StartAsync();
        await using var team = await TestTeam.BuildAsync(app, "blue");
        await team.AddBudgetAsync(new { name = "no-free-ride", limit_usd = 1, period = "month", team = "blue" });

        await team.CallAsync(content: "[simulator: stream_truncated after=3] Hello", stream: true);

        var budget = await team.SettledAsync("no-free-ride", 1);
        Assert.InRange(budget.GetProperty("spent_usd").GetDecimal(), 0.00000001m, 0.001m);
        Assert.Equal(0m, budget.GetProperty("reserved_usd").GetDecimal());
    }

    [Theory]
    [InlineData("""{"name":"X","limit_usd":1,"period":"day"}""", "\"name\"")]
    [InlineData("""{"name":"x","limit_usd":0,"period":"day"}""", "\"limit_usd\"")]
    [InlineData("""{"name":"x","limit_usd":1,"period":"day","alert_percent":101}""", "\"alert_percent\"")]
    [InlineData("""{"name":"x","limit_usd":1,"period":"year"}""", "period")]
    [InlineData("""{"name":"x","limit_usd":1,"period":"day","teem":"blue"}""", "teem")]
    public async Task Wrong_fields_are_named(string body, string named)
    {
        await using var app = await TestApp.StartAsync();
        await using var team = await TestTeam.BuildAsync(app, "blue");

        var answer = await team.PostRawAsync("api/budgets", body);

        Assert.InRange(answer.Status, 400, 422);
        Assert.Contains(named, answer.Body, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(Role.Viewer)]
    [InlineData(Role.Auditor)]
    [InlineData(Role.Engineer)]
    public async Task Budgets_are_set_by_architects_and_administrators(Role role)
    {
        await using var app = await TestApp.StartAsync();
        await using var team = await TestTeam.BuildAsync(app, "blue");
        var (_, token) = await app.AddPersonAsync($"{role}@example.org", team.Team, role);
        using var http = app.Program(token);

        Assert.Equal(
            "forbidden",
            await http.SendAsync("POST", "api/budgets", new { name = "x", limit_usd = 1, period = "day", team = "blue" }).ProblemAsync(
                HttpStatusCode.Forbidden));
        Assert.Equal(
            "forbidden",
            await http.SendAsync("POST", "api/limits", new { name = "x", concurrency = 1, team = "blue" }).ProblemAsync(
                HttpStatusCode.Forbidden));
        Assert.Equal(HttpStatusCode.OK, await http.GetAsync("api/budgets", Ct).StatusAsync());
    }

    [Fact]
    public async Task What_an_earlier_run_held_is_free_again_and_what_it_spent_is_not()
    {
        var app = await TestApp.StartAsync();
        var team = await TestTeam.BuildAsync(app, "blue");
        await team.AddBudgetAsync(new { name = "lasting", limit_usd = 0.0005, period = "total", team = "blue" });
        var first = await team.ExhaustAsync(null);
        await team.SettledAsync("lasting", first + 1);
        var spent = (await team.BudgetAsync("lasting")).GetProperty("spent_usd").GetDecimal();

        await using var again = await app.RestartAsync();
        await using var same = team.On(again);

        Assert.Equal(429, (await same.CallAsync()).Status);
        Assert.Equal(spent, (await same.BudgetAsync("lasting")).GetProperty("spent_usd").GetDecimal());
        Assert.Equal(0, await again.Db.CountAsync($"SELECT COUNT(*) FROM governance_lease WHERE underway <> 0"));
    }
}
