using System.Net;
using Gatehouse.Batches;
using Gatehouse.Contracts;
using Gatehouse.Tests.Governance;
using Gatehouse.Tests.Host;
using Gatehouse.Tests.Storage;
using Microsoft.Extensions.DependencyInjection;

namespace Gatehouse.Tests.Batches;

/// <summary>What people see of batches.</summary>
public sealed class BatchPageTests
{
    public static readonly TheoryData<string> Kinds = TestDatabases.Kinds;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task People_see_the_batches_of_their_teams_and_a_batch_leads_to_its_calls(string kind)
    {
        await using var app = await TestApp.StartAsync(kind);
        await using var team = await TestTeam.BuildAsync(app, "blue");
        await using var other = await TestTeam.BuildAsync(app, "red");
        var (blue, _) = await app.AddPersonAsync("viewer@blue.example.org", team.Team, Role.Viewer);
        var (client, stranger) = (new BatchClient(team.Caller), new BatchClient(other.Caller));
        var id = await client.StartAsync(BatchClient.Line("a", "Hi"), BatchClient.Line("b", "Hi", "no-such-model"));
        var foreign = await stranger.StartAsync(BatchClient.Line("a", "Hi"));
        await client.EndAsync(id);
        await stranger.EndAsync(foreign);
        app.Clock.Advance(TimeSpan.FromMinutes(1));

        var queries = app.Services.GetRequiredService<BatchQueries>();
        var seen = Assert.Single(await queries.ListAsync(blue, new CallFilter(), 10, Ct));
        Assert.Equal((id, "completed", 2, 2, 1), (seen.Id, seen.Status, seen.Total, seen.Done, seen.Failed));
        Assert.Empty(await queries.ListAsync(blue, new CallFilter(From: app.Clock.GetUtcNow()), 10, Ct));
        Assert.Empty(await queries.ListAsync(blue, new CallFilter(Environment: SystemEnvironment.Production), 10, Ct));
        var refused = await Assert.ThrowsAsync<ProblemException>(() => queries.ListAsync(blue, new CallFilter(TeamId: other.Team), 10, Ct));
        Assert.Equal(404, refused.Problem.Status);

        var browser = await app.SignInFirstAsync();
        using var page = await browser.Http.GetAsync("batches", Ct);
        var html = WebUtility.HtmlDecode(await page.Content.ReadAsStringAsync(Ct));
        Assert.Equal(HttpStatusCode.OK, page.StatusCode);
        Assert.Contains("No batch is under way; 2 of 2 were completed.", html, StringComparison.Ordinal);
        Assert.Contains($"search={id}", html, StringComparison.Ordinal);
        Assert.Contains(foreign, html, StringComparison.Ordinal);
    }
}
