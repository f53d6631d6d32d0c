using System.Net;
using Gatehouse.Contracts;
using Gatehouse.Tests.Host;

namespace Gatehouse.Tests.Governance;

/// <summary>Teams, systems, policies and the audit log, on both databases.</summary>
public sealed class InventoryTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("sqlite")]
    [InlineData("postgres")]
    public async Task A_system_reads_back_as_it_was_registered_and_changed(string kind)
    {
        await using var app = await TestApp.StartAsync(kind);
        using var http = await AdminAsync(app);
        await http.SendAsync("POST", "api/teams", new { name = "red" }).JsonAsync(HttpStatusCode.Created);

        var created = await http.SendAsync(
            "POST", "api/systems", new { team = "red", name = "shop", purpose = "Ünïcode 漢字 🛒", owner = "Ann O'Hara" })
            .JsonAsync(HttpStatusCode.Created);
        var read = await http.GetAsync($"api/systems/{created.Id()}", Ct).JsonAsync(HttpStatusCode.OK);
        var changed = await http.SendAsync("PATCH", $"api/systems/{created.Id()}", new { owner = "Bob" }).JsonAsync(HttpStatusCode.OK);
        var policy = await http.SendAsync(
            "PUT", $"api/systems/{created.Id()}/environments/production", new { store_content = true, retention_days = 7 })
            .JsonAsync(HttpStatusCode.OK);
        var listed = (await http.GetAsync("api/systems?team=red", Ct).JsonAsync(HttpStatusCode.OK)).GetProperty("items")[0];

        Assert.Equal(created.GetRawText(), read.GetRawText());
        Assert.Equal(("Ünïcode 漢字 🛒", "Bob", "building"), (changed.Text("purpose"), changed.Text("owner"), changed.Text("stage")));
        Assert.Equal(policy.GetRawText(), listed.GetRawText());
        Assert.Equal(
            ["development False 30", "staging False 30", "production True 7"],
            listed.GetProperty("environments").EnumerateArray().Select(e =>
                $"{e.Text("environment")} {e.GetProperty("store_content").GetBoolean()} {e.GetProperty("retention_days").GetInt32()}"));
    }

    [Theory]
    [InlineData("sqlite")]
    [InlineData("postgres")]
    public async Task Of_many_who_take_a_name_together_one_gets_it(string kind)
    {
        await using var app = await TestApp.StartAsync(kind);
        using var http = await AdminAsync(app);

        var teams = await EightAsync(() => http.SendAsync("POST", "api/teams", new { name = "red" }));
        var systems = await EightAsync(
            () => http.SendAsync("POST", "api/systems", new { team = "red", name = "shop", purpose = "p", owner = "o" }));
        var people = await EightAsync(() => http.SendAsync("POST", "api/people", new
        {
            email = "ann@example.org", name = "Ann", memberships = new[] { new { team_id = (Guid?)null, role = "viewer" } },
        }));

        Assert.All([teams, systems, people], statuses =>
        {
            Assert.Equal(1, statuses.Count(s => s == HttpStatusCode.Created));
            Assert.Equal(7, statuses.Count(s => s == HttpStatusCode.Conflict));
        });
    }

    [Theory]
    [InlineData("Red")]
    [InlineData("red team")]
    [InlineData("-red")]
    [InlineData("red-")]
    [InlineData("röd")]
    [InlineData("")]
    [InlineData("a123456789a123456789a123456789a123456789a123456789a123456789abcd")]
    public async Task A_name_that_breaks_the_rule_is_refused_with_its_field(string name)
    {
        await using var app = await TestApp.StartAsync();
        using var http = await AdminAsync(app);

        var problem = await http.SendAsync("POST", "api/teams", new { name }).JsonAsync(HttpStatusCode.UnprocessableEntity);

        Assert.Equal(("invalid_field", "name"), (problem.Text("code"), problem.Text("field")));
    }

    [Theory]
    [InlineData("moon", 7)]
    [InlineData("1", 7)]
    [InlineData("production", 0)]
    [InlineData("production", 3651)]
    public async Task A_policy_out_of_range_is_refused(string environment, int days)
    {
        await using var app = await TestApp.StartAsync();
        using var http = await AdminAsync(app);
        await http.SendAsync("POST", "api/teams", new { name = "red" }).JsonAsync(HttpStatusCode.Created);
        var system = await http.SendAsync("POST", "api/systems", new { team = "red", name = "shop", purpose = "p", owner = "o" })
            .JsonAsync(HttpStatusCode.Created);

        var response = await http.SendAsync(
            "PUT", $"api/systems/{system.Id()}/environments/{environment}", new { store_content = false, retention_days = days })
            .StatusAsync();

        Assert.Equal(HttpStatusCode.UnprocessableEntity, response);
    }

    [Theory]
    [InlineData("sqlite")]
    [InlineData("postgres")]
    public async Task Each_change_is_in_the_audit_log_and_a_refused_one_is_not(string kind)
    {
        await using var app = await TestApp.StartAsync(kind);
        using var http = await AdminAsync(app);
        void Tick() => app.Clock.Advance(TimeSpan.FromMilliseconds(1)); // ids sort by the millisecond

        Tick();
        await http.SendAsync("POST", "api/teams", new { name = "red" }).JsonAsync(HttpStatusCode.Created);
        Tick();
        await http.SendAsync("POST", "api/teams", new { name = "red" }).ProblemAsync(HttpStatusCode.Conflict);
        Tick();
        var system = (await http.SendAsync("POST", "api/systems", new { team = "red", name = "shop", purpose = "p", owner = "o" })
            .JsonAsync(HttpStatusCode.Created)).Id();
        Tick();
        await http.SendAsync("PATCH", $"api/systems/{system}", new { stage = "live", owner = "Bob" }).JsonAsync(HttpStatusCode.OK);
        Tick();
        await http.SendAsync("PUT", $"api/systems/{system}/environments/production", new { store_content = true, retention_days = 7 })
            .JsonAsync(HttpStatusCode.OK);
        Tick();
        var key = await http.SendAsync("POST", $"api/systems/{system}/keys", new { environment = "production", name = "k" })
            .JsonAsync(HttpStatusCode.Created);
        Tick();
        await http.SendAsync("DELETE", $"api/keys/{key.GetProperty("key").Id()}").JsonAsync(HttpStatusCode.OK);

        var page = await http.GetAsync("api/audit?limit=4", Ct).JsonAsync(HttpStatusCode.OK);
        var older = await http.GetAsync($"api/audit?before={page.Text("next")}&limit=2", Ct).JsonAsync(HttpStatusCode.OK);
        var entries = page.GetProperty("items").EnumerateArray().Concat(older.GetProperty("items").EnumerateArray())
            .Select(e => $"{e.Text("person")}: {e.Text("action")} {e.Text("subject")} {e.Text("detail")}".TrimEnd());

        var prefix = key.GetProperty("key").Text("prefix");
        Assert.Equal(
            [
                $"root@example.org: key.revoke shop/k {prefix}",
                $"root@example.org: key.create shop/k production {prefix}",
                "root@example.org: policy.set shop production: store_content on, retention_days 7",
                "root@example.org: system.change shop owner o -> Bob, stage building -> live",
                "root@example.org: system.create shop stage building",
                "root@example.org: team.create red",
            ],
            entries);
    }

    [Fact]
    public async Task What_is_no_operation_is_a_problem_too()
    {
        await using var app = await TestApp.StartAsync();
        using var http = await AdminAsync(app);

        Assert.Equal("not_found", await http.GetAsync("api/nothing", Ct).ProblemAsync(HttpStatusCode.NotFound));
        Assert.Equal("not_found", await http.GetAsync("api/systems/not-an-id", Ct).ProblemAsync(HttpStatusCode.NotFound));
        Assert.Equal("not_found", await http.GetAsync("api/systems?team=nobody", Ct).ProblemAsync(HttpStatusCode.NotFound));
    }

    private static async Task<HttpClient> AdminAsync(TestApp app) =>
        app.Program((await app.AddPersonAsync("root@example.org", null, Role.Admin)).Token);

    private static Task<HttpStatusCode[]> EightAsync(Func<Task<HttpResponseMessage>> send) =>
        Task.WhenAll(Enumerable.Range(0, 8).Select(_ => send().StatusAsync()));
}
