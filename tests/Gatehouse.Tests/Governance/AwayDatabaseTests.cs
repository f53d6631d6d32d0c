using System.Net;
using Gatehouse.Configuration;
using Gatehouse.Contracts;
using Gatehouse.Governance;
using Gatehouse.Hosting;
using Gatehouse.Tests.Host;
using Microsoft.Extensions.DependencyInjection;

namespace Gatehouse.Tests.Governance;

/// <summary>What a node keeps for a start without PostgreSQL, and what it says while nobody may use the database.</summary>
public sealed class AwayDatabaseTests
{
    private static readonly Person _root = new(Guid.Empty, "test", "test", [new Membership(null, Role.Admin)]);

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_revocation_is_on_the_disk_when_it_is_answered_and_the_tables_there_grow_no_older_than_minutes()
    {
        await using var app = await TestApp.StartAsync("postgres");
        await using var team = await TestTeam.BuildAsync(app, "alpha");
        Assert.False(Kept(app).Tables.Keys.Values.Single(k => k.KeyId == team.Key).Revoked);

        await app.Services.GetRequiredService<Keys>().RevokeAsync(_root, team.Key, null, Ct);
        Assert.True(Kept(app).Tables.Keys.Values.Single(k => k.KeyId == team.Key).Revoked);

        app.Clock.Advance(TimeSpan.FromMinutes(5));
        var now = app.Clock.GetUtcNow();
        await app.Services.GetRequiredService<GovernancePublisher>().RefreshAsync(Ct);
        Assert.Equal(now, Kept(app).At);
    }

    [Fact]
    public async Task Nothing_is_kept_where_the_database_is_a_file()
    {
        await using var app = await TestApp.StartAsync();

        Assert.False(File.Exists(Path.Combine(app.DataFolder, TablesFile.Name)));
    }

    [Fact]
    public async Task Api_and_pages_say_that_the_database_is_away_and_calls_and_doctor_go_on()
    {
        await using var app = await TestApp.StartAsync("postgres");
        await using var team = await TestTeam.BuildAsync(app, "alpha");
        using var browser = await app.SignInFirstAsync();
        var (_, token) = await app.AddPersonAsync("ops@example.org", null, Role.Admin);
        using var program = app.Program(token);
        Assert.Equal(HttpStatusCode.OK, await browser.Http.GetAsync("systems", Ct).StatusAsync());

        app.Db.HoldBack();
        using var api = await program.GetAsync("api/systems", Ct);
        using var page = await browser.Http.GetAsync("systems", Ct);
        Assert.Equal(
            (HttpStatusCode.ServiceUnavailable, "5", "application/problem+json"),
            (api.StatusCode, api.Headers.RetryAfter?.ToString(), api.Content.Headers.ContentType?.MediaType));
        Assert.Contains("\"database_unavailable\"", await api.Content.ReadAsStringAsync(Ct), StringComparison.Ordinal);
        Assert.Equal((HttpStatusCode.ServiceUnavailable, "5"), (page.StatusCode, page.Headers.RetryAfter?.ToString()));
        var html = await page.Content.ReadAsStringAsync(Ct);
        Assert.Contains("Back in a moment", html, StringComparison.Ordinal);
        Assert.DoesNotContain("Exception", html, StringComparison.Ordinal);

        // A part of a page, as a paragraph; the answer to a form, as a page.
        using var part = await browser.Http.GetAsync("palette/results?search=shop", Ct);
        Assert.Equal((HttpStatusCode.ServiceUnavailable, "5"), (part.StatusCode, part.Headers.RetryAfter?.ToString()));
        Assert.StartsWith("<p class=\"problem\" role=\"alert\">The database", await part.Content.ReadAsStringAsync(Ct), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, await browser.Http.PostAsync("sign-out", null, Ct).StatusAsync());
        Assert.Equal(HttpStatusCode.OK, await program.GetAsync("api/doctor", Ct).StatusAsync());
        Assert.Equal(HttpStatusCode.OK, await team.Caller.GetAsync("v1/models", Ct).StatusAsync());

        app.Db.LetGo();
        Assert.Equal(HttpStatusCode.OK, await program.GetAsync("api/systems", Ct).StatusAsync());
        Assert.Equal(HttpStatusCode.OK, await browser.Http.GetAsync("systems", Ct).StatusAsync());
    }

    private static KeptTables Kept(TestApp app) =>
        ServerParts.TablesFileOf(app.Services.GetRequiredService<ConfigurationState>().Current.Start)!.Read(app.Clock.GetUtcNow());
}
