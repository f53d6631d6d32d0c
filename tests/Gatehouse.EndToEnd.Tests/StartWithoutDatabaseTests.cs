using System.ClientModel;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Npgsql;
using OpenAI;
using OpenAI.Chat;

namespace Gatehouse.EndToEnd.Tests;

/// <summary>A node starts while its PostgreSQL is stopped, from the tables on its disk, and goes on when it is back.</summary>
public sealed class StartWithoutDatabaseTests(ITestOutputHelper output)
{
    private const int Rate = 5;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Known_keys_are_served_hard_budgets_refuse_and_all_is_recorded_once_when_the_server_is_back()
    {
        await using var postgres = await PostgresServer.StartNewAsync();
        var folder = Directory.CreateTempSubdirectory("gatehouse-test-").FullName;
        var made = 0;
        Keys keys;
        await using (var first = await StartAsync(postgres, folder))
        {
            keys = await PrepareAsync(first);
            await CallAsync(first, keys.Plain, HttpStatusCode.OK);
            await CallAsync(first, keys.Budgeted, HttpStatusCode.OK);
            await CallAsync(first, keys.Watched, HttpStatusCode.OK);
            await CallAsync(first, keys.Revoked, HttpStatusCode.Unauthorized);
            made += 3;
            Assert.Equal(0, await first.StopAsync());
        }

        var kept = new FileInfo(Path.Combine(folder, "data", "tables-snapshot"));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, kept.UnixFileMode);
        await postgres.StopAsync();
        await using (var alone = await StartAsync(postgres, folder))
        {
            Assert.Contains("Calls are served from the snapshot of ", alone.Output, StringComparison.Ordinal);
            made += await ServesAsync(alone, keys);
            alone.Kill();
        }

        var began = TimeProvider.System.GetTimestamp();
        var again = await StartAsync(postgres, folder);
        var took = TimeProvider.System.GetElapsedTime(began);
        output.WriteLine($"ready from the snapshot ({kept.Length} bytes) after {took.TotalMilliseconds:0} ms");
        made += await ServesAsync(again, keys);

        await postgres.StartAsync();
        await again.WaitForLineAsync(line => line.Contains("The database is back", StringComparison.Ordinal));
        using var api = again.CreateClient(again.CliToken);
        using var systems = await api.GetAsync(new Uri("api/systems", UriKind.Relative), Ct);
        Assert.Equal(HttpStatusCode.OK, systems.StatusCode);
        var fresh = await NewKeyAsync(api, "fresh");
        await CallAsync(again, fresh.Secret, HttpStatusCode.OK);
        await Wait.UntilAsync(async () => await StatusAsync(again, keys.Budgeted) == HttpStatusCode.OK);
        made += 2;
        Assert.DoesNotContain("snapshot", await ReadyAsync(again), StringComparison.Ordinal);
        using var signIn = await api.GetAsync(new Uri("sign-in", UriKind.Relative), Ct); // its form has a token of the key ring
        Assert.Equal(HttpStatusCode.OK, signIn.StatusCode);

