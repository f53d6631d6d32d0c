using System.Net;
using System.Security.Cryptography;
using System.Text;
using Gatehouse.Api;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Routing;
using Gatehouse.Governance;
using Gatehouse.Tests.Host;
using Microsoft.Extensions.DependencyInjection;

namespace Gatehouse.Tests.Governance;

/// <summary>Ways into other gateways that became public, tried here.</summary>
public sealed class AttackTests
{
    private const string Sql = "x' OR '1'='1' -- ";

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("sqlite")]
    [InlineData("postgres")]
    public async Task Sql_in_a_key_a_token_a_name_or_a_filter_is_text(string kind)
    {
        await using var app = await TestApp.StartAsync(kind);
        await using var blue = await TestTeam.BuildAsync(app, "blue");
        await blue.CallAsync();
        await blue.RecordedAsync(1);
        var red = (await app.Services.GetRequiredService<Teams>()
            .CreateAsync(new Person(Guid.Empty, "t", "t", [new Membership(null, Role.Admin)]), "red", Ct)).Id;
        using var http = app.Program((await app.AddPersonAsync("red@example.org", red, Role.Admin)).Token);

        foreach (var presented in (string[])[Sql, $"gh_dev_{Sql}", $"ght_{Sql}", "gh_dev_%", "ght_%", "gh_dev_\u0000"])
        {
            using var attacker = app.Program(null);
            attacker.DefaultRequestHeaders.TryAddWithoutValidation(
                "Authorization", $"Bearer {presented.Replace("\u0000", "", StringComparison.Ordinal)}");
            Assert.Equal(HttpStatusCode.Unauthorized, await attacker.GetAsync("v1/models", Ct).StatusAsync());
            Assert.Equal(HttpStatusCode.Unauthorized, await attacker.GetAsync("api/me", Ct).StatusAsync());
        }

        foreach (var filter in (string[])["search", "team", "system", "route", "provider", "model", "outcome", "from", "before", "limit"])
        {
            using var answer = await http.GetAsync($"api/calls?{filter}={Uri.EscapeDataString(Sql)}", Ct);
            Assert.True((int)answer.StatusCode is 200 or (>= 400 and < 500), filter);
            Assert.DoesNotContain("blue-shop", await answer.Content.ReadAsStringAsync(Ct), StringComparison.Ordinal);
        }

        foreach (var path in (string[])["api/systems/", "api/keys/", "api/secrets/", "api/calls/", "api/systems?team="])
        {
            Assert.InRange((int)await http.GetAsync(path + Uri.EscapeDataString(Sql), Ct).StatusAsync(), 200, 499);
        }

        Assert.Equal(1, await app.Db.CountAsync($"SELECT COUNT(*) FROM observability_ledger"));
    }

    /// <summary>A cache elsewhere knew tokens by their first 20 characters.</summary>
    [Fact]
    public async Task What_shares_the_beginning_of_a_good_key_or_token_is_not_good()
    {
        await using var app = await TestApp.StartAsync();
        await using var team = await TestTeam.BuildAsync(app, "blue");
        var (_, token) = await app.AddPersonAsync("ann@example.org", null, Role.Admin);
        var key = (await team.SendAsync(
            "POST", $"api/systems/{team.System}/keys", new { environment = "development", name = "second" }, HttpStatusCode.Created))
            .Text("secret");

        for (var round = 0; round < 2; round++) // before and after the good ones were seen
        {
            foreach (var (good, path) in new[] { (token, "api/me"), (key, "v1/models") })
            {
                foreach (var bad in (string[])[
                    good[..^1] + (good[^1] == 'x' ? 'y' : 'x'), good[..20] + new string('0', good.Length - 20), good[..^1], good + "x",
                    good.ToUpperInvariant(), good[..24]])
                {
                    using var forged = app.Program(bad);
                    Assert.Equal(HttpStatusCode.Unauthorized, await forged.GetAsync(path, Ct).StatusAsync());
                }

                using var real = app.Program(good);
                Assert.Equal(HttpStatusCode.OK, await real.GetAsync(path, Ct).StatusAsync());
            }
        }
    }

    /// <summary>Elsewhere the stored hash of a key was taken in place of the key, and was a plain SHA-256.</summary>
    [Fact]
    public async Task What_is_stored_of_a_key_a_token_or_a_password_opens_nothing_and_is_no_plain_hash()
    {
        await using var app = await TestApp.StartAsync();
        using var browser = await app.SignInFirstAsync();
        await using var team = await TestTeam.BuildAsync(app, "blue");
        var (_, token) = await app.AddPersonAsync("ann@example.org", null, Role.Admin);
        var key = (await team.SendAsync(
            "POST", $"api/systems/{team.System}/keys", new { environment = "development", name = "second" }, HttpStatusCode.Created))
            .Text("secret");
        var hashes = await app.Db.QueryAsync(
            $"SELECT hash FROM governance_key UNION ALL SELECT hash FROM governance_token", row => row.Bytes(0), Ct);
        var password = (await app.Db.QueryAsync(
            $"SELECT password_hash FROM governance_person WHERE email = {TestApp.AdminEmail}", row => row.Text(0), Ct))[0];

        foreach (var presented in hashes.SelectMany(
            h => (string[])[
                Convert.ToHexString(h), Convert.ToHexStringLower(h), Convert.ToBase64String(h), $"gh_dev_{Convert.ToHexStringLower(h)}",
                $"ght_{Convert.ToHexStringLower(h)}"]))
        {
            using var attacker = app.Program(presented);
            Assert.Equal(HttpStatusCode.Unauthorized, await attacker.GetAsync("v1/models", Ct).StatusAsync());
            Assert.Equal(HttpStatusCode.Unauthorized, await attacker.GetAsync("api/me", Ct).StatusAsync());
        }

        Assert.Equal(HttpStatusCode.Unauthorized, await app.Open().SignInAsync(TestApp.AdminEmail, password).StatusAsync());
        var plain = ((string[])[key, token]).Select(s => SHA256.HashData(Encoding.UTF8.GetBytes(s)));
        Assert.DoesNotContain(hashes, h => plain.Any(p => p.AsSpan().SequenceEqual(h)));
        Assert.NotEqual(
            KeyHash.Of(new byte[32], Encoding.UTF8.GetBytes(key)),
            KeyHash.Of(RandomNumberGenerator.GetBytes(32), Encoding.UTF8.GetBytes(key)));
    }

    /// <summary>Elsewhere anybody with a key could change the configuration, and through it run code.</summary>
    [Theory]
    [InlineData(Role.Viewer)]
    [InlineData(Role.Engineer)]
    [InlineData(Role.Admin)]
    public async Task No_role_changes_the_configuration_over_the_network(Role role)
    {
        await using var app = await TestApp.StartAsync();
        var before = await File.ReadAllTextAsync(Path.Combine(app.DataFolder, "gatehouse.yaml"), Ct);
        using var http = app.Program((await app.AddPersonAsync("ann@example.org", null, role)).Token);

        foreach (var path in (string[])["api/config", "api/config/update", "api/providers", "api/routes"])
        {
            foreach (var method in (string[])["POST", "PUT", "PATCH", "DELETE"])
            {
                Assert.True((int)await http.SendAsync(method, path, new { text = "providers: {}" }).StatusAsync() is 404 or 405,
                    $"{method} {path}");
            }
        }

        var check = await http.SendAsync("POST", "api/config/check", new { text = "providers: { a: { kind: vllm } }" }).StatusAsync();
        Assert.Equal(role == Role.Admin ? HttpStatusCode.OK : HttpStatusCode.Forbidden, check);
        Assert.Equal(before, await File.ReadAllTextAsync(Path.Combine(app.DataFolder, "gatehouse.yaml"), Ct));
    }

    [Fact]
    public async Task A_template_in_a_name_or_purpose_is_text()
    {
        await using var app = await TestApp.StartAsync();
        using var browser = await app.SignInFirstAsync();
        await using var team = await TestTeam.BuildAsync(app, "blue");
        const string template = "{{7*'7'}} ${7*7} #{7*7} <%= 7*7 %> @(7*7) *{7*7} <script>alert(7)</script>";
        await team.SendAsync("PATCH", $"api/systems/{team.System}", new { purpose = template, owner = template }, HttpStatusCode.OK);

        var shown = (await team.GetAsync($"api/systems/{team.System}")).Text("purpose");
        var page = await browser.Http.GetStringAsync(new Uri($"systems/{team.System}", UriKind.Relative), Ct);

        Assert.Equal(template, shown);
        Assert.Contains("@(7*7)", page, StringComparison.Ordinal);
        Assert.DoesNotContain("7777777", page, StringComparison.Ordinal);
        Assert.DoesNotContain("<script>alert", page, StringComparison.Ordinal);
    }

    /// <summary>Elsewhere a call under way put its key back into the cache when it ended, and the revocation was undone.</summary>
    [Theory]
    [InlineData("sqlite")]
    [InlineData("postgres")]
    public async Task A_call_under_way_does_not_bring_a_revoked_key_back_on_any_node(string kind)
    {
        await using var app = await TestApp.StartAsync(kind);
        await using var node = await app.StartNodeAsync();
        await using var team = await TestTeam.BuildAsync(app, "blue");
        await node.Services.GetRequiredService<GovernancePublisher>().RefreshAsync(Ct);
        await using var there = team.On(node);

        using (await team.OpenStreamAsync())
        using (await there.OpenStreamAsync())
        {
            await team.SendAsync("DELETE", $"api/keys/{team.Key}", null, HttpStatusCode.OK);
            Assert.Equal(401, (await team.CallAsync()).Status);
            await node.Services.GetRequiredService<GovernancePublisher>().RefreshAsync(Ct);
            Assert.Equal(401, (await there.CallAsync()).Status);
        }

        while (await app.Db.CountAsync($"SELECT COUNT(*) FROM observability_ledger") < 2)
        {
            // The streams have ended, and are settled under the key that began them.
        }

        await app.Services.GetRequiredService<GovernancePublisher>().RefreshAsync(Ct);
        await node.Services.GetRequiredService<GovernancePublisher>().RefreshAsync(Ct);
        Assert.Equal((401, 401), ((await team.CallAsync()).Status, (await there.CallAsync()).Status));
        Assert.Equal(1, await app.Db.CountAsync($"SELECT COUNT(*) FROM governance_key WHERE id = {team.Key} AND revoked_at IS NOT NULL"));
    }
}
