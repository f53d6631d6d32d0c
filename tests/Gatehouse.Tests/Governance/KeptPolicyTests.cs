using System.Net;
using System.Text.Json;
using Gatehouse.Configuration;
using Gatehouse.Contracts;
using Gatehouse.Governance;
using Gatehouse.Guardrails;
using Gatehouse.Guardrails.Policies;
using Gatehouse.Tests.Host;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Gatehouse.Tests.Governance;

/// <summary>Policies that are kept in the database, from the API to the call, on both databases.</summary>
public sealed class KeptPolicyTests
{
    private const string Refuses = """
        name: support
        rules:
          - { name: rivals, detect: terms, terms: [ rival corp ], action: block }
        tests:
          - { text: "Is Rival Corp better?", expect: blocked }
        """;

    private const string Records = """
        name: support
        rules:
          - { name: rivals, detect: terms, terms: [ rival corp ], action: flag }
        tests:
          - { text: "Is Rival Corp better?", expect: flagged }
        """;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("sqlite")]
    [InlineData("postgres")]
    public async Task A_saved_policy_applies_once_it_is_in_force_and_an_older_revision_brings_it_back(string kind)
    {
        await using var app = await TestApp.StartAsync(kind);
        using var admin = await AdminAsync(app);
        await using var team = await TestTeam.BuildAsync(app, "red");

        var draft = await admin.SendAsync("PUT", "api/policies/support", new { text = Refuses, note = "first" })
            .JsonAsync(HttpStatusCode.OK);
        Assert.Equal((1, false), (draft.GetProperty("number").GetInt64(), draft.GetProperty("in_force").GetBoolean()));
        Assert.Equal(HttpStatusCode.UnprocessableEntity, await ChooseAsync(admin, team, "support"));
        await admin.SendAsync("PUT", "api/policies/support/in-force", new { revision = 1 }).JsonAsync(HttpStatusCode.OK);
        Assert.Equal(HttpStatusCode.OK, await ChooseAsync(admin, team, "support"));
        Assert.Equal(400, (await team.CallAsync(content: "Is Rival Corp better?")).Status);

        await admin.SendAsync("PUT", "api/policies/support", new { text = Records, in_force = true }).JsonAsync(HttpStatusCode.OK);
        Assert.Equal(200, (await team.CallAsync(content: "Is Rival Corp better?")).Status);
        await admin.SendAsync("PUT", "api/policies/support/in-force", new { revision = 1, reason = "too mild" })
            .JsonAsync(HttpStatusCode.OK);
        Assert.Equal(400, (await team.CallAsync(content: "Is Rival Corp better?")).Status);

        var history = (await admin.GetAsync("api/policies/support/revisions", Ct).JsonAsync(HttpStatusCode.OK)).GetProperty("items");
        Assert.Equal(
            ["2 False", "1 True"],
            history.EnumerateArray().Select(r => $"{r.GetProperty("number")} {r.GetProperty("in_force").GetBoolean()}"));
        var listed = (await admin.GetAsync("api/policies", Ct).JsonAsync(HttpStatusCode.OK)).GetProperty("items").EnumerateArray();
        Assert.Equal(
            ["minimal built_in", "standard built_in", "strict built_in", "support kept"],
            listed.Select(p => $"{p.Text("name")} {p.Text("source")}"));
        var audit = (await admin.GetAsync("api/audit", Ct).JsonAsync(HttpStatusCode.OK)).GetProperty("items").EnumerateArray();
        Assert.Contains(audit, e => e.Text("detail") == "revision 2 -> 1; reason: too mild");

        var used = await admin.SendAsync("DELETE", "api/policies/support/in-force").ProblemAsync(HttpStatusCode.Conflict);
        Assert.Equal("policy_in_use", used);
        await ChooseAsync(admin, team, "default");
        Assert.Equal(HttpStatusCode.NoContent, await admin.SendAsync("DELETE", "api/policies/support/in-force").StatusAsync());
        Assert.Equal(3, (await admin.GetAsync("api/policies", Ct).JsonAsync(HttpStatusCode.OK)).GetProperty("items").GetArrayLength());
    }

    [Theory]
    [InlineData("sqlite")]
    [InlineData("postgres")]
    public async Task Lists_read_what_is_in_force_and_the_newest_and_the_history_comes_in_pages(string kind)
    {
        await using var app = await TestApp.StartAsync(kind);
        using var admin = await AdminAsync(app);
        for (var i = 1; i <= 5; i++)
        {
            await admin.SendAsync("PUT", "api/policies/support", new { text = $"# {i}\n{Refuses}", in_force = i == 2 })
                .JsonAsync(HttpStatusCode.OK);
        }

        var root = new Person(Guid.Empty, "test", "test", [new Membership(null, Role.Admin)]);
        var listed = await app.Services.GetRequiredService<GuardPolicies>().ListAsync(root, Ct);
        var policy = (await admin.GetAsync("api/policies", Ct).JsonAsync(HttpStatusCode.OK)).GetProperty("items").EnumerateArray()
            .Single(p => p.Text("name") == "support");
        var first = await admin.GetAsync("api/policies/support/revisions?limit=3", Ct).JsonAsync(HttpStatusCode.OK);
        var rest = await admin.GetAsync($"api/policies/support/revisions?limit=3&before={first.Text("next")}", Ct)
            .JsonAsync(HttpStatusCode.OK);

        Assert.Equal([(5L, false), (2L, true)], listed.Select(r => (r.Number, r.InForce)));
        Assert.Equal(2, policy.GetProperty("number").GetInt64());
        Assert.Equal(
            [5, 4, 3, 2, 1],
            first.GetProperty("items").EnumerateArray().Concat(rest.GetProperty("items").EnumerateArray())
                .Select(r => r.GetProperty("number").GetInt64()));
        Assert.False(rest.TryGetProperty("next", out var more) && more.ValueKind == JsonValueKind.String);
        await admin.SendAsync("PUT", "api/policies/support/in-force", new { revision = 4 }).JsonAsync(HttpStatusCode.OK);
        Assert.Equal(
            "limit", (await admin.GetAsync("api/policies/support/revisions?limit=201", Ct).JsonAsync(HttpStatusCode.UnprocessableEntity))
                .Text("field"));
    }

    [Fact]
    public async Task Another_node_takes_it_within_a_look()
    {
        await using var app = await TestApp.StartAsync();
        await using var node = await app.StartNodeAsync();
        using var admin = await AdminAsync(app);
        await using var team = await TestTeam.BuildAsync(app, "red");
        await admin.SendAsync("PUT", "api/policies/support", new { text = Refuses, in_force = true }).JsonAsync(HttpStatusCode.OK);
        await ChooseAsync(admin, team, "support");

        await node.Services.GetRequiredService<GovernancePublisher>().RefreshAsync(Ct);

        await using var there = team.On(node);
        Assert.Equal(400, (await there.CallAsync(content: "Is Rival Corp better?")).Status);
    }

    /// <summary>A version that knows more of what is wrong with a policy once refused all calls of systems that had it.</summary>
    [Fact]
    public async Task What_is_in_force_stays_so_though_it_could_not_be_saved_any_more()
    {
        const string Old = """
            name: support
            recognisers:
              - { type: EMPLOYEE-ID, pattern: 'E\d{6}' }
            rules:
              - { name: staff, detect: pii, types: [ EMPLOYEE-ID, STAF_ID ], action: redact }
              - { name: words, detect: language, languages: [ en, xx ], action: flag }
            """;
        await using var app = await TestApp.StartAsync();
        using var logs = new CapturedLogs();
        using var factory = LoggerFactory.Create(l => l.AddProvider(logs));
        var kept = new KeptPolicies(
            app.Services.GetRequiredService<ConfigurationState>(), factory.CreateLogger<KeptPolicies>());

        Assert.Null(kept.Check("support", Old, out var errors));
        var file = Assert.Single(kept.Compile([new KeptPolicyText("support", 3, Old)]));
        using var session = new GuardSession(file.Policy, new byte[32], [], TimeProvider.System);

        Assert.Equal([3, 5, 6], errors.Select(e => e.Line));
        Assert.Equal("I am [EMPLOYEE-ID].", session.Check("I am E123456.", new GuardedText(DetectionSide.Input)));
        Assert.Equal(3, logs.Text.Split("is in force, but has an entry that protects nothing").Length - 1);
        Assert.NotNull(kept.Read("support", 3, Old, out _));
    }

    [Fact]
    public async Task A_policy_that_fails_its_own_tests_is_kept_as_a_draft_and_never_put_in_force()
    {
        await using var app = await TestApp.StartAsync();
        using var admin = await AdminAsync(app);
        var failing = Refuses.Replace("expect: blocked", "expect: passed", StringComparison.Ordinal);

        var refused = await admin.SendAsync("PUT", "api/policies/support", new { text = failing, in_force = true })
            .ProblemAsync(HttpStatusCode.UnprocessableEntity);
        await admin.SendAsync("PUT", "api/policies/support", new { text = failing }).JsonAsync(HttpStatusCode.OK);
        var later = await admin.SendAsync("PUT", "api/policies/support/in-force", new { revision = 1 })
            .ProblemAsync(HttpStatusCode.UnprocessableEntity);

        Assert.Equal(("policy_tests_fail", "policy_tests_fail"), (refused, later));
    }

    [Theory]
    [InlineData("standard", "name: standard", "policy_name_taken", 409)]
    [InlineData("none", "name: none", "policy_name_taken", 409)]
    [InlineData("support", "name: other", "policy_invalid", 422)]
    [InlineData("support", "name: support\nrules: [ { detect: pij, action: block } ]", "policy_invalid", 422)]
    [InlineData("Support", "name: Support", "invalid_field", 422)]
    [InlineData("support", "name: support\ndescription: ${PATH}", "policy_invalid", 422)]
    [InlineData("support", "name: support\ndescription: ${file:/etc/passwd}", "policy_invalid", 422)]
    [InlineData("support", "name: support\ndescription: ${secret:openai}", "policy_invalid", 422)]
    [InlineData("support", "name: support\ndescription: ${vault:secret/data/x#y}", "policy_invalid", 422)]
    [InlineData("support", "name: support\nrules: [ { detect: schema, action: flag, schema: /etc/hostname } ]", "policy_invalid", 422)]
    [InlineData("support", "name: support\nrules: [ { detect: webhook, action: flag, webhook: { url: https://x.example } } ]",
        "policy_invalid", 422)]
    [InlineData("support", "name: support\nrules: [ { detect: model, action: flag, model: { route: nowhere, shape: llama_guard } } ]",
        "policy_invalid", 422)]
    public async Task What_is_no_policy_or_reaches_for_the_machine_is_refused(string name, string text, string code, int status)
    {
        await using var app = await TestApp.StartAsync();
        using var admin = await AdminAsync(app);

        Assert.Equal(code, await admin.SendAsync("PUT", $"api/policies/{name}", new { text }).ProblemAsync((HttpStatusCode)status));
        Assert.Equal(0, await app.Db.CountAsync($"SELECT COUNT(*) FROM governance_guard_policy"));
    }

    [Fact]
    public async Task A_check_tells_every_mistake_with_its_place_and_every_test_that_fails_and_keeps_nothing()
    {
        await using var app = await TestApp.StartAsync();
        using var admin = await AdminAsync(app);
        await admin.SendAsync("PUT", "api/policies/support", new { text = Records, in_force = true }).JsonAsync(HttpStatusCode.OK);

        var wrong = await admin.SendAsync(
            "POST", "api/policies/check", new { text = "name: support\nrules:\n  - { detect: pii, action: blok }\n" })
            .JsonAsync(HttpStatusCode.OK);
        var right = await admin.SendAsync(
            "POST", "api/policies/check", new { text = Refuses.Replace("expect: blocked", "expect: passed", StringComparison.Ordinal) })
            .JsonAsync(HttpStatusCode.OK);

        var error = Assert.Single(wrong.GetProperty("errors").EnumerateArray());
        Assert.Equal((3, false), (error.GetProperty("line").GetInt32(), wrong.GetProperty("ready").GetBoolean()));
        Assert.Contains("Did you mean 'block'?", error.Text("suggestion"), StringComparison.Ordinal);
        Assert.Equal(5, right.GetProperty("tests")[0].GetProperty("line").GetInt32());
        Assert.Contains("it is blocked", right.GetProperty("tests")[0].Text("failure"), StringComparison.Ordinal);
        Assert.Equal(
            "The rule 'rivals' refuses 1 word or phrase of its own in every text; before, it records 1 word or phrase of its own in every text.",
            Assert.Single(right.GetProperty("changes").EnumerateArray()).GetString());
        Assert.Equal(1, await app.Db.CountAsync($"SELECT COUNT(*) FROM governance_guard_policy"));
    }

    [Fact]
    public async Task Only_who_sets_policies_everywhere_saves_them_and_only_who_reads_the_configuration_reads_their_text()
    {
        await using var app = await TestApp.StartAsync();
        using var admin = await AdminAsync(app);
        await using var team = await TestTeam.BuildAsync(app, "red");
        await admin.SendAsync("PUT", "api/policies/support", new { text = Refuses, in_force = true }).JsonAsync(HttpStatusCode.OK);

        foreach (var (where, role) in Enum.GetValues<Role>().SelectMany(r => new[] { ((Guid?)null, r), (team.Team, r) }))
        {
            var (_, token) = await app.AddPersonAsync($"p-{role}-{where}@example.org", where, role);
            using var http = app.Program(token);

            var listed = await http.GetAsync("api/policies", Ct).StatusAsync();
            var read = await http.GetAsync("api/policies/support", Ct).StatusAsync();
            var saved = await http.SendAsync("PUT", "api/policies/other", new { text = $"name: other\ndescription: by {role}" })
                .StatusAsync();
            var moved = await http.SendAsync("PUT", "api/policies/support/in-force", new { revision = 1 }).StatusAsync();

            var writes = where is null && Roles.Allows(role, Permission.WritePolicies);
            var reads = where is null && Roles.Allows(role, Permission.ReadSettings);
            Assert.Equal(HttpStatusCode.OK, listed);
            Assert.Equal(reads ? HttpStatusCode.OK : HttpStatusCode.Forbidden, read);
            Assert.Equal(writes ? HttpStatusCode.OK : HttpStatusCode.Forbidden, saved);
            Assert.Equal(writes ? HttpStatusCode.OK : HttpStatusCode.Forbidden, moved);
        }
    }

    [Fact]
    public async Task A_replay_over_stored_calls_counts_whose_verdict_would_change()
    {
        await using var app = await TestApp.StartAsync();
        using var admin = await AdminAsync(app);
        await using var team = await TestTeam.BuildAsync(app, "red");
        await admin.SendAsync("PUT", "api/policies/support", new { text = Records, in_force = true }).JsonAsync(HttpStatusCode.OK);
        await admin.SendAsync("PUT", "api/policies/support", new { text = Refuses }).JsonAsync(HttpStatusCode.OK);
        await ChooseAsync(admin, team, "support", storeContent: true);
        await team.CallAsync(content: "Is Rival Corp better?");
        await team.CallAsync(content: "Is Rival Corp cheaper?", stream: true);
        await team.CallAsync(content: "Hello");
        await team.RecordedAsync(3);
        while (await app.Db.CountAsync($"SELECT COUNT(*) FROM observability_text") < 3)
        {
            // The texts follow their calls.
        }

        var difference = await admin.GetAsync("api/policies/diff?from=support&to=support@2", Ct).JsonAsync(HttpStatusCode.OK);
        var end = await ReplayAsync(admin, $"api/policies/replay?from=support&to=support@2&system={team.System}");
        var none = await ReplayAsync(admin, "api/policies/replay?from=support&to=support@1");

        Assert.Contains("refuses", difference.GetProperty("items")[0].GetString(), StringComparison.Ordinal);
        Assert.Equal((3, 2), (end.GetProperty("calls").GetInt64(), end.GetProperty("changed").GetInt64()));
        var change = Assert.Single(end.GetProperty("verdicts").EnumerateArray());
        Assert.Equal(("flagged", "blocked", 2), (change.Text("from"), change.Text("to"), change.GetProperty("calls").GetInt64()));
        Assert.Contains(end.GetProperty("rules").EnumerateArray(), r => r.Text("rule") == "rivals" && r.Text("side") == "to");
        Assert.Equal(2, end.GetProperty("samples").GetArrayLength());
        Assert.Equal(0, none.GetProperty("changed").GetInt64());

        // Who may read no prompts may not have them judged either.
        using var viewer = app.Program((await app.AddPersonAsync("viewer@example.org", null, Role.Viewer)).Token);
        Assert.Equal(HttpStatusCode.Forbidden, await viewer.GetAsync("api/policies/replay?from=support&to=support@2", Ct).StatusAsync());
    }

    [Fact]
    public async Task A_replay_judges_what_a_guard_replaced_by_its_record_and_counts_what_it_cannot_judge()
    {
        await using var app = await TestApp.StartAsync();
        using var admin = await AdminAsync(app);
        await using var team = await TestTeam.BuildAsync(app, "red");
        await SaveAsync("redact");
        await SaveAsync("block");
        await SaveAsync("block", "IBAN_CODE");
        await ChooseAsync(admin, team, "cards", storeContent: true);
        await team.CallAsync(content: "My card is 4111 1111 1111 1111, thanks");
        await team.CallAsync(content: "Hello");
        await team.CallAsync(content: "Hello again");
        await team.RecordedAsync(3);
        while (await app.Db.CountAsync($"SELECT COUNT(*) FROM observability_text") < 3)
        {
            // The texts follow their calls.
        }

        var blocks = await ReplayAsync(admin, "api/policies/replay?from=cards@1&to=cards@2");
        var passes = await ReplayAsync(admin, "api/policies/replay?from=cards@1&to=cards@3");
        await SaveAsync("block", allow: "4111 1111 1111 1111");
        var listed = await ReplayAsync(admin, "api/policies/replay?from=cards@1&to=cards@4");
        Assert.Equal(0, await app.Db.CountAsync($"SELECT COUNT(*) FROM observability_text WHERE request LIKE '%4111%' OR response LIKE '%4111%'"));
        await app.Db.ExecuteAsync($"UPDATE observability_text SET request = {"cut of"} WHERE request LIKE '%again%'", Ct);
        await app.Db.ExecuteAsync($"DELETE FROM observability_trace_pack", Ct);
        var gone = await ReplayAsync(admin, "api/policies/replay?from=cards@1&to=cards@2");

        Assert.Equal([("redacted", "blocked", 1)], Verdicts(blocks));
        Assert.Equal([("redacted", "passed", 1)], Verdicts(passes));
        Assert.Equal((1, 0), (blocks.GetProperty("rewritten").GetInt32(), blocks.GetProperty("not_replayable").GetArrayLength()));
        Assert.Empty(Verdicts(gone));

        // The number may be on the new list: what is said of it would be a guess.
        Assert.Empty(Verdicts(listed));
        Assert.Equal(
            [("a guard replaced something in them, and the policies look it up in different lists", 1)],
            listed.GetProperty("not_replayable").EnumerateArray().Select(n => (n.Text("reason"), n.GetProperty("calls").GetInt32())));
        Assert.Equal(
            [("their stored content was cut, or is in no format that guards read", 1),
                ("a guard replaced something in them, and the record of what it was is gone", 1)],
            gone.GetProperty("not_replayable").EnumerateArray().Select(n => (n.Text("reason"), n.GetProperty("calls").GetInt32())));

        Task SaveAsync(string action, string type = "CREDIT_CARD", string allow = "") => admin.SendAsync("PUT", "api/policies/cards", new
        {
            text = $$"""
                name: cards
                allow: [ {{allow}} ]
                rules:
                  - { name: cards, detect: pii, types: [ {{type}} ], action: {{action}} }
                """,
            in_force = action == "redact",
        }).JsonAsync(HttpStatusCode.OK);

        static IEnumerable<(string, string, int)> Verdicts(JsonElement end) => end.GetProperty("verdicts").EnumerateArray()
            .Select(v => (v.Text("from"), v.Text("to"), v.GetProperty("calls").GetInt32()));
    }

    [Fact]
    public async Task A_sample_marks_its_findings_for_those_who_may_read_texts_and_a_false_positive_becomes_a_label()
    {
        await using var app = await TestApp.StartAsync();
        using var admin = await AdminAsync(app);
        await using var team = await TestTeam.BuildAsync(app, "red");
        await ChooseAsync(admin, team, "minimal", storeContent: true);
        await team.CallAsync(content: "My card is 4111 1111 1111 1111, thanks");
        await team.RecordedAsync(1);
        while (await app.Db.CountAsync($"SELECT COUNT(*) FROM observability_text") < 1)
        {
            // The text follows its call.
        }

        var sample = (await admin.GetAsync("api/guard/samples?detector=pii", Ct).JsonAsync(HttpStatusCode.OK)).GetProperty("items")[0];
        using var viewer = app.Program((await app.AddPersonAsync("viewer@example.org", team.Team, Role.Viewer)).Token);
        var hidden = (await viewer.GetAsync("api/guard/samples", Ct).JsonAsync(HttpStatusCode.OK)).GetProperty("items")[0];
        var none = (await admin.GetAsync("api/guard/samples?detector=secrets", Ct).JsonAsync(HttpStatusCode.OK)).GetProperty("items");

        var text = sample.GetProperty("texts")[0];
        var mark = text.GetProperty("marks")[0];
        Assert.Equal(
            "4111 1111 1111 1111", text.Text("text")[mark.GetProperty("start").GetInt32()..mark.GetProperty("end").GetInt32()]);
        Assert.Equal(("not_allowed", 0), (hidden.Text("state"), hidden.GetProperty("texts").GetArrayLength()));
        Assert.Equal("CREDIT_CARD", hidden.GetProperty("findings")[0].Text("type"));
        Assert.Equal(0, none.GetArrayLength());

        var root = new Person(Guid.CreateVersion7(), "ann@example.org", "Ann", [new Membership(null, Role.Engineer)]);
        var label = await app.Services.GetRequiredService<Gatehouse.Guards.GuardSamples>().LabelAsync(
            root, sample.GetProperty("call").Id(), text.GetProperty("index").GetInt32(), mark.GetProperty("at").GetInt32(), "CREDIT_CARD",
            LabelVerdict.FalsePositive, Ct);
        Assert.Equal("My card is 4111 1111 1111 1111, thanks", label.Text);
        Assert.Equal(LabelSource.Sample, label.Source);
    }

    private static async Task<HttpClient> AdminAsync(TestApp app) =>
        app.Program((await app.AddPersonAsync("root@example.org", null, Role.Admin)).Token);

    private static Task<HttpStatusCode> ChooseAsync(HttpClient admin, TestTeam team, string policy, bool storeContent = false) =>
        admin.SendAsync(
            "PUT", $"api/systems/{team.System}/environments/development",
            new { store_content = storeContent, retention_days = 30, guard_policy = policy }).StatusAsync();

    private static async Task<JsonElement> ReplayAsync(HttpClient http, string path)
    {
        using var response = await http.GetAsync(path, Ct);
        var text = await response.Content.ReadAsStringAsync(Ct);
        Assert.True(response.IsSuccessStatusCode, text);
        var end = JsonElement.Parse(text.Split("\n\n", StringSplitOptions.RemoveEmptyEntries)[^1]["data: ".Length..]);
        Assert.True(end.GetProperty("done").GetBoolean());
        return end;
    }
}