        await using var source = NpgsqlDataSource.Create(postgres.ConnectionString);
        await Wait.UntilAsync(async () => await source.LongAsync("SELECT COUNT(*) FROM observability_ledger WHERE outcome = 'ok'") >= made);
        Assert.Equal(0, await again.StopAsync());
        await again.DisposeAsync();
        Assert.Equal(made, await source.LongAsync("SELECT COUNT(*) FROM observability_ledger WHERE outcome = 'ok'"));
        Assert.Equal(made, await source.LongAsync("SELECT COUNT(DISTINCT id) FROM observability_ledger WHERE outcome = 'ok'"));
        var doctor = await GatehouseProcess.RunAsync(folder, null, "doctor", "--ledger");
        Assert.True(doctor.ExitCode == 0, doctor.Output + doctor.Error);
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public async Task A_start_without_server_and_without_trustworthy_tables_fails_and_says_how_to_mend_it()
    {
        await using var postgres = await PostgresServer.StartNewAsync();
        var folder = Directory.CreateTempSubdirectory("gatehouse-test-").FullName;
        await using (var first = await StartAsync(postgres, folder))
        {
            Assert.Equal(0, await first.StopAsync());
        }

        var kept = Path.Combine(folder, "data", "tables-snapshot");
        var whole = await File.ReadAllBytesAsync(kept, Ct);

        // What answers and says no is no database that is away.
        var yaml = Path.Combine(folder, "gatehouse.yaml");
        var right = await File.ReadAllTextAsync(yaml, Ct);
        await File.WriteAllTextAsync(yaml, right.Replace("Database=postgres", "Database=elsewhere", StringComparison.Ordinal), Ct);
        Assert.Contains("\"elsewhere\" does not exist", (await FailAsync(folder)).Error, StringComparison.Ordinal);

        await postgres.StopAsync();
        Assert.Contains("is of the database 127.0.0.1:", (await FailAsync(folder)).Error, StringComparison.Ordinal);
        await File.WriteAllTextAsync(yaml, right, Ct);
        whole[^10] ^= 1;
        await File.WriteAllBytesAsync(kept, whole, Ct);
        var changed = await FailAsync(folder);
        Assert.Contains("does not answer", changed.Error, StringComparison.Ordinal);
        Assert.Contains("was changed or cut off since this installation wrote it", changed.Error, StringComparison.Ordinal);
        Assert.Contains("Bring PostgreSQL back, or correct 'storage.postgres'.", changed.Error, StringComparison.Ordinal);

        File.Delete(kept);
        Assert.Contains("there is no ", (await FailAsync(folder)).Error, StringComparison.Ordinal);
        Directory.Delete(folder, recursive: true);

        static async Task<CommandResult> FailAsync(string folder)
        {
            var result = await GatehouseProcess.RunAsync(folder, null, "up", "--address", "127.0.0.1:0");
            Assert.Equal(6, result.ExitCode);
            return result;
        }
    }

    [Fact]
    public async Task A_database_that_comes_back_unfit_changes_nothing_until_somebody_mends_it()
    {
        await using var postgres = await PostgresServer.StartNewAsync();
        var folder = Directory.CreateTempSubdirectory("gatehouse-test-").FullName;
        await using (var first = await StartAsync(postgres, folder))
        {
            Assert.Equal(0, await first.StopAsync());
        }

        await MigrateAsync(
            "INSERT INTO schema_migration (module, number, name, hash, applied_at) VALUES ('Governance', 9999, 'newer', '', 0)");
        await postgres.StopAsync();
        await using var gatehouse = await StartAsync(postgres, folder);
        await postgres.StartAsync();
        await gatehouse.WaitForLineAsync(line => line.Contains("The database answers and cannot be used", StringComparison.Ordinal));
        await CallAsync(gatehouse, gatehouse.SampleKey, HttpStatusCode.OK);
        var doctor = await gatehouse.CliAsync("doctor");
        Assert.Contains("FAILING tables: Calls are served from the snapshot of ", doctor.Output, StringComparison.Ordinal);
        Assert.Contains("Governance 9999 (newer)", doctor.Output, StringComparison.Ordinal);

        await MigrateAsync("DELETE FROM schema_migration WHERE number = 9999");
        await gatehouse.WaitForLineAsync(line => line.Contains("The database is back", StringComparison.Ordinal));
        await using var source = NpgsqlDataSource.Create(postgres.ConnectionString);
        await Wait.UntilAsync(async () => await source.LongAsync("SELECT COUNT(*) FROM observability_ledger") == 1);
        Assert.Equal(0, await gatehouse.StopAsync());
        Directory.Delete(folder, recursive: true);

        async Task MigrateAsync(string sql)
        {
            await using var database = NpgsqlDataSource.Create(postgres.ConnectionString);
            await using var command = database.CreateCommand(sql);
            await command.ExecuteNonQueryAsync(Ct);
        }
    }

