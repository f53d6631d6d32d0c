using System.Net;
using Gatehouse.Contracts;
using Gatehouse.Tests.Governance;
using Gatehouse.Tests.Host;
using Gatehouse.Tests.Storage;

namespace Gatehouse.Tests.Observability;

/// <summary>What the doctor says of a clock that is or was ahead, over HTTP: only the log said it.</summary>
public sealed class ClockDoctorTests
{
    public static readonly TheoryData<string> Kinds = TestDatabases.Kinds;

    private static readonly TimeSpan Wrong = TimeSpan.FromDays(40);

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Deletion_that_waits_is_told_until_the_clock_is_right()
    {
        await using var app = await TestApp.StartAsync();
        using var root = app.Program((await app.AddPersonAsync("doctor@example.org", null, Role.Admin)).Token);
        Assert.Null(await FindAsync(root, "deletion"));

        app.Clock.Advance(Wrong);
        var waits = await FindAsync(root, "deletion");
        app.Clock.Advance(-Wrong);

        Assert.Equal("warning", waits?.State);
        Assert.Matches(
            "^It waits: the clock is suddenly 40\\.00:00:00 ahead\\. What expired after .* UTC stays until the clock has been steady for 60 minutes more\\.$",
            waits?.Message);
        Assert.Contains("Check the time of this machine", waits?.Mend, StringComparison.Ordinal);
        Assert.Null(await FindAsync(root, "deletion"));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Calls_of_a_clock_that_was_ahead_are_told(string kind)
    {
        await using var app = await TestApp.StartAsync(kind);
        using var root = app.Program((await app.AddPersonAsync("doctor@example.org", null, Role.Admin)).Token);
        await using var team = await TestTeam.BuildAsync(app, "ahead");
        Assert.Equal(200, (await team.CallAsync()).Status);
        await team.RecordedAsync(1);
        Assert.Null(await FindAsync(root, "ledger"));

        app.Clock.Advance(Wrong);
        var at = app.Clock.GetUtcNow();
        Assert.Equal(200, (await team.CallAsync()).Status);
        Assert.Equal(200, (await team.CallAsync()).Status);
        await team.RecordedAsync(3);
        app.Clock.Advance(-Wrong);
        var told = await FindAsync(root, "ledger");

        Assert.Equal("notice", told?.State);
        Assert.Equal(
            $"2 calls begin in the future, the last at {at.UtcDateTime:yyyy-MM-dd HH:mm:ss} UTC: a node's clock was ahead.", told?.Message);
        Assert.Contains("Check the time of each node", told?.Mend, StringComparison.Ordinal);
    }

    private static async Task<(string? State, string? Message, string? Mend)?> FindAsync(HttpClient http, string name)
    {
        var checks = (await http.GetAsync("api/doctor", Ct).JsonAsync(HttpStatusCode.OK)).GetProperty("items").EnumerateArray().Where(
            c => c.Text("name") == name).ToList();
        return checks is [var check] ? (check.Text("state"), check.Text("message"), check.Text("mend")) : null;
    }
}
