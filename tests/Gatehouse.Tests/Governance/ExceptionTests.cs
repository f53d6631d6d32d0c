using System.Net;
using System.Text.Json;
using Gatehouse.Configuration;
using Gatehouse.Contracts;
using Gatehouse.Governance;
using Gatehouse.Tests.Host;
using Microsoft.Extensions.DependencyInjection;

namespace Gatehouse.Tests.Governance;

/// <summary>Exceptions from guard policies: four eyes, a day on which they end, and their effect on calls, on both databases.</summary>
public sealed class ExceptionTests
{
    private const string Secret = "use ghp_16C7e42F292c6912E7710c838347Ae178B4a";

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("sqlite")]
    [InlineData("postgres")]
    public async Task An_exception_holds_from_the_approval_of_another_person_until_its_day_for_its_system_alone(string kind)
    {
        await using var app = await TestApp.StartAsync(kind);
        await using var node = await app.StartNodeAsync();
        await using var team = await StrictTeamAsync(app, "red");
        await using var other = await StrictTeamAsync(app, "blue");
        using var engineer = await PersonAsync(app, team, Role.Engineer);
        using var approver = await PersonAsync(app, team, Role.Approver);
        Assert.Equal(400, (await team.CallAsync(content: Secret)).Status);

        var asked = await engineer.SendAsync("POST", "api/exceptions", Request(app, team)).JsonAsync(HttpStatusCode.Created);
        Assert.Equal("requested", asked.Text("state"));
        Assert.Equal(400, (await team.CallAsync(content: Secret)).Status);
        var approved = await approver.SendAsync(
            "POST", $"api/exceptions/{asked.Id()}/decision", new { approve = true, reason = "a drill" }).JsonAsync(HttpStatusCode.OK);
        Assert.Equal("approved", approved.Text("state"));

        await node.Services.GetRequiredService<GovernancePublisher>().RefreshAsync(Ct);
        await using var there = team.On(node);
        Assert.Equal((200, 200), ((await team.CallAsync(content: Secret)).Status, (await there.CallAsync(content: Secret)).Status));
        Assert.Equal(400, (await other.CallAsync(content: Secret)).Status);
        var audit = (await team.GetAsync("api/audit")).GetRawText();
        Assert.Contains("exception.approve", audit, StringComparison.Ordinal);
        Assert.Contains("a drill", audit, StringComparison.Ordinal);

        app.Clock.Advance(TimeSpan.FromDays(8));
        Assert.Equal(400, (await team.CallAsync(content: Secret)).Status);
        Assert.Equal("expired", (await team.GetAsync("api/exceptions")).GetProperty("items")[0].Text("state"));
    }

    [Theory]
    [InlineData("sqlite")]
    [InlineData("postgres")]
    public async Task A_list_comes_in_pages_and_by_state(string kind)
    {
        await using var app = await TestApp.StartAsync(kind);
        await using var team = await StrictTeamAsync(app, "red");
        using var approver = await PersonAsync(app, team, Role.Approver);
        var asked = new List<Guid>();
        for (var i = 0; i < 4; i++)
        {
            asked.Add((await team.SendAsync("POST", "api/exceptions", Request(app, team), HttpStatusCode.Created)).Id());
            app.Clock.Advance(TimeSpan.FromSeconds(1));
        }

        await approver.SendAsync("POST", $"api/exceptions/{asked[0]}/decision", new { approve = true }).JsonAsync(HttpStatusCode.OK);
        await approver.SendAsync("POST", $"api/exceptions/{asked[1]}/decision", new { approve = false }).JsonAsync(HttpStatusCode.OK);
        await team.SendAsync("DELETE", $"api/exceptions/{asked[2]}", null, HttpStatusCode.OK);

        var first = await team.GetAsync("api/exceptions?limit=3");
        var rest = await team.GetAsync($"api/exceptions?limit=3&before={first.Text("next")}");
        Assert.Equal(asked[3], first.GetProperty("items")[0].Id());
        Assert.Equal([asked[0]], Ids(rest));
        Assert.Equal(
            [asked[0], asked[1], asked[2], asked[3]],
            [await OneAsync("approved"), await OneAsync("declined"), await OneAsync("revoked"), await OneAsync("requested")]);
        app.Clock.Advance(TimeSpan.FromDays(9));
        Assert.Equal([asked[3], asked[0]], Ids(await team.GetAsync("api/exceptions?state=expired")));
        Assert.Equal(422, await StatusAsync("state=nothing"));
        Assert.Equal(422, await StatusAsync("limit=0"));

        async Task<Guid> OneAsync(string state) => Assert.Single(Ids(await team.GetAsync($"api/exceptions?state={state}")));

        async Task<int> StatusAsync(string query) => (int)await approver.GetAsync($"api/exceptions?{query}", Ct).StatusAsync();

        static List<Guid> Ids(JsonElement page) => [.. page.GetProperty("items").EnumerateArray().Select(e => e.Id())];
    }

    [Fact]
    public async Task Who_asks_does_not_decide_and_what_is_decided_is_not_decided_again()
    {
        await using var app = await TestApp.StartAsync();
        await using var team = await StrictTeamAsync(app, "red");
        using var approver = await PersonAsync(app, team, Role.Approver);
        var asked = await team.SendAsync("POST", "api/exceptions", Request(app, team), HttpStatusCode.Created);
        var path = $"api/exceptions/{asked.Id()}/decision";

        var own = await team.PostRawAsync(path, """{"approve":true}""");
        await approver.SendAsync("POST", path, new { approve = false, reason = "no" }).JsonAsync(HttpStatusCode.OK);
        var again = await approver.SendAsync("POST", path, new { approve = true }).ProblemAsync(HttpStatusCode.Conflict);

        Assert.Equal((403, "four_eyes"), (own.Status, JsonElement.Parse(own.Body).Text("code")));
        Assert.Equal("exception_settled", again);
        Assert.Equal(400, (await team.CallAsync(content: Secret)).Status);
    }

    [Fact]
    public async Task A_revoked_exception_bites_again_at_once()
    {
        await using var app = await TestApp.StartAsync();
        await using var team = await StrictTeamAsync(app, "red");
        using var approver = await PersonAsync(app, team, Role.Approver);
        var asked = await team.SendAsync("POST", "api/exceptions", Request(app, team), HttpStatusCode.Created);
        await approver.SendAsync("POST", $"api/exceptions/{asked.Id()}/decision", new { approve = true }).JsonAsync(HttpStatusCode.OK);
        Assert.Equal(200, (await team.CallAsync(content: Secret)).Status);

        var revoked = await approver.SendAsync("DELETE", $"api/exceptions/{asked.Id()}?reason=over").JsonAsync(HttpStatusCode.OK);

        Assert.Equal("revoked", revoked.Text("state"));
        Assert.Equal(400, (await team.CallAsync(content: Secret)).Status);
    }

    [Fact]
    public async Task Roles_decide_who_asks_and_who_says_yes()
    {
        await using var app = await TestApp.StartAsync();
        await using var team = await StrictTeamAsync(app, "red");
        foreach (var role in Enum.GetValues<Role>())
        {
            using var http = await PersonAsync(app, team, role);
            var waiting = await team.SendAsync("POST", "api/exceptions", Request(app, team), HttpStatusCode.Created);

            var asked = await http.SendAsync("POST", "api/exceptions", Request(app, team)).StatusAsync();
            var decided = await http.SendAsync("POST", $"api/exceptions/{waiting.Id()}/decision", new { approve = false }).StatusAsync();

            Assert.Equal(Roles.Allows(role, Permission.WriteSystems) ? HttpStatusCode.Created : HttpStatusCode.Forbidden, asked);
            Assert.Equal(Roles.Allows(role, Permission.Approve) ? HttpStatusCode.OK : HttpStatusCode.Forbidden, decided);
        }
    }

    [Theory]
    [InlineData("until", """{"until":"2020-01-01T00:00:00Z","reason":"r"}""")]
    [InlineData("until", """{"until":"2100-01-01T00:00:00Z","reason":"r"}""")]
    [InlineData("detector", """{"detector":"pij","reason":"r"}""")]
    [InlineData("reason", """{"reason":" "}""")]
    public async Task What_makes_no_sense_is_refused_by_the_name_of_its_field(string field, string given)
    {
        await using var app = await TestApp.StartAsync();
        await using var team = await StrictTeamAsync(app, "red");
        var fields = JsonElement.Parse(given).EnumerateObject().ToDictionary(p => p.Name, p => (object)p.Value.GetString()!);
        fields["system"] = team.System;
        fields.TryAdd("until", app.Clock.GetUtcNow().AddDays(7));

        var answer = await team.PostRawAsync("api/exceptions", JsonSerializer.Serialize(fields));

        Assert.Equal(422, answer.Status);
        Assert.StartsWith($"'{field}'", JsonElement.Parse(answer.Body).Text("detail"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_exception_of_the_configuration_covers_the_one_system_that_it_names_and_nobody_where_several_have_the_name()
    {
        await using var app = await TestApp.StartAsync();
        await using var red = await TestTeam.BuildAsync(app, "red");
        await using var blue = await TestTeam.BuildAsync(app, "blue");
        using var root = app.Program((await app.AddPersonAsync("root@example.org", null, Role.Admin)).Token);
        var state = app.Services.GetRequiredService<ConfigurationState>();
        var file = Path.Combine(app.DataFolder, "gatehouse.yaml");
        var before = await File.ReadAllTextAsync(file, Ct);

        await WriteAsync("red-shop");
        Assert.Equal((200, 400), (await StatusAsync(red), await StatusAsync(blue)));
        Assert.Equal(("ok", "Each exception of the configuration is of one system."), await DoctorAsync());

        await blue.SendAsync(
            "POST", "api/systems", new { team = "blue", name = "red-shop", purpose = "p", owner = "o" }, HttpStatusCode.Created);
        Assert.Equal((400, 400), (await StatusAsync(red), await StatusAsync(blue)));
        const string Several =
            "The exception for 'red-shop' in 'policies.exceptions' covers nobody: 2 teams have a system of that name. Write 'blue/red-shop' or 'red/red-shop'.";
        Assert.Equal(("warning", Several), await DoctorAsync());
        Assert.Contains(Several, app.Logs.Text, StringComparison.Ordinal);
        var check = await root.SendAsync(
            "POST", "api/config/check", new { text = await File.ReadAllTextAsync(file, Ct) }).JsonAsync(HttpStatusCode.OK);
        Assert.Equal((0, Several), (check.GetProperty("items").GetArrayLength(), check.GetProperty("warnings")[0].GetString()));

        await WriteAsync("red/red-shop");
        Assert.Equal((200, 400), (await StatusAsync(red), await StatusAsync(blue)));
        await WriteAsync(blue.System.ToString());
        Assert.Equal((400, 200), (await StatusAsync(red), await StatusAsync(blue)));
        await WriteAsync("green/red-shop");
        Assert.Equal((400, 400), (await StatusAsync(red), await StatusAsync(blue)));
        Assert.Equal("warning", (await DoctorAsync()).State);

        async Task WriteAsync(string system)
        {
            await File.WriteAllTextAsync(file, before + $$"""

                policies:
                  default: strict
                  exceptions: [ { system: {{system}}, detector: secrets, until: 2099-01-01, approved_by: me, reason: a drill } ]
                """, Ct);
            Assert.True(await state.ReloadAsync(Ct));
        }

        async Task<(string State, string Message)> DoctorAsync()
        {
            var items = (await root.GetAsync("api/doctor", Ct).JsonAsync(HttpStatusCode.OK)).GetProperty("items").EnumerateArray();
            var found = items.Single(i => i.Text("name") == "exceptions");
            return (found.Text("state"), found.Text("message"));
        }

        static async Task<int> StatusAsync(TestTeam team) => (await team.CallAsync(content: Secret)).Status;
    }

    private static object Request(TestApp app, TestTeam team) => new
    {
        system = team.System, detector = "secrets", until = app.Clock.GetUtcNow().AddDays(7), reason = "a migration",
    };

    private static async Task<TestTeam> StrictTeamAsync(TestApp app, string name)
    {
        var team = await TestTeam.BuildAsync(app, name);
        await team.SendAsync(
            "PUT", $"api/systems/{team.System}/environments/development",
            new { store_content = false, retention_days = 30, guard_policy = "strict" }, HttpStatusCode.OK);
        return team;
    }

    private static async Task<HttpClient> PersonAsync(TestApp app, TestTeam team, Role role) =>
        app.Program((await app.AddPersonAsync($"who-{role}@red.example.org", team.Team, role)).Token);
}