    [Fact]
    public async Task A_node_that_was_one_of_two_takes_half_of_a_rate_and_stops_in_good_order()
    {
        await using var postgres = await PostgresServer.StartNewAsync();
        var folder = Directory.CreateTempSubdirectory("gatehouse-test-").FullName;
        string limited;
        await using (var first = await StartAsync(postgres, folder))
        {
            var secret = await File.ReadAllTextAsync(Path.Combine(folder, "data", "secret"), Ct);
            await using var second = await GatehouseProcess.StartAsync(
                Configuration(postgres), null, new Dictionary<string, string> { ["GATEHOUSE_SECRET"] = secret.Trim() });
            limited = (await PrepareAsync(first)).Limited;
            await Wait.UntilAsync(async () => (await File.ReadAllTextAsync(Path.Combine(folder, "data", "tables-snapshot"), Ct))
                .Contains("\"nodes\":2", StringComparison.Ordinal));
            first.Kill();
            second.Kill();
        }

        await postgres.StopAsync();
        await using var alone = await StartAsync(postgres, folder);
        var admitted = 0;
        while (await StatusAsync(alone, limited) == HttpStatusCode.OK)
        {
            admitted++;
        }

        Assert.InRange(admitted, Rate / 2, Rate - 1); // once, or twice when the minute turned
        Assert.Equal(0, await alone.StopAsync());
        Directory.Delete(folder, recursive: true);
    }

    private static Task<GatehouseProcess> StartAsync(PostgresServer postgres, string folder) =>
        GatehouseProcess.StartAsync(Configuration(postgres), folder);

    private static string Configuration(PostgresServer postgres) =>
        $$$"""
        storage: { postgres: "{{{postgres.ConnectionString}}}" }
        providers: { simulator: { kind: simulator } }
        routes: { simulator: { targets: [{ provider: simulator, model: simulator }] } }
        prices: { models: { "simulator/simulator": { input: 1, output: 2 } } }
        """;

    /// <summary>
    /// A key without rules, one under a hard budget, one under a budget that only watches, one under a rate, one that is revoked.
    /// </summary>
    private static async Task<Keys> PrepareAsync(GatehouseProcess gatehouse)
    {
        using var api = gatehouse.CreateClient(gatehouse.CliToken);
        var (budgeted, watched, limited, revoked) = (
            await NewKeyAsync(api, "budgeted"), await NewKeyAsync(api, "watched"), await NewKeyAsync(api, "limited"),
            await NewKeyAsync(api, "revoked"));
        await PostAsync(api, "api/budgets", new { name = "hard", key = budgeted.Id, limit_usd = 10, period = "month", mode = "hard" });
        await PostAsync(api, "api/budgets", new { name = "soft", key = watched.Id, limit_usd = 10, period = "month", mode = "soft" });
        await PostAsync(api, "api/limits", new { name = "rate", key = limited.Id, requests_per_minute = Rate });
        (await api.DeleteAsync(new Uri($"api/keys/{revoked.Id}", UriKind.Relative), Ct)).EnsureSuccessStatusCode();
        return new Keys(gatehouse.SampleKey, budgeted.Secret, watched.Secret, limited.Secret, revoked.Secret);
    }

    /// <summary>What a node does while PostgreSQL is away.</summary>
    /// <returns>How many calls it answered.</returns>
    private static async Task<int> ServesAsync(GatehouseProcess gatehouse, Keys keys)
    {
        var sdk = new ChatClient(
            "simulator", new ApiKeyCredential(keys.Plain), new OpenAIClientOptions { Endpoint = new Uri(gatehouse.Url, "v1") });
        ChatCompletion answer = await sdk.CompleteChatAsync([new UserChatMessage("Hello")], cancellationToken: Ct);
        Assert.NotEmpty(answer.Content);
        for (var i = 0; i < 10; i++)
        {
            await CallAsync(gatehouse, keys.Plain, HttpStatusCode.OK);
        }

        await CallAsync(gatehouse, keys.Watched, HttpStatusCode.OK);
        await CallAsync(gatehouse, keys.Revoked, HttpStatusCode.Unauthorized);
        await CallAsync(gatehouse, "gh_dev_00000000000000000000000000000000", HttpStatusCode.Unauthorized);
        var refused = await CallAsync(gatehouse, keys.Budgeted, HttpStatusCode.ServiceUnavailable);
        Assert.Contains("The budget 'hard' must hold", refused.Body, StringComparison.Ordinal);
        Assert.Equal("10", refused.RetryAfter);

        // The node alone has the whole rate. The minute may turn between two calls, so twice as many are let in at most.
        var limited = new List<HttpStatusCode>();
        while (!limited.Contains(HttpStatusCode.TooManyRequests))
        {
            limited.Add(await StatusAsync(gatehouse, keys.Limited));
            Assert.True(limited.Count <= (2 * Rate) + 1, string.Join(", ", limited));
        }

        Assert.True(limited.Count > Rate, string.Join(", ", limited));

        Assert.Contains("the database is away: calls are served from the snapshot", await ReadyAsync(gatehouse), StringComparison.Ordinal);
        using var api = gatehouse.CreateClient(gatehouse.CliToken);
        using var systems = await api.GetAsync(new Uri("api/systems", UriKind.Relative), Ct);
        var problem = await systems.Content.ReadFromJsonAsync<JsonElement>(Ct);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, systems.StatusCode);
        Assert.Equal("database_unavailable", problem.GetProperty("code").GetString());
        Assert.StartsWith("The database has been away since 20", problem.GetProperty("detail").GetString(), StringComparison.Ordinal);
        using var browser = new HttpClient { BaseAddress = gatehouse.Url };
        foreach (var page in (string[])["", "sign-in", "calls"])
        {
            using var shown = await browser.GetAsync(new Uri(page, UriKind.Relative), Ct);
            Assert.Equal(HttpStatusCode.ServiceUnavailable, shown.StatusCode);
            var html = await shown.Content.ReadAsStringAsync(Ct);
            Assert.Contains("The database has been away since 20", html, StringComparison.Ordinal);
            Assert.DoesNotContain("   at ", html, StringComparison.Ordinal);
        }

