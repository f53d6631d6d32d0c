using System.Net;
using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Limits;
using Gatehouse.Governance;
using Gatehouse.Tests.Host;
using Microsoft.Extensions.DependencyInjection;

namespace Gatehouse.Tests.Governance;

/// <summary>Limits of requests, tokens and concurrency through the whole host.</summary>
public sealed class LimitTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("sqlite")]
    [InlineData("postgres")]
    public async Task Exactly_as_many_calls_as_allowed_begin_within_a_minute(string kind)
    {
        await using var app = await TestApp.StartAsync(kind);
        await using var team = await TestTeam.BuildAsync(app, "blue");
        await team.AddLimitAsync(new { name = "slow", team = "blue", requests_per_minute = 10 });

        var answers = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => team.CallAsync()));

        Assert.Equal(10, answers.Count(a => a.Status == 200));
        var refused = answers.Where(a => a.Status == 429).ToList();
        Assert.Equal(40, refused.Count);
        Assert.All(refused, a =>
        {
            Assert.InRange(int.Parse(a.Header("retry-after")!, null), 1, 60);
            Assert.Null(a.Header("x-should-retry"));
            Assert.Equal("10", a.Header("x-ratelimit-limit-requests"));
            Assert.Equal("0", a.Header("x-ratelimit-remaining-requests"));
            Assert.Contains("rate_limit_exceeded", a.Body, StringComparison.Ordinal);
        });

        app.Clock.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal(200, (await team.CallAsync()).Status);
    }

    [Fact]
    public async Task Answers_say_how_the_caller_stands_in_the_names_of_its_format()
    {
        await using var app = await TestApp.StartAsync();
        await using var team = await TestTeam.BuildAsync(app, "blue");
        await team.AddLimitAsync(new { name = "wide", team = "blue", requests_per_minute = 100, tokens_per_minute = 100_000 });

        var chat = await team.CallAsync();
        var messages = await team.MessagesAsync();

        Assert.Equal(("100", "99"), (chat.Header("x-ratelimit-limit-requests"), chat.Header("x-ratelimit-remaining-requests")));
        Assert.Equal("100000", chat.Header("x-ratelimit-limit-tokens"));
        Assert.EndsWith("s", chat.Header("x-ratelimit-reset-tokens"), StringComparison.Ordinal);
        Assert.Equal(
            ("100", "98"),
            (messages.Header("anthropic-ratelimit-requests-limit"), messages.Header("anthropic-ratelimit-requests-remaining")));
        Assert.EndsWith("Z", messages.Header("anthropic-ratelimit-tokens-reset"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Tokens_are_settled_with_the_real_ones()
    {
        await using var app = await TestApp.StartAsync();
        await using var team = await TestTeam.BuildAsync(app, "blue");
        await team.AddLimitAsync(new { name = "tokens", team = "blue", tokens_per_minute = 1000 });

        var first = await team.CallAsync(maxTokens: 900);
        var second = await team.CallAsync(maxTokens: 900);

        Assert.Equal((200, 200), (first.Status, second.Status));
        var used = JsonElement.Parse(first.Body).GetProperty("usage").GetProperty("total_tokens").GetInt64();
        Assert.Equal(
            (1000 - (2 * used)).ToString(null, null), (await team.CallAsync(maxTokens: 1000)).Header("x-ratelimit-remaining-tokens"));
    }

    [Fact]
    public async Task No_more_calls_than_allowed_are_under_way_and_an_ended_one_makes_room()
    {
        await using var app = await TestApp.StartAsync();
        await using var team = await TestTeam.BuildAsync(app, "blue");
        await team.AddLimitAsync(new { name = "narrow", key = (Guid?)team.Key, concurrency = 2 });
        using var first = await team.OpenStreamAsync();
        using var second = await team.OpenStreamAsync();

        var third = await team.CallAsync();
        first.Dispose();
        var fourth = await team.CallAsync();
        for (var i = 0; fourth.Status == 429 && i < 10; i++)
        {
            fourth = await team.CallAsync(); // the client may take its time to hang up; each try waits a second for room
        }

        Assert.Equal(429, third.Status);
        Assert.Equal("1", third.Header("retry-after"));
        Assert.Contains("concurrency_limit_exceeded", third.Body, StringComparison.Ordinal);
        Assert.Equal(200, fourth.Status);
    }

    [Fact]
    public async Task A_part_is_changed_and_taken_away_and_a_limit_without_parts_is_refused()
    {
        await using var app = await TestApp.StartAsync();
        await using var team = await TestTeam.BuildAsync(app, "blue");
        var id = await team.AddLimitAsync(new { name = "both", team = "blue", requests_per_minute = 1, concurrency = 5 });
        Assert.Equal(200, (await team.CallAsync()).Status);
        Assert.Equal(429, (await team.CallAsync()).Status);

        await team.SendAsync("PATCH", $"api/limits/{id}", new { requests_per_minute = 0 }, HttpStatusCode.OK);
        Assert.Equal(200, (await team.CallAsync()).Status);
        await team.SendAsync("PATCH", $"api/limits/{id}", new { concurrency = 0 }, HttpStatusCode.UnprocessableEntity);
        await team.SendAsync("DELETE", $"api/limits/{id}", null, HttpStatusCode.NoContent);

        Assert.Empty((await team.GetAsync("api/limits")).GetProperty("items").EnumerateArray());
    }

    [Fact]
    public async Task Two_nodes_share_one_limit_and_one_budget()
    {
        await using var app = await TestApp.StartAsync("postgres");
        await using var team = await TestTeam.BuildAsync(app, "blue");
        await using var node = await app.StartNodeAsync();
        await using var there = team.On(node);
        await team.AddLimitAsync(new { name = "shared", team = "blue", requests_per_minute = 30 });
        await there.SeesLimitsAsync(1);

        var answers = await Task.WhenAll(Enumerable.Range(0, 100).Select(i => (i % 2 == 0 ? team : there).CallAsync()));

        Assert.InRange(answers.Count(a => a.Status == 200), 28, 30);
        Assert.All(answers, a => Assert.True(a.Status is 200 or 429, a.Body));
    }

    /// <summary>Calls of a node that had not heard of a budget held nothing of it, and came on top.</summary>
    [Fact]
    public async Task Every_node_holds_by_a_budget_or_limit_when_its_change_is_answered()
    {
        await using var app = await TestApp.StartAsync("postgres");
        await using var team = await TestTeam.BuildAsync(app, "blue");
        await using var node = await app.StartNodeAsync();
        var (tables, book) = (
            node.Services.GetRequiredService<Snapshot<GovernanceTables>>(), node.Services.GetRequiredService<AllowanceBook>());

        await team.AddLimitAsync(new { name = "rate", team = "blue", requests_per_minute = 30 });
        Assert.Equal(Measure.Requests, Assert.Single(tables.Current.Limits).Measure);
        var budget = await team.AddBudgetAsync(new { name = "money", team = "blue", limit_usd = 1, period = "total" });
        Assert.Equal(2, tables.Current.Limits.Count);
        await team.SendAsync("PATCH", $"api/budgets/{budget}", new { limit_usd = 0.000001 }, HttpStatusCode.OK);

        var held = book.All.Single(a => a.Rule.Id == budget);
        Assert.Equal((1000, true), (held.Rule.Cap, held.Window.Granted <= 1000));
    }

    [Fact]
    public async Task A_budget_that_is_counted_anew_keeps_no_other_rule_waiting()
    {
        await using var app = await TestApp.StartAsync("postgres");
        await using var team = await TestTeam.BuildAsync(app, "blue");
        await team.AddBudgetAsync(new { name = "long", limit_usd = 1, period = "month", team = "blue" });
        await team.AddLimitAsync(new { name = "short", team = "blue", requests_per_minute = 10 });
        Assert.Equal(200, (await team.CallAsync()).Status);

        await app.Db.TransactionAsync(
            async sql =>
            {
                await sql.ExecuteAsync($"UPDATE governance_budget SET alert_percent = alert_percent", Ct);
                app.Clock.Advance(TimeSpan.FromMinutes(2));
                while ((await sql.QueryAsync(
                    $"SELECT COUNT(*) FROM pg_locks WHERE NOT granted AND pid IN (SELECT l.pid FROM pg_locks l JOIN pg_database d ON d.oid = l.database WHERE d.datname = current_database())", row => row.Long(0), Ct))[0] == 0)
                {
                }

                Assert.Equal(200, (await team.CallAsync()).Status);
            },
            Ct);
    }

    [Fact]
    public async Task What_an_end_user_held_who_does_not_call_any_more_is_given_back_and_forgotten()
    {
        await using var app = await TestApp.StartAsync();
        await using var team = await TestTeam.BuildAsync(app, "blue");
        await team.AddLimitAsync(new { name = "each", team = "blue", end_user = "*", requests_per_minute = 10, concurrency = 2 });
        // far from the minute's end, when the next is leased ahead
        app.Clock.Advance(TimeSpan.FromSeconds(90 - app.Clock.GetUtcNow().Second));
        Assert.Equal(200, (await team.CallAsync(user: "ann")).Status);
        var leased = await app.Db.CountAsync($"SELECT COUNT(*) FROM governance_lease WHERE subject = 'ann'");

        app.Clock.Advance(TimeSpan.FromMinutes(1));
        foreach (var user in (string[])["bob", "cid", "dan"])
        {
            Assert.Equal(200, (await team.CallAsync(user: user)).Status);
        }

        Assert.Equal(2, leased);
        Assert.InRange(await app.Db.CountAsync($"SELECT COUNT(*) FROM governance_lease WHERE subject = 'ann'"), 1, 2);
        var book = app.Services.GetRequiredService<AllowanceBook>();
        while (book.All.Any(a => a.Subject == "ann"))
        {
            await team.CallAsync(user: "eve");
        }

        Assert.Equal(
            0, await app.Db.CountAsync($"SELECT COUNT(*) FROM governance_lease WHERE subject = 'ann' AND measure = 'concurrency'"));
        Assert.Equal(200, (await team.CallAsync(user: "ann")).Status);
    }

    [Fact]
    public async Task One_more_end_user_than_a_rule_may_have_is_refused_and_those_it_has_are_not()
    {
        await using var app = await TestApp.StartAsync();
        await using var team = await TestTeam.BuildAsync(app, "blue");
        await team.AddLimitAsync(new { name = "each", team = "blue", end_user = "*", requests_per_minute = 10 });
        var rule = Assert.Single(app.Services.GetRequiredService<Snapshot<GovernanceTables>>().Current.Limits);
        var book = app.Services.GetRequiredService<AllowanceBook>();
        for (var i = 0; i < AllowanceBook.MaxUsers; i++)
        {
            book.Find(rule, $"user-{i}");
        }

        var (late, early) = (await team.CallAsync(user: "late"), await team.CallAsync(user: "user-7"));

        Assert.Equal((429, 200), (late.Status, early.Status));
        Assert.Contains("too_many_end_users", late.Body, StringComparison.Ordinal);
        Assert.Equal("10", late.Header("retry-after"));
    }
}
