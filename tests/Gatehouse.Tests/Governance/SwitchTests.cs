using System.Net;
using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Routing;
using Gatehouse.Governance;
using Gatehouse.Tests.Host;
using Microsoft.Extensions.DependencyInjection;

namespace Gatehouse.Tests.Governance;

/// <summary>Kill switches, as those who throw them, callers and other nodes see them.</summary>
public sealed class SwitchTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("provider", "simulator", "targets_off", 503)]
    [InlineData("route", "simulator", "route_off", 503)]
    [InlineData("model", "simulator", "model_off", 503)]
    [InlineData("model", "simulator/simulator", "model_off", 503)]
    [InlineData("system", null, "switched_off", 403)]
    [InlineData("key", null, "switched_off", 403)]
    public async Task Calls_are_refused_when_the_switch_is_answered_and_served_when_it_is_back(
        string kind, string? subject, string code, int status)
    {
        await using var app = await TestApp.StartAsync();
        using var admin = await AdminAsync(app);
        var (system, key, secret) = await KeyAsync(admin);
        Assert.Equal((200, "", ""), await CallAsync(app, secret));

        var thrown = await admin.SendAsync(
            "POST", "api/switches",
            new { kind, subject = subject ?? (kind == "system" ? system : key).ToString(), reason = "leaks prompts" })
            .JsonAsync(HttpStatusCode.Created);
        var (gotStatus, gotCode, message) = await CallAsync(app, secret);
        var listed = (await admin.GetAsync("api/switches", Ct).JsonAsync(HttpStatusCode.OK)).GetProperty("items");
        app.Clock.Advance(TimeSpan.FromSeconds(1));
        await admin.SendAsync("DELETE", $"api/switches/{thrown.Id()}?reason=mended").JsonAsync(HttpStatusCode.OK);

        Assert.Equal((status, code), (gotStatus, gotCode));
        Assert.Contains("leaks prompts", message, StringComparison.Ordinal);
        Assert.Equal((1, "leaks prompts"), (listed.GetArrayLength(), listed[0].Text("reason")));
        Assert.Equal((200, "", ""), await CallAsync(app, secret));
        var audit = (await admin.GetAsync("api/audit", Ct).JsonAsync(HttpStatusCode.OK)).GetProperty("items").EnumerateArray()
            .Where(e => e.Text("action").StartsWith("switch.", StringComparison.Ordinal)).Select(e => (e.Text("action"), e.Text("detail")));
        Assert.Equal([("switch.on", "reason: mended"), ("switch.off", "reason: leaks prompts")], audit);
    }

    [Fact]
    public async Task A_model_that_only_gets_copies_can_be_switched_off()
    {
        await using var app = await TestApp.StartAsync(
            route: "shadowed: { targets: [{ provider: simulator, model: simulator }], mirror: { provider: simulator, model: shadow } }");
        using var admin = await AdminAsync(app);

        foreach (var subject in (string[])["shadow", "simulator/shadow"])
        {
            await admin.SendAsync("POST", "api/switches", new { kind = "model", subject, reason = "r" }).JsonAsync(HttpStatusCode.Created);
        }
    }

    [Theory]
    [InlineData("sqlite")]
    [InlineData("postgres")]
    public async Task Another_node_learns_of_it_by_itself(string kind)
    {
        await using var app = await TestApp.StartAsync(kind);
        await using var node = await app.StartNodeAsync();
        using var admin = await AdminAsync(app);
        var (_, _, secret) = await KeyAsync(admin);

        await admin.SendAsync("POST", "api/switches", new { kind = "route", subject = "simulator", reason = "drill" })
            .JsonAsync(HttpStatusCode.Created);
        await CaughtUpAsync(app, node);

        Assert.Equal((503, "route_off"), await CallAsync(node, secret) is var (status, code, _) ? (status, code) : default);
    }

    [Theory]
    [InlineData("provider", "simulatr")]
    [InlineData("route", "nowhere")]
    [InlineData("model", "*")]
    [InlineData("system", "11111111-1111-1111-1111-111111111111")]
    [InlineData("key", "not an id")]
    public async Task A_name_that_nothing_has_is_refused_so_that_nobody_believes_it_stopped(string kind, string subject)
    {
        await using var app = await TestApp.StartAsync();
        using var admin = await AdminAsync(app);

        Assert.Equal(
            "not_found",
            await admin.SendAsync("POST", "api/switches", new { kind, subject, reason = "r" }).ProblemAsync(HttpStatusCode.NotFound));
        Assert.Equal("invalid_field",
            await admin.SendAsync("POST", "api/switches", new { kind = "route", subject = "simulator", reason = " " })
            .ProblemAsync(HttpStatusCode.UnprocessableEntity));
        Assert.Same(KillSwitches.None.Apply(RouteTable.Empty), RouteTable.Empty);
    }

    [Fact]
    public async Task Who_throws_what_depends_on_the_role()
    {
        await using var app = await TestApp.StartAsync();
        using var admin = await AdminAsync(app);
        var (system, key, secret) = await KeyAsync(admin);
        var team = (await admin.GetAsync("api/teams", Ct).JsonAsync(HttpStatusCode.OK)).GetProperty("items")[0].Id();
        using var engineer = app.Program((await app.AddPersonAsync("eve@example.org", team, Role.Engineer)).Token);
        using var architect = app.Program((await app.AddPersonAsync("arch@example.org", team, Role.Architect)).Token);

        await Refused(engineer, "system", system.ToString());
        await Refused(architect, "route", "simulator");
        await engineer.SendAsync("POST", "api/switches", new { kind = "key", subject = key.ToString(), reason = "r" })
            .JsonAsync(HttpStatusCode.Created);
        await architect.SendAsync("POST", "api/switches", new { kind = "system", subject = system.ToString(), reason = "r" })
            .JsonAsync(HttpStatusCode.Created);

        Assert.Equal("switched_off", (await CallAsync(app, secret)).Code);

        static async Task Refused(HttpClient http, string kind, string subject) =>
            Assert.Equal(
                "forbidden",
                await http.SendAsync("POST", "api/switches", new { kind, subject, reason = "r" }).ProblemAsync(HttpStatusCode.Forbidden));
    }

    [Fact]
    public async Task What_is_switched_off_shows_on_the_lists_and_not_among_the_models()
    {
        await using var app = await TestApp.StartAsync();
        using var admin = await AdminAsync(app);
        var (_, _, secret) = await KeyAsync(admin);

        await admin.SendAsync("POST", "api/switches", new { kind = "provider", subject = "simulator", reason = "drill" })
            .JsonAsync(HttpStatusCode.Created);

        var provider = (await admin.GetAsync("api/providers", Ct).JsonAsync(HttpStatusCode.OK)).GetProperty("items")[0];
        var route = (await admin.GetAsync("api/routes", Ct).JsonAsync(HttpStatusCode.OK)).GetProperty("items")[0];
        Assert.Equal("the provider 'simulator' is switched off: drill.", provider.Text("off"));
        Assert.Equal("the provider 'simulator' is switched off: drill.", route.GetProperty("targets")[0].Text("off"));
        using var program = app.Program(secret);
        Assert.Equal(0, (await program.GetAsync("v1/models", Ct).JsonAsync(HttpStatusCode.OK)).GetProperty("data").GetArrayLength());
    }

    [Fact]
    public async Task Where_data_may_go_reaches_the_gateways_table()
    {
        await using var app = await TestApp.StartAsync();
        using var admin = await AdminAsync(app);
        var (system, _, secret) = await KeyAsync(admin);

        var set = await admin.SendAsync(
            "PATCH", $"api/systems/{system}", new { residency = "eu", data_classification = "confidential", reason = "GDPR" })
            .JsonAsync(HttpStatusCode.OK);
        Assert.Equal(("eu", "confidential"), (set.Text("residency"), set.Text("data_classification")));
        Assert.True(app.Services.GetRequiredService<Snapshot<GatewayTable>>().Current.Keys.TryFind(secret, out var principal));
        Assert.Equal(("eu", DataClassification.Confidential), (principal.Residency, principal.DataClassification));

        app.Clock.Advance(TimeSpan.FromSeconds(1));
        await admin.SendAsync("PATCH", $"api/systems/{system}", new { residency = "anywhere" }).JsonAsync(HttpStatusCode.OK);
        Assert.True(app.Services.GetRequiredService<Snapshot<GatewayTable>>().Current.Keys.TryFind(secret, out principal));
        Assert.Null(principal.Residency);
        Assert.Equal(DataClassification.Confidential, principal.DataClassification);
        var audit = (await admin.GetAsync("api/audit", Ct).JsonAsync(HttpStatusCode.OK)).GetProperty("items");
        Assert.Equal("residency eu -> anywhere", audit[0].Text("detail"));
    }

    private static async Task<HttpClient> AdminAsync(TestApp app)
    {
        var admin = app.Program((await app.AddPersonAsync("root@example.org", null, Role.Admin)).Token);
        await admin.SendAsync("POST", "api/teams", new { name = "red" }).JsonAsync(HttpStatusCode.Created);
        return admin;
    }

    private static async Task<(Guid System, Guid Key, string Secret)> KeyAsync(HttpClient admin)
    {
        var system = (await admin.SendAsync("POST", "api/systems", new { team = "red", name = "shop", purpose = "p", owner = "o" })
            .JsonAsync(HttpStatusCode.Created)).Id();
        var created = await admin.SendAsync("POST", $"api/systems/{system}/keys", new { environment = "development", name = "laptop" })
            .JsonAsync(HttpStatusCode.Created);
        return (system, created.GetProperty("key").Id(), created.Text("secret"));
    }

    private static async Task<(int Status, string Code, string Message)> CallAsync(TestApp app, string key)
    {
        using var http = app.Program(key);
        using var response = await http.SendAsync(
            "POST", "v1/chat/completions", new { model = "simulator", messages = new[] { new { role = "user", content = "hello" } } });
        var body = JsonElement.Parse(await response.Content.ReadAsStringAsync(Ct));
        if (response.IsSuccessStatusCode)
        {
            return (200, "", "");
        }

        Assert.Equal("false", string.Concat(response.Headers.GetValues("x-should-retry")));
        return ((int)response.StatusCode, body.GetProperty("error").Text("code"), body.GetProperty("error").Text("message"));
    }

    private static async Task CaughtUpAsync(TestApp from, TestApp node)
    {
        var wanted = Revision(from);
        var reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var changes = node.Services.GetRequiredService<GovernanceChanges>();
        changes.Published += Look;
        Look();
        await reached.Task.WaitAsync(TimeSpan.FromSeconds(30), Ct);

        void Look()
        {
            if (Revision(node) >= wanted)
            {
                reached.TrySetResult();
            }
        }
    }

    private static long Revision(TestApp app) => app.Services.GetRequiredService<Snapshot<GovernanceTables>>().Current.Revision;
}
