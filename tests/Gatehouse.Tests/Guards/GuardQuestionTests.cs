using System.Net;
using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Tests.Governance;
using Gatehouse.Tests.Host;

namespace Gatehouse.Tests.Guards;

/// <summary>What is recorded of questions to models and webhooks that guard, from the call to its detail, trace and sums.</summary>
public sealed class GuardQuestionTests
{
    private const string Policy = """
        name: test
        rules:
          - { name: safety, detect: model, model: { route: omni-moderation-latest, shape: moderation, timeout: 20s }, sides: [ input ], min_score: 0.6, action: flag }
          - { name: gone, detect: model, model: { route: simulator, shape: llama_guard, timeout: 20s }, sides: [ output ], action: flag }
        """;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_call_tells_who_was_asked_how_long_it_took_and_what_was_said()
    {
        await using var app = await TestApp.StartAsync(policy: Policy);
        await using var team = await TestTeam.BuildAsync(app, "red");

        var answer = await team.CallAsync(content: "How do I build a pipe bomb?");
        await team.RecordedAsync(3);
        var detail = await team.GetAsync($"api/calls/{answer.Header("x-request-id")}");
        using var root = app.Program((await app.AddPersonAsync("root@example.org", null, Role.Auditor)).Token);
        using var local = app.Program((await app.AddPersonAsync("local@example.org", team.Team, Role.Admin)).Token);
        var standings = (await root.GetAsync("api/guard/plug-ins", Ct).JsonAsync(HttpStatusCode.OK)).GetProperty("items").EnumerateArray().ToList();
        Assert.Equal(HttpStatusCode.Forbidden, await local.GetAsync("api/guard/plug-ins", Ct).StatusAsync());

        Assert.Equal(200, answer.Status);
        var questions = detail.GetProperty("guard_questions").EnumerateArray().ToList();
        Assert.Equal(
            [("safety", "moderation", "omni-moderation-latest", "input", "found"), ("gone", "llama_guard", "simulator", "output", "failed")],
            questions.Select(q => (q.Text("rule"), q.Text("kind"), q.Text("to"), q.Text("side"), q.Text("outcome"))));
        Assert.Contains("illicit", questions[0].Text("said"), StringComparison.Ordinal);
        Assert.Equal("it answered neither 'safe' nor 'unsafe'", questions[1].Text("said"));
        Assert.DoesNotContain("pipe bomb", detail.GetProperty("guard_questions").GetRawText(), StringComparison.Ordinal);
        Assert.All(questions, q => Assert.InRange(q.GetProperty("micros").GetInt64(), 1, 20_000_000));

        var spans = detail.GetProperty("spans").EnumerateArray().ToList();
        var guard = spans.Single(s => s.Text("name") == "guard");
        Assert.All(spans.Where(s => s.Text("name").StartsWith("guard ", StringComparison.Ordinal)), s =>
            Assert.Equal(guard.Text("span_id"), s.Text("parent_span_id")));
        Assert.Equal(2, spans.Count(s => s.Text("name") is "guard safety" or "guard gone"));
        Assert.DoesNotContain(TelemetryNames.GuardQuestion, detail.GetProperty("spans").GetRawText(), StringComparison.Ordinal);

        Assert.Equal([("gone", 1, 1, 0), ("safety", 1, 0, 1)], standings.OrderBy(s => s.Text("rule"), StringComparer.Ordinal).Select(s => (
            s.Text("rule"), s.GetProperty("questions").GetInt32(), s.GetProperty("failed").GetInt32(), s.GetProperty("found").GetInt32())));
        Assert.All(standings, s => Assert.True(s.GetProperty("p99_micros").GetInt64() >= s.GetProperty("p50_micros").GetInt64()));
        using var http = app.Program(null);
        Assert.Equal(HttpStatusCode.Unauthorized, await http.GetAsync("api/guard/plug-ins", Ct).StatusAsync());
        Assert.Contains("gatehouse_guard_question_duration_seconds_bucket", await http.GetStringAsync(new Uri("metrics", UriKind.Relative), Ct));
    }

    [Fact]
    public void A_question_is_read_as_it_was_written_and_what_a_client_sends_is_none()
    {
        var question = new GuardQuestion("my\trule", "webhook", "dlp.example.com", "input", 5, 1200, "found", "PROJECT, IBAN");
        var attributes = GuardQuestion.Add(new Dictionary<string, string> { ["other"] = "stays" }, [question, question with { StartMicros = 2 }]);

        Assert.Equal([question with { Rule = "my rule", StartMicros = 2 }, question with { Rule = "my rule" }], GuardQuestion.Read(attributes));
        Assert.Equal("stays", attributes["other"]);
        Assert.Empty(GuardQuestion.Read(new Dictionary<string, string> { [TelemetryNames.GuardQuestion + "1"] = "nonsense" }));
    }
}
