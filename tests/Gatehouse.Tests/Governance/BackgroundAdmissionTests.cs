using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Responses;
using Gatehouse.Governance;
using Gatehouse.Observability.Responses;
using Gatehouse.Tests.Host;
using Microsoft.Extensions.DependencyInjection;

namespace Gatehouse.Tests.Governance;

/// <summary>What a background response takes before budgets and limits have let its call through: nothing.</summary>
public sealed class BackgroundAdmissionTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_background_response_that_a_limit_refuses_is_refused_at_once_and_neither_stored_nor_given_a_place()
    {
        await using var app = await TestApp.StartAsync();
        await using var team = await TestTeam.BuildAsync(app, "blue");
        await team.SendAsync(
            "PUT", $"api/systems/{team.System}/environments/development", new { store_content = true, retention_days = 7 },
            HttpStatusCode.OK);
        await team.AddLimitAsync(new { name = "one", team = "blue", requests_per_minute = 1 });
        using var http = await CallerAsync(app, team);

        using var first = await http.PostAsJsonAsync("v1/responses", new { model = "simulator", input = "Hello", background = true }, Ct);
        using var refused = await http.PostAsJsonAsync("v1/responses", new { model = "simulator", input = "Hello", background = true }, Ct);
        using var streamed = await http.PostAsJsonAsync(
            "v1/responses", new { model = "simulator", input = "Hello", background = true, stream = true }, Ct);

        Assert.Equal((200, 429, 429), ((int)first.StatusCode, (int)refused.StatusCode, (int)streamed.StatusCode));
        Assert.Equal("queued", JsonElement.Parse(await first.Content.ReadAsStringAsync(Ct)).Text("status"));
        Assert.Equal(
            "rate_limit_exceeded", JsonElement.Parse(await refused.Content.ReadAsStringAsync(Ct)).GetProperty("error").Text("code"));
        Assert.InRange(refused.Headers.RetryAfter!.Delta!.Value.TotalSeconds, 1, 60);
        await team.RecordedAsync(3);
        await app.Services.GetRequiredService<KeptResponses>().WriteAsync(Ct);
        Assert.Equal(1, await app.Db.CountAsync($"SELECT COUNT(*) FROM observability_response"));
    }

    private static async Task<HttpClient> CallerAsync(TestApp app, TestTeam team)
    {
        var key = await team.SendAsync(
            "POST", $"api/systems/{team.System}/keys", new { environment = "development", name = "background" }, HttpStatusCode.Created);
        return app.Program(key.Text("secret"));
    }
}
