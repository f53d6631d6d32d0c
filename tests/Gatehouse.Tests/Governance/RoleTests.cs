using System.Net;
using Gatehouse.Contracts;
using Gatehouse.Governance;
using Gatehouse.Tests.Host;
using Microsoft.Extensions.DependencyInjection;

namespace Gatehouse.Tests.Governance;

/// <summary>What each role may do in its own team, and what administrators of a team may do to people.</summary>
public sealed class RoleTests
{
    private const HttpStatusCode No = HttpStatusCode.Forbidden;
    private const HttpStatusCode Ok = HttpStatusCode.OK;
    private const HttpStatusCode Made = HttpStatusCode.Created;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(Role.Viewer, Ok, No, No, No, No, No, No)]
    [InlineData(Role.Auditor, Ok, No, No, No, No, No, Ok)]
    [InlineData(Role.Approver, Ok, No, No, No, No, No, No)]
    [InlineData(Role.Engineer, Ok, Made, Made, Ok, No, No, No)]
    [InlineData(Role.Architect, Ok, Made, Made, Ok, Ok, No, Ok)]
    [InlineData(Role.Admin, Ok, Made, Made, Ok, Ok, Ok, Ok)]
    public async Task A_role_does_in_its_team_what_the_table_says(
        Role role, HttpStatusCode read, HttpStatusCode addSystem, HttpStatusCode addKey, HttpStatusCode changePurpose,
        HttpStatusCode policiesAndStage, HttpStatusCode people, HttpStatusCode audit)
    {
        await using var app = await TestApp.StartAsync();
        var root = new Person(Guid.Empty, "test", "test", [new Membership(null, Role.Admin)]);
        var team = await app.Services.GetRequiredService<Teams>().CreateAsync(root, "red", Ct);
        var system = (await app.Services.GetRequiredService<Systems>()
            .CreateAsync(root, new NewSystem("red", "shop", "Answers shoppers.", "Ann", SystemStage.Building), Ct)).Id;
        using var http = app.Program((await app.AddPersonAsync("ann@example.org", team.Id, role)).Token);

        Assert.Equal(read, await http.GetAsync($"api/systems/{system}", Ct).StatusAsync());
        Assert.Equal(read, await http.GetAsync($"api/systems/{system}/keys", Ct).StatusAsync());
        Assert.Equal(
            addSystem, await http.SendAsync(
                "POST", "api/systems", new { team = "red", name = "x", purpose = "p", owner = "o" }).StatusAsync());
        Assert.Equal(
            addKey, await http.SendAsync("POST", $"api/systems/{system}/keys", new { environment = "staging", name = "x" }).StatusAsync());
        Assert.Equal(changePurpose, await http.SendAsync("PATCH", $"api/systems/{system}", new { purpose = "other" }).StatusAsync());
        Assert.Equal(policiesAndStage, await http.SendAsync("PATCH", $"api/systems/{system}", new { stage = "live" }).StatusAsync());
        Assert.Equal(policiesAndStage, await http.SendAsync(
            "PUT", $"api/systems/{system}/environments/staging", new { store_content = true, retention_days = 7 }).StatusAsync());
        Assert.Equal(policiesAndStage == Ok ? Made : No, await http.SendAsync(
            "POST", "api/systems", new { team = "red", name = "y", purpose = "p", owner = "o", stage = "live" }).StatusAsync());
        Assert.Equal(people, await http.GetAsync("api/people", Ct).StatusAsync());
        Assert.Equal(audit, await http.GetAsync("api/audit", Ct).StatusAsync());
        Assert.Equal(No, await http.SendAsync("POST", "api/teams", new { name = "blue" }).StatusAsync());
    }

    [Fact]
    public async Task Who_administers_a_team_sees_and_changes_roles_in_it_alone()
    {
        await using var app = await TestApp.StartAsync();
        var root = new Person(Guid.Empty, "test", "test", [new Membership(null, Role.Admin)]);
        var teams = app.Services.GetRequiredService<Teams>();
        var red = (await teams.CreateAsync(root, "red", Ct)).Id;
        var blue = (await teams.CreateAsync(root, "blue", Ct)).Id;
        using var http = app.Program((await app.AddPersonAsync("red@example.org", red, Role.Admin)).Token);
        var (both, bothToken) = await app.AddPersonAsync("both@example.org", blue, Role.Engineer);
        await app.Services.GetRequiredService<People>()
            .SetMembershipsAsync(root, both.Id, [new(blue, Role.Engineer), new(red, Role.Viewer)], Ct);
        var (elsewhere, _) = await app.AddPersonAsync("blue@example.org", blue, Role.Viewer);

        var listed = (await http.GetAsync("api/people", Ct).JsonAsync(Ok)).GetRawText();
        var changed = await http.SendAsync("PUT", $"api/people/{both.Id}/memberships", Roles(red, "auditor")).JsonAsync(Ok);
        using var bothHttp = app.Program(bothToken);
        var memberships = (await bothHttp.GetAsync("api/me", Ct).JsonAsync(Ok)).GetProperty("memberships");

        Assert.DoesNotContain("blue@example.org", listed, StringComparison.Ordinal);
        Assert.DoesNotContain(blue.ToString(), listed, StringComparison.Ordinal);
        Assert.Equal(1, changed.GetProperty("person").GetProperty("memberships").GetArrayLength());
        Assert.Equal(2, memberships.GetArrayLength());
        Assert.Equal(No, await http.SendAsync("PUT", $"api/people/{both.Id}/memberships", Roles(blue, "admin")).StatusAsync());
        Assert.Equal(No, await http.SendAsync("PUT", $"api/people/{both.Id}/memberships", Roles(null, "admin")).StatusAsync());
        Assert.Equal(
            No, await http.SendAsync(
                "POST", "api/people",
                new { email = "x@example.org", name = "x", memberships = new[] { new { team_id = (Guid?)null, role = "viewer" } } })
                .StatusAsync());
        Assert.Equal("invalid_field",
            await http.SendAsync("POST", "api/people", new { email = "x@example.org", name = "x", memberships = Array.Empty<object>() })
            .ProblemAsync(HttpStatusCode.UnprocessableEntity));
        Assert.Equal(No, await http.SendAsync("DELETE", $"api/people/{both.Id}").StatusAsync());
        Assert.Equal(HttpStatusCode.NotFound, await http.SendAsync("DELETE", $"api/people/{elsewhere.Id}").StatusAsync());
        Assert.Equal(
            HttpStatusCode.NotFound,
            await http.SendAsync("PUT", $"api/people/{elsewhere.Id}/memberships", Roles(red, "viewer")).StatusAsync());
    }

    [Fact]
    public async Task The_last_administrator_can_neither_leave_nor_step_down()
    {
        await using var app = await TestApp.StartAsync();
        using var admin = await app.SignInFirstAsync();
        await admin.TakeTokenAsync();
        await app.AddPersonAsync("invited@example.org", null, Role.Admin);
        var me = (await admin.Http.GetAsync("api/me", Ct).JsonAsync(Ok)).Id();

        var removal = await admin.Http.SendAsync("DELETE", $"api/people/{me}").ProblemAsync(HttpStatusCode.Conflict);
        var demotion = await admin.Http.SendAsync("PUT", $"api/people/{me}/memberships", Roles(null, "viewer"))
            .ProblemAsync(HttpStatusCode.Conflict);

        Assert.Equal(("last_administrator", "last_administrator"), (removal, demotion));
        Assert.Equal(Ok, await admin.Http.GetAsync("api/people", Ct).StatusAsync());
    }

    private static object Roles(Guid? team, string role) => new { memberships = new[] { new { team_id = team, role } } };
}
