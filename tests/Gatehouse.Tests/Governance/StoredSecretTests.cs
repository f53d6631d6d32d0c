using System.Net;
using System.Text;
using Gatehouse.Configuration;
using Gatehouse.Contracts;
using Gatehouse.Governance;
using Gatehouse.Storage;
using Gatehouse.Tests.Host;
using Microsoft.Extensions.DependencyInjection;

namespace Gatehouse.Tests.Governance;

/// <summary>Credentials that Gatehouse keeps: in and never out, sealed at rest, used at once on every node.</summary>
public sealed class StoredSecretTests
{
    private const string First = "canary-first-5f0c1d2e3a4b";
    private const string Second = "canary-second-9e8d7c6b5a4f";

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("sqlite")]
    [InlineData("postgres")]
    public async Task A_secret_is_used_by_the_configuration_and_a_changed_one_at_once_with_the_other_providers_as_they_were(string kind)
    {
        await using var app = await TestApp.StartAsync(kind);
        using var admin = await AdminAsync(app);
        await SetAsync(admin, "openai", First);
        await ConfigureAsync(app, "${secret:openai}");
        var before = Providers(app);

        var changed = await SetAsync(admin, "openai", $"{Second}\n");

        Assert.Equal((First, Second), (before["kept"].Settings.ApiKey, Providers(app)["kept"].Settings.ApiKey));
        Assert.Same(before["simulator"], Providers(app)["simulator"]);
        Assert.NotSame(before["kept"], Providers(app)["kept"]);
        Assert.True(changed.GetProperty("in_use").GetBoolean());
    }

    [Theory]
    [InlineData("sqlite")]
    [InlineData("postgres")]
    public async Task Another_node_uses_a_changed_secret_by_itself(string kind)
    {
        await using var app = await TestApp.StartAsync(kind);
        using var admin = await AdminAsync(app);
        await SetAsync(admin, "openai", First);
        await using var node = await app.StartNodeAsync();
        await ConfigureAsync(node, "${secret:openai}");
        var changed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        node.Services.GetRequiredService<ConfigurationState>().Changed += _ => changed.TrySetResult();

        await SetAsync(admin, "openai", Second);
        await changed.Task.WaitAsync(TimeSpan.FromSeconds(10), Ct);

        Assert.Equal(Second, Providers(node)["kept"].Settings.ApiKey);
    }

    [Fact]
    public async Task A_start_finds_the_secrets_that_its_configuration_refers_to()
    {
        var app = await TestApp.StartAsync();
        using (var admin = await AdminAsync(app))
        {
            await SetAsync(admin, "openai", First);
        }

        await ConfigureAsync(app, "${secret:openai}");
        app = await app.RestartAsync();
        await using (app)
        {
            Assert.Equal(First, Providers(app)["kept"].Settings.ApiKey);
        }
    }

    [Fact]
    public async Task A_secret_that_is_not_there_is_an_error_with_its_place_and_command_and_the_revision_in_force_stays()
    {
        await using var app = await TestApp.StartAsync();
        var state = app.Services.GetRequiredService<ConfigurationState>();
        var revision = state.Current.Revision;

        await ConfigureAsync(app, "${secret:nobody}");

        var error = Assert.Single(state.LastErrors);
        Assert.Equal((revision, "Store it with 'gatehouse secret set nobody'."), (state.Current.Revision, error.Suggestion));
        Assert.True(error.Line > 1);
    }

    [Fact]
    public async Task Nothing_that_answers_shows_a_value_and_the_audit_log_says_who_changed_which()
    {
        await using var app = await TestApp.StartAsync();
        using var admin = await AdminAsync(app);
        var made = await SetAsync(admin, "openai", First);
        app.Clock.Advance(TimeSpan.FromSeconds(1));
        await SetAsync(admin, "openai", Second);
        await SetAsync(admin, "other", First);
        await admin.SendAsync("DELETE", "api/secrets/other").JsonAsync(HttpStatusCode.NoContent);
        await ConfigureAsync(app, "${secret:openai}");

        var listed = (await admin.GetAsync("api/secrets", Ct).JsonAsync(HttpStatusCode.OK)).GetProperty("items");
        var shown = new StringBuilder(made.GetRawText()).Append(listed.GetRawText());
        foreach (var path in (string[])["api/config", "api/providers", "api/doctor", "api/audit", "metrics"])
        {
            shown.Append(await (await admin.GetAsync(path, Ct)).Content.ReadAsStringAsync(Ct));
        }

        Assert.Equal(
            ("openai", "root@example.org", true),
            (listed[0].Text("name"), listed[0].Text("person"), listed[0].GetProperty("in_use").GetBoolean()));
        Assert.Equal(1, listed.GetArrayLength());
        Assert.DoesNotContain("canary-", shown.ToString() + app.Logs.Text, StringComparison.Ordinal);
        Assert.Contains("${secret:openai}", shown.ToString(), StringComparison.Ordinal);
        var audit = (await admin.GetAsync("api/audit", Ct).JsonAsync(HttpStatusCode.OK)).GetProperty("items").EnumerateArray()
            .Where(e => e.Text("action").StartsWith("secret.", StringComparison.Ordinal))
            .Select(e => $"{e.Text("action")} {e.Text("subject")} {e.Text("detail")}".TrimEnd()).Order();
        Assert.Equal(["secret.remove other", "secret.set openai changed", "secret.set openai made", "secret.set other made"], audit);
    }

    [Theory]
    [InlineData("sqlite")]
    [InlineData("postgres")]
    public async Task At_rest_a_value_is_sealed_to_its_name_and_the_installation(string kind)
    {
        await using var app = await TestApp.StartAsync(kind);
        using var admin = await AdminAsync(app);
        await SetAsync(admin, "a", First);
        await SetAsync(admin, "b", First);
        await SetAsync(admin, "c", Second);
        var rows = await app.Db.QueryAsync($"SELECT value FROM governance_secret ORDER BY name", row => row.Bytes(0), Ct);
        var secret = app.Services.GetRequiredService<InstallationSecret>();

        Assert.All(rows, r => Assert.DoesNotContain("canary", Encoding.Latin1.GetString(r), StringComparison.Ordinal));
        Assert.NotEqual(rows[0], rows[1]);
        Assert.Equal(Second, (await StoredSecrets.ReadAsync(app.Db, secret, Ct))["c"]);

        // A row that somebody copied over another does not open, and keeps nothing else from being published.
        await app.Db.ExecuteAsync($"UPDATE governance_secret SET value = {rows[0]} WHERE name = 'c'", Ct);
        var moved = await Assert.ThrowsAsync<DatabaseException>(() => StoredSecrets.ReadAsync(app.Db, secret, Ct));
        await Assert.ThrowsAsync<DatabaseException>(() => StoredSecrets.ReadAsync(app.Db, new InstallationSecret(new byte[32]), Ct));
        await SetAsync(admin, "d", Second);

        Assert.Contains("'c'", moved.Message, StringComparison.Ordinal);
        Assert.Equal(["a", "b", "d"], app.Services.GetRequiredService<Snapshot<GovernanceTables>>().Current.StoredSecrets.Keys.Order());
    }

    [Theory]
    [InlineData(Role.Viewer)]
    [InlineData(Role.Auditor)]
    [InlineData(Role.Approver)]
    [InlineData(Role.Engineer)]
    [InlineData(Role.Architect)]
    public async Task Only_an_administrator_of_the_installation_may(Role role)
    {
        await using var app = await TestApp.StartAsync();
        using var admin = await AdminAsync(app);
        await SetAsync(admin, "openai", First);
        var team = await app.Services.GetRequiredService<Teams>()
            .CreateAsync(new Person(Guid.Empty, "test", "test", [new Membership(null, Role.Admin)]), "red", Ct);
        using var other = app.Program((await app.AddPersonAsync("ann@example.org", null, role)).Token);
        using var teamAdmin = app.Program((await app.AddPersonAsync("bob@example.org", team.Id, Role.Admin)).Token);
        using var nobody = app.Program(null);

        foreach (var (http, expected) in new[] { (other, HttpStatusCode.Forbidden), (teamAdmin, HttpStatusCode.Forbidden),
            (nobody, HttpStatusCode.Unauthorized) })
        {
            Assert.Equal(expected, await http.GetAsync("api/secrets", Ct).StatusAsync());
            Assert.Equal(expected, await http.SendAsync("PUT", "api/secrets/openai", new { value = Second }).StatusAsync());
            Assert.Equal(expected, await http.SendAsync("DELETE", "api/secrets/openai").StatusAsync());
        }

        Assert.Equal(First, app.Services.GetRequiredService<Snapshot<GovernanceTables>>().Current.StoredSecrets["openai"]);
    }

    [Theory]
    [InlineData("Upper", "x")]
    [InlineData("-a", "x")]
    [InlineData("a%2Fb", "x")]
    [InlineData("openai", "")]
    [InlineData("openai", " \n ")]
    [InlineData("openai", "a\0b")]
    public async Task A_name_or_value_that_cannot_be_is_refused(string name, string value)
    {
        await using var app = await TestApp.StartAsync();
        using var admin = await AdminAsync(app);

        Assert.Equal(
            "invalid_field",
            await admin.SendAsync("PUT", $"api/secrets/{name}", new { value }).ProblemAsync(HttpStatusCode.UnprocessableEntity));
    }

    [Fact]
    public async Task A_secret_that_the_configuration_refers_to_is_not_removed()
    {
        await using var app = await TestApp.StartAsync();
        using var admin = await AdminAsync(app);
        await SetAsync(admin, "openai", First);
        await ConfigureAsync(app, "${secret:openai}");

        var refused = await admin.SendAsync("DELETE", "api/secrets/openai").ProblemAsync(HttpStatusCode.Conflict);
        await ConfigureAsync(app, "literal");
        var removed = await admin.SendAsync("DELETE", "api/secrets/openai").StatusAsync();

        Assert.Equal(("secret_in_use", HttpStatusCode.NoContent), (refused, removed));
        Assert.Equal(HttpStatusCode.NotFound, await admin.SendAsync("DELETE", "api/secrets/openai").StatusAsync());
    }

    private static async Task<HttpClient> AdminAsync(TestApp app) =>
        app.Program((await app.AddPersonAsync(TestApp.AdminEmail, null, Role.Admin)).Token);

    private static Task<System.Text.Json.JsonElement> SetAsync(HttpClient admin, string name, string value) =>
        admin.SendAsync("PUT", $"api/secrets/{name}", new { value }).JsonAsync(HttpStatusCode.OK);

    private static IReadOnlyDictionary<string, Gateway.Providers.Provider> Providers(TestApp app) =>
        app.Services.GetRequiredService<ConfigurationState>().Current.Compiled.Providers;

    /// <summary>Adds a provider with this credential to the configuration, and has it read.</summary>
    private static async Task ConfigureAsync(TestApp app, string credential)
    {
        var path = Path.Combine(app.DataFolder, ConfigurationSource.DefaultFile);
        var lines = (await File.ReadAllLinesAsync(path, Ct)).Where(l => !l.Contains("kept:", StringComparison.Ordinal)).ToList();
        lines.Insert(lines.FindIndex(l => l.TrimStart().StartsWith("providers:", StringComparison.Ordinal)) + 1,
            $"  kept: {{ kind: openai, api_key: \"{credential}\" }}");
        await File.WriteAllLinesAsync(path, lines, Ct);
        await app.Services.GetRequiredService<ConfigurationState>().ReloadAsync(Ct);
    }
}
