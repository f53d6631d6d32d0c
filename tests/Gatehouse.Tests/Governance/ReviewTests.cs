using System.Net;
using System.Text;
using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Reviews;
using Gatehouse.Tests.Host;
using Microsoft.Extensions.DependencyInjection;

namespace Gatehouse.Tests.Governance;

/// <summary>The review queue, as callers, those who decide and other nodes see it, on both databases.</summary>
public sealed class ReviewTests
{
    private const string Asking = "Is rival corp better?";

    private const string Hold = """
        name: test
        rules:
          - { name: rivals, detect: terms, terms: [ rival corp ], sides: [ input ], action: escalate, escalate: { timeout: 5m } }
        """;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("sqlite", "approve", 200)]
    [InlineData("postgres", "approve", 200)]
    [InlineData("sqlite", "deny", 403)]
    [InlineData("postgres", "deny", 403)]
    public async Task A_call_waits_in_the_queue_until_somebody_decides_and_the_decision_is_audited(string kind, string decision, int status)
    {
        await using var app = await TestApp.StartAsync(kind, policy: Hold);
        await using var team = await TestTeam.BuildAsync(app, "red");

        var call = team.CallAsync(content: Asking);
        var review = await WaitingAsync(team);
        var shown = await team.GetAsync($"api/reviews/{review.Id()}");
        var decided = await team.SendAsync(
            "POST", $"api/reviews/{review.Id()}/decision", new { decision, note = "known partner", label = "false_positive" },
            HttpStatusCode.OK);
        var answer = await call;

        Assert.Equal(status, answer.Status);
        Assert.Equal(review.Id().ToString(), answer.Header(ReviewDesk.Header));
        Assert.Equal(("waiting", "rivals", "input", "red-shop"),
            (review.Text("state"), review.Text("rule"), review.Text("side"), review.Text("system")));
        Assert.Equal("BANNED_TOPIC", review.GetProperty("findings")[0].Text("type"));
        Assert.DoesNotContain("rival corp", review.GetRawText(), StringComparison.Ordinal);
        var text = shown.GetProperty("texts")[0];
        Assert.Equal(Asking, text.Text("text"));
        var mark = text.GetProperty("marks")[0];
        Assert.Equal((3, 10), (mark.GetProperty("start").GetInt32(), mark.GetProperty("length").GetInt32()));
        Assert.Equal((decision == "approve" ? "approved" : "denied", "known partner", "false_positive"),
            (decided.Text("state"), decided.Text("note"), decided.Text("label")));
        var audit = (await team.GetAsync("api/audit")).GetProperty("items").EnumerateArray()
            .Single(e => e.Text("action").StartsWith("review.", StringComparison.Ordinal));
        Assert.Equal(($"review.{decision}", "rivals of red-shop", "label: false_positive; note: known partner"),
            (audit.Text("action"), audit.Text("subject"), audit.Text("detail")));
        var over = await team.SendAsync(
            "POST", $"api/reviews/{review.Id()}/decision", new { decision = "deny" }, HttpStatusCode.Conflict);
        Assert.Equal("review_over", over.Text("code"));
        Assert.Equal(status == 200, (await EndedAsync(team, review.Id())).GetProperty("passed").GetBoolean());

        var label = (await team.GetAsync("api/guard/labels")).GetProperty("items")[0];
        Assert.Equal(("terms", "BANNED_TOPIC", "false_positive", "review"),
            (label.Text("detector"), label.Text("type"), label.Text("verdict"), label.Text("source")));

        // The system stores no content: with the decision the text is gone.
        Assert.Equal("The texts are deleted.", (await team.GetAsync($"api/reviews/{review.Id()}")).Text("no_texts"));
    }

    [Fact]
    public async Task Texts_are_sealed_and_kept_as_long_as_the_system_keeps_content()
    {
        await using var app = await TestApp.StartAsync(policy: Hold.Replace("timeout: 5m", "mode: after", StringComparison.Ordinal));
        await using var team = await TestTeam.BuildAsync(app, "red");
        await team.SendAsync("PUT", $"api/systems/{team.System}/environments/development",
            new { store_content = true, retention_days = 7 }, HttpStatusCode.OK);

        Assert.Equal(200, (await team.CallAsync(content: Asking)).Status);
        var review = await UndecidedAsync(team);
        Assert.Equal("open", review.Text("state"));
        await team.SendAsync("POST", $"api/reviews/{review.Id()}/decision", new { decision = "approve" }, HttpStatusCode.OK);

        Assert.Equal(Asking, (await team.GetAsync($"api/reviews/{review.Id()}")).GetProperty("texts")[0].Text("text"));
        var bytes = (await app.Db.QueryAsync($"SELECT texts FROM governance_review", row => row.Bytes(0), Ct))[0];
        Assert.DoesNotContain("rival", Encoding.Latin1.GetString(bytes), StringComparison.Ordinal);
        Assert.Equal(
            (app.Clock.GetUtcNow() - DateTimeOffset.UnixEpoch).Days + 7,
            await app.Db.CountAsync($"SELECT texts_until FROM governance_review") / TimeSpan.MicrosecondsPerDay);
        app.Clock.Advance(TimeSpan.FromDays(8));
        await app.Services.GetRequiredService<Gatehouse.Governance.ReviewRows>().DeleteOldTextsAsync(app.Clock.GetUtcNow(), Ct);
        Assert.Equal("The texts are deleted.", (await team.GetAsync($"api/reviews/{review.Id()}")).Text("no_texts"));
    }

    /// <summary>A label made of a decision kept the text for a year, whatever the system's policy said.</summary>
    [Theory]
    [InlineData("sqlite", false)]
    [InlineData("postgres", false)]
    [InlineData("sqlite", true)]
    public async Task A_label_of_a_decision_keeps_the_text_where_the_system_stores_content_and_nowhere_else(string kind, bool stores)
    {
        await using var app = await TestApp.StartAsync(kind, policy: Hold.Replace("timeout: 5m", "mode: after", StringComparison.Ordinal));
        await using var team = await TestTeam.BuildAsync(app, "red");
        await team.SendAsync("PUT", $"api/systems/{team.System}/environments/development",
            new { store_content = stores, retention_days = 7 }, HttpStatusCode.OK);

        Assert.Equal(200, (await team.CallAsync(content: Asking)).Status);
        var review = await UndecidedAsync(team);
        await team.SendAsync(
            "POST", $"api/reviews/{review.Id()}/decision", new { decision = "approve", label = "right" }, HttpStatusCode.OK);

        var label = (await team.GetAsync("api/guard/labels")).GetProperty("items").EnumerateArray().Single();
        Assert.Equal(("terms", "right"), (label.Text("detector"), label.Text("verdict")));
        Assert.Equal(stores, label.TryGetProperty("text", out var text) && text.ValueKind == JsonValueKind.String);
        Assert.Equal(stores ? 1 : 0, await app.Db.CountAsync($"SELECT COUNT(*) FROM governance_label WHERE LENGTH(text) > 0"));
        Assert.Equal(stores, (await team.GetTextAsync("api/guard/labels/export?set=other")).Contains(Asking, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Who_decides_and_who_reads_depends_on_the_role()
    {
        await using var app = await TestApp.StartAsync(policy: Hold);
        await using var team = await TestTeam.BuildAsync(app, "red");
        var call = team.CallAsync(content: Asking);
        var address = $"api/reviews/{(await WaitingAsync(team)).Id()}";
        var (_, viewer) = await app.AddPersonAsync("viewer@example.org", team.Team, Role.Viewer);
        var (_, engineer) = await app.AddPersonAsync("engineer@example.org", team.Team, Role.Engineer);
        var (_, approver) = await app.AddPersonAsync("approver@example.org", team.Team, Role.Approver);

        foreach (var (token, reads, decides) in ((string, bool, bool)[])
            [(viewer, false, false), (engineer, true, false), (approver, false, true)])
        {
            using var http = app.Program(token);
            var shown = await http.GetAsync(address, Ct).JsonAsync(HttpStatusCode.OK);
            Assert.Equal(reads, shown.TryGetProperty("texts", out var texts) && texts.ValueKind == JsonValueKind.Array);
            Assert.Equal("BANNED_TOPIC", shown.GetProperty("review").GetProperty("findings")[0].Text("type"));
            using var answer = await http.SendAsync("POST", $"{address}/decision", new { decision = "approve" });
            Assert.Equal(decides ? HttpStatusCode.OK : HttpStatusCode.Forbidden, answer.StatusCode);
        }

        Assert.Equal(200, (await call).Status);
    }

    [Theory]
    [InlineData("sqlite")]
    [InlineData("postgres")]
    public async Task Somebody_at_another_node_decides_and_the_call_hears_of_it(string kind)
    {
        await using var app = await TestApp.StartAsync(kind, policy: Hold);
        await using var node = await app.StartNodeAsync(Hold);
        await using var team = await TestTeam.BuildAsync(app, "red");
        await using var there = team.On(node);
        await IncidentTests.SeesKeyAsync(node, team.Key);

        var call = team.CallAsync(content: Asking);
        var review = await WaitingAsync(there);
        await there.SendAsync("POST", $"api/reviews/{review.Id()}/decision", new { decision = "approve" }, HttpStatusCode.OK);

        Assert.Equal(200, (await call.WaitAsync(TimeSpan.FromSeconds(30), Ct)).Status);
    }

    [Fact]
    public async Task What_an_earlier_run_of_the_node_held_is_abandoned_at_its_start()
    {
        var app = await TestApp.StartAsync(policy: Hold);
        await using var team = await TestTeam.BuildAsync(app, "red");
        var waiting = team.CallAsync(content: Asking);
        var review = await WaitingAsync(team);
        var root = new Person(Guid.Empty, "test", "test", [new Membership(null, Role.Admin)]);

        // As if the process had died: nobody writes that the call is gone, and the texts are there still.
        await app.Db.ExecuteAsync(
            $"""
            INSERT INTO governance_review (team_id, id, system_id, environment, state, holds, passes_on_timeout, policy, policy_revision, rule,
                side, findings, texts, texts_until, call_id, request_id, route, node, asked_at, due_at)
            SELECT team_id, {Guid.CreateVersion7()}, system_id, environment, state, holds, passes_on_timeout, policy, policy_revision, rule,
                side, findings, texts, texts_until, call_id, request_id, route, node, asked_at - 1000000, due_at
            FROM governance_review
            """, Ct);
        await team.SendAsync("POST", $"api/reviews/{review.Id()}/decision", new { decision = "approve" }, HttpStatusCode.OK);
        await waiting;
        app = await app.RestartAsync();

        await using (app)
        {
            var reviews = app.Services.GetRequiredService<Gatehouse.Governance.Reviews>();
            while ((await reviews.ListAsync(root, new(State: ReviewState.Abandoned), Ct)).Count == 0)
            {
                Ct.ThrowIfCancellationRequested();
            }

            Assert.Single(await reviews.ListAsync(root, new(State: ReviewState.Approved), Ct));
            Assert.Empty(await reviews.ListAsync(root, new(Undecided: true), Ct));
            Assert.Equal(0, await app.Db.CountAsync($"SELECT COUNT(*) FROM governance_review WHERE texts IS NOT NULL"));
        }
    }

    internal static Task<JsonElement> WaitingAsync(TestTeam team) => FirstAsync(team, "api/reviews?state=waiting", _ => true);

    private static Task<JsonElement> UndecidedAsync(TestTeam team) => FirstAsync(team, "api/reviews?undecided=true", _ => true);

    private static Task<JsonElement> EndedAsync(TestTeam team, Guid id) => FirstAsync(
        team, "api/reviews", r => r.Id() == id && r.TryGetProperty("passed", out var passed) && passed.ValueKind != JsonValueKind.Null);

    private static async Task<JsonElement> FirstAsync(TestTeam team, string path, Func<JsonElement, bool> wanted)
    {
        var began = TimeProvider.System.GetTimestamp();
        while (true)
        {
            foreach (var review in (await team.GetAsync(path)).GetProperty("items").EnumerateArray())
            {
                if (wanted(review))
                {
                    return review;
                }
            }

            Assert.True(TimeProvider.System.GetElapsedTime(began) < TimeSpan.FromSeconds(30), "No such review came.");
        }
    }
}
