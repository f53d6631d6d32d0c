using System.Net;
using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Tests.Host;

namespace Gatehouse.Tests.Governance;

/// <summary>Which guard policy applies to a system, from the API to the call, on both databases.</summary>
public sealed class GuardPolicyTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("sqlite")]
    [InlineData("postgres")]
    public async Task A_chosen_policy_applies_to_the_systems_calls_and_the_choice_can_be_taken_back(string kind)
    {
        await using var app = await TestApp.StartAsync(kind);
        using var admin = app.Program((await app.AddPersonAsync("root@example.org", null, Role.Admin)).Token);
        await admin.SendAsync("POST", "api/teams", new { name = "red" }).JsonAsync(HttpStatusCode.Created);
        var system = await admin.SendAsync("POST", "api/systems", new { team = "red", name = "shop", purpose = "p", owner = "o" })
            .JsonAsync(HttpStatusCode.Created);
        var key = await admin.SendAsync("POST", $"api/systems/{system.Id()}/keys", new { environment = "production", name = "k" })
            .JsonAsync(HttpStatusCode.Created);
        using var client = app.Program(key.Text("secret"));
        var address = $"api/systems/{system.Id()}/environments/production";

        Assert.Equal(HttpStatusCode.OK, await AskAsync(client));
        var unknown = await admin.SendAsync("PUT", address, new { store_content = false, retention_days = 30, guard_policy = "strickt" });
        Assert.Equal(HttpStatusCode.UnprocessableEntity, unknown.StatusCode);

        var set = await admin.SendAsync("PUT", address, new { store_content = false, retention_days = 30, guard_policy = "strict" })
            .JsonAsync(HttpStatusCode.OK);
        Assert.Equal("strict", Production(set));
        Assert.Equal(HttpStatusCode.BadRequest, await AskAsync(client));

        var kept = await admin.SendAsync("PUT", address, new { store_content = true, retention_days = 30 }).JsonAsync(HttpStatusCode.OK);
        Assert.Equal("strict", Production(kept));
        await admin.SendAsync("PUT", address, new { store_content = true, retention_days = 30, guard_policy = "default" })
            .JsonAsync(HttpStatusCode.OK);
        Assert.Equal(HttpStatusCode.OK, await AskAsync(client));

        var audit = (await admin.GetAsync("api/audit", Ct).JsonAsync(HttpStatusCode.OK));
        Assert.Contains(
            audit.GetProperty("items").EnumerateArray(), e =>
                e.Text("detail").EndsWith("guard_policy default -> strict", StringComparison.Ordinal));
    }

    private static string? Production(JsonElement system) =>
        system.GetProperty("environments").EnumerateArray().Single(e => e.Text("environment") == "production").Text("guard_policy");

    private static async Task<HttpStatusCode> AskAsync(HttpClient client)
    {
        using var body = new StringContent(
            """{"model":"simulator","messages":[{"role":"user","content":"use ghp_16C7e42F292c6912E7710c838347Ae178B4a"}]}""");
        using var response = await client.PostAsync("v1/chat/completions", body, Ct);
        return response.StatusCode;
    }
}
