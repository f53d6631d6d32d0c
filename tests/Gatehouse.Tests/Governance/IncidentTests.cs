using System.Net;
using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Governance;
using Gatehouse.Tests.Host;
using Microsoft.Extensions.DependencyInjection;

namespace Gatehouse.Tests.Governance;

/// <summary>Circuit breakers of systems and the incidents that they open, on both databases and two nodes.</summary>
public sealed class IncidentTests
{
    private const string Policy = """
        name: test
        breakers:
          - { name: runaway, watch: loops, threshold: 3, window: 1m, action: stop, for: 1m }
        """;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("sqlite")]
    [InlineData("postgres")]
    public async Task A_breaker_that_opens_begins_an_incident_holds_on_the_other_node_and_closes_with_it(string kind)
    {
        await using var app = await TestApp.StartAsync(kind, policy: Policy);
        await using var node = await app.StartNodeAsync(Policy);
        await using var team = await TestTeam.BuildAsync(app, "red");
        await using var there = team.On(node);
        await SeesKeyAsync(node, team.Key);

        Assert.Equal([200, 200, 503], await CallThriceAsync(team));
        var incident = await IncidentAsync(team, _ => true);
        var asked = 0; // always something else: no loop
        await UntilAsync(async () => (await there.CallAsync(content: $"else {asked++}")).Status == 503);
        var closed = await there.SendAsync(
            "POST", $"api/incidents/{incident.Id()}/close", new { note = "mended the importer" }, HttpStatusCode.OK);
        await UntilAsync(async () => (await team.CallAsync(content: $"else {asked++}")).Status == 200);

        Assert.Equal(
            ("runaway", "red-shop", "development", "loops", "stop"),
            (incident.Text("name"), incident.Text("system"), incident.Text("environment"), incident.Text("watch"), incident.Text("action")));
        Assert.Equal((3, 1), (incident.GetProperty("observed").GetInt32(), incident.GetProperty("openings").GetInt32()));
        Assert.Equal("mended the importer", closed.Text("note"));
        Assert.Equal("incident_closed", (await team.SendAsync(
            "POST", $"api/incidents/{incident.Id()}/close", new { note = "again" }, HttpStatusCode.Conflict)).Text("code"));
        Assert.Equal(0, (await team.GetAsync("api/incidents?open=true")).GetProperty("items").GetArrayLength());
        var audit = (await team.GetAsync("api/audit")).GetProperty("items").EnumerateArray()
            .Where(e => e.Text("action").StartsWith("incident.", StringComparison.Ordinal))
            .Select(e => (e.Text("action"), e.Text("person"), e.Text("detail"))).Order();
        Assert.Equal(
            [("incident.close", "admin@red.example.org", "note: mended the importer"), ("incident.open", "gatehouse", "loops 3 reached 3; stop")],
            audit);
    }

    [Theory]
    [InlineData("sqlite")]
    [InlineData("postgres")]
    public async Task What_two_nodes_count_together_opens_the_breaker_on_both_and_begins_one_incident(string kind)
    {
        const string Together = """
            name: test
            rules:
              - { name: rivals, detect: terms, terms: [ rival corp ], action: block }
            breakers:
              - { name: attack, watch: violation_rate, from: blocked, threshold: 0.5, minimum_calls: 8, window: 10m, action: stop, for: 10m }
              - { name: runaway, watch: loops, threshold: 6, window: 10m, action: stop, for: 10m }
            """;
        await using var app = await TestApp.StartAsync(kind, policy: Together);
        await using var node = await app.StartNodeAsync(Together);
        await using var team = await TestTeam.BuildAsync(app, "red");
        await using var there = team.On(node);
        await SeesKeyAsync(node, team.Key);
        var asked = 0;

        foreach (var side in (TestTeam[])[team, there, team, there])
        {
            Assert.Equal(200, (await side.CallAsync(content: $"else {asked++}")).Status);
            Assert.Equal(400, (await side.CallAsync(content: $"rival corp {asked++}")).Status);
        }

        // Four calls on each, half of them blocked: neither comes to eight alone.
        var began = TimeProvider.System.GetTimestamp();
        var incident = await IncidentAsync(team, _ => true);
        await UntilAsync(async () => (await team.CallAsync(content: $"else {asked++}")).Status == 503);
        await UntilAsync(async () => (await there.CallAsync(content: $"else {asked++}")).Status == 503);

        Assert.InRange(TimeProvider.System.GetElapsedTime(began).TotalSeconds, 0, 5);
        Assert.Single((await team.GetAsync("api/incidents")).GetProperty("items").EnumerateArray());
        Assert.Equal(("attack", 1, 0.5), (
            incident.Text("name"), incident.GetProperty("openings").GetInt32(), incident.GetProperty("observed").GetDouble()));
    }

    [Fact]
    public async Task A_breaker_that_closes_by_itself_mitigates_its_incident_and_opens_the_same_one_again()
    {
        await using var app = await TestApp.StartAsync(policy: Policy);
        await using var team = await TestTeam.BuildAsync(app, "red");
        var (_, viewer) = await app.AddPersonAsync("viewer@example.org", team.Team, Role.Viewer);

        Assert.Equal([200, 200, 503], await CallThriceAsync(team));
        var incident = await IncidentAsync(team, _ => true);
        app.Clock.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal(200, (await team.CallAsync(content: "else")).Status);
        await IncidentAsync(team, i => i.TryGetProperty("mitigated_at", out var at) && at.ValueKind == JsonValueKind.String);
        app.Clock.Advance(TimeSpan.FromMinutes(2));
        Assert.Equal([200, 200, 503], await CallThriceAsync(team));
        var again = await IncidentAsync(team, i => i.GetProperty("openings").GetInt32() == 2);

        Assert.Equal(incident.Id(), again.Id());
        Assert.Equal(JsonValueKind.Null, again.GetProperty("mitigated_at").ValueKind);
        using var http = app.Program(viewer);
        Assert.Equal("forbidden", await http.SendAsync("POST", $"api/incidents/{incident.Id()}/close", new { note = "n" })
            .ProblemAsync(HttpStatusCode.Forbidden));
    }

    /// <summary>It was said each second.</summary>
    [Fact]
    public async Task A_breaker_that_opens_while_the_database_is_away_says_once_that_it_cannot_be_written()
    {
        await using var app = await TestApp.StartAsync(policy: Policy);
        await using var team = await TestTeam.BuildAsync(app, "red");

        app.Db.HoldBack();
        Assert.Equal([200, 200, 503], await CallThriceAsync(team));
        using var tries = new PeriodicTimer(TimeSpan.FromSeconds(2.5));
        await tries.WaitForNextTickAsync(Ct); // three of them
        app.Db.LetGo();
        await IncidentAsync(team, _ => true);

        Assert.Equal(2, app.Logs.Text.Split("A change of the breaker 'runaway' cannot be written").Length);
    }

    private static async Task<List<int>> CallThriceAsync(TestTeam team)
    {
        var statuses = new List<int>();
        while (statuses.Count < 3)
        {
            statuses.Add((await team.CallAsync(content: "the same")).Status);
        }

        return statuses;
    }

    private static async Task<JsonElement> IncidentAsync(TestTeam team, Func<JsonElement, bool> wanted)
    {
        JsonElement? found = null;
        await UntilAsync(async () =>
        {
            foreach (var incident in (await team.GetAsync("api/incidents?open=true")).GetProperty("items").EnumerateArray().Where(wanted))
            {
                found = incident;
            }

            return found is not null;
        });
        return found!.Value;
    }

    internal static Task SeesKeyAsync(TestApp node, Guid key) => UntilAsync(() => Task.FromResult(
        node.Services.GetRequiredService<Snapshot<GovernanceTables>>().Current.Keys.Values.Any(k => k.KeyId == key)));

    private static async Task UntilAsync(Func<Task<bool>> holds)
    {
        var began = TimeProvider.System.GetTimestamp();
        while (!await holds())
        {
            Assert.True(TimeProvider.System.GetElapsedTime(began) < TimeSpan.FromSeconds(30), "It did not come true in time.");
        }
    }
}