        Assert.Equal(HttpStatusCode.OK, (await browser.GetAsync(new Uri("healthz", UriKind.Relative), Ct)).StatusCode);
        var metrics = await browser.GetStringAsync(new Uri("metrics", UriKind.Relative), Ct);
        Assert.Contains("gatehouse_tables_age_seconds ", metrics, StringComparison.Ordinal);
        var doctor = await gatehouse.CliAsync("doctor");
        Assert.Equal(7, doctor.ExitCode);
        Assert.Contains("tables: Calls are served from the snapshot of ", doctor.Output, StringComparison.Ordinal);
        return 12 + limited.Count(s => s == HttpStatusCode.OK);
    }

    private static async Task<string> ReadyAsync(GatehouseProcess gatehouse)
    {
        using var http = gatehouse.CreateClient();
        using var answer = await http.GetAsync(new Uri("readyz", UriKind.Relative), Ct);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        return await answer.Content.ReadAsStringAsync(Ct);
    }

    private static async Task<HttpStatusCode> StatusAsync(GatehouseProcess gatehouse, string key)
    {
        using var http = gatehouse.CreateClient(key);
        using var answer = await SendAsync(http);
        return answer.StatusCode;
    }

    private static async Task<(string Body, string? RetryAfter)> CallAsync(GatehouseProcess gatehouse, string key, HttpStatusCode expected)
    {
        using var http = gatehouse.CreateClient(key);
        using var answer = await SendAsync(http);
        var body = await answer.Content.ReadAsStringAsync(Ct);
        Assert.True(answer.StatusCode == expected, $"{answer.StatusCode} in place of {expected}: {body}");
        return (body, answer.Headers.RetryAfter?.ToString());
    }

    private static Task<HttpResponseMessage> SendAsync(HttpClient http) => http.PostAsJsonAsync(
        "v1/chat/completions",
        new { model = "simulator", max_tokens = 20, messages = new[] { new { role = "user", content = "Hello" } } }, Ct);

    private static async Task<(Guid Id, string Secret)> NewKeyAsync(HttpClient api, string name)
    {
        var systems = await api.GetFromJsonAsync<JsonElement>("api/systems", Ct);
        var system = systems.GetProperty("items")[0].GetProperty("id").GetString();
        var created = await PostAsync(api, $"api/systems/{system}/keys", new { environment = "development", name });
        return (created.GetProperty("key").GetProperty("id").GetGuid(), created.GetProperty("secret").GetString()!);
    }

    private static async Task<JsonElement> PostAsync(HttpClient api, string path, object body)
    {
        using var answer = await api.PostAsJsonAsync(path, body, Ct);
        Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync(Ct));
        return await answer.Content.ReadFromJsonAsync<JsonElement>(Ct);
    }

    private sealed record Keys(string Plain, string Budgeted, string Watched, string Limited, string Revoked);
}
