using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Npgsql;

namespace Gatehouse.EndToEnd.Tests;

/// <summary>What holds when the process dies, the configuration changes or a key ends.</summary>
public sealed class DurabilityTests
{
    private static readonly object Hello = new { model = "simulator", messages = new[] { new { role = "user", content = "Hello" } } };

    [Fact]
    public async Task Every_call_answered_before_kill_9_is_in_the_ledger_exactly_once()
    {
        await using var first = await GatehouseProcess.StartAsync();
        var answered = await CallUntilKilledAsync(first, atLeast: 200);

        await using var second = await GatehouseProcess.StartAsync(folder: first.Folder);
        var recorded = await ReadAllAsync(second, answered.Count);

        Assert.Equal(recorded.Count, recorded.Distinct().Count());
        Assert.Empty(answered.Except(recorded));
    }

    [Fact]
    public async Task PostgreSQL_serves_the_first_run_and_keeps_it()
    {
        await using var database = await TestPostgres.CreateAsync();
        var yaml = $"""
            storage:
              postgres: "{database.ConnectionString}"
            providers:
              simulator:
                kind: simulator
            routes:
              simulator:
                targets: [{"{"} provider: simulator {"}"}]
            """;
        await using var first = await GatehouseProcess.StartAsync(yaml);
        Assert.Equal(0, (await first.CliAsync("call", "Hello")).ExitCode);
        Assert.Equal(0, await first.StopAsync());

        await using var second = await GatehouseProcess.StartAsync(folder: first.Folder);

        var calls = JsonElement.Parse((await second.CliAsync("calls", "--json")).Output).GetProperty("calls");
        Assert.Single(calls.EnumerateArray());
        Assert.Contains("PostgreSQL", (await second.CliAsync("doctor")).Output, StringComparison.Ordinal);
        Assert.Equal(0, (await second.CliAsync("call", "Hello")).ExitCode);
        Assert.Equal(0, await second.StopAsync());

        await using var source = NpgsqlDataSource.Create(database.ConnectionString);
        await using var newer = source.CreateCommand(
            "INSERT INTO schema_migration (module, number, name, hash, applied_at) VALUES ('Governance', 9999, 'later', '', 0)");
        await newer.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
        var doctor = await second.CliAsync("doctor", "--config", "gatehouse.yaml");
        var ledger = await second.CliAsync("doctor", "--ledger");
        var start = await second.CliAsync("up", "--address", "127.0.0.1:0");

        const string said = "Governance 9999 (later), which this version of Gatehouse does not have.";
        Assert.Equal((7, 6, 6), (doctor.ExitCode, ledger.ExitCode, start.ExitCode));
        Assert.All([doctor.Output, ledger.Error, start.Error], text => Assert.Contains(said, text, StringComparison.Ordinal));

        await using var older = source.CreateCommand(
            "DELETE FROM schema_migration WHERE module = 'Governance' AND number >= 14");
        await older.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
        ledger = await second.CliAsync("doctor", "--ledger");
        Assert.Equal(6, ledger.ExitCode);
        Assert.Contains("it lacks Governance 0014 (wanted_counts). Start this version once", ledger.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_changed_file_is_in_force_without_a_restart_and_a_bad_one_keeps_the_last_good()
    {
        await using var gatehouse = await GatehouseProcess.StartAsync(Routes("first"));
        using var http = gatehouse.CreateClient();
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(http, "first"));

        await File.WriteAllTextAsync(gatehouse.ConfigurationFile, Routes("second"), TestContext.Current.CancellationToken);
        await gatehouse.WaitForLineAsync(l => l.Contains("in force", StringComparison.Ordinal));
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(http, "second"));
        Assert.Equal(HttpStatusCode.NotFound, await StatusAsync(http, "first"));

        await File.WriteAllTextAsync(gatehouse.ConfigurationFile, "routs: {}\n", TestContext.Current.CancellationToken);
        await gatehouse.WaitForLineAsync(l => l.Contains("'routs'", StringComparison.Ordinal));

        Assert.Equal(HttpStatusCode.OK, await StatusAsync(http, "second"));
        var doctor = await gatehouse.CliAsync("doctor");
        Assert.Equal(7, doctor.ExitCode);
        Assert.Contains("gatehouse.yaml:1:1", doctor.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_revoked_key_is_refused_from_the_answer_on()
    {
        await using var gatehouse = await GatehouseProcess.StartAsync();
        var created = JsonElement.Parse((await gatehouse.CliAsync("key", "create", "hello", "--json")).Output);
        using var http = gatehouse.CreateClient(created.GetProperty("secret").GetString());
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(http, "simulator"));
        using var api = gatehouse.CreateClient(gatehouse.CliToken);

        (await api.DeleteAsync(
            $"api/keys/{created.GetProperty("key").GetProperty("id").GetString()}", TestContext.Current.CancellationToken))
            .EnsureSuccessStatusCode();

        Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync(http, "simulator"));
    }

    private static string Routes(string name) => $$"""
        providers:
          simulator:
            kind: simulator
        routes:
          {{name}}:
            targets: [{ provider: simulator, model: simulator }]
        """;

    private static async Task<HttpStatusCode> StatusAsync(HttpClient http, string model)
    {
        using var answer = await http.PostAsJsonAsync(
            "v1/chat/completions", new { model, messages = new[] { new { role = "user", content = "Hello" } } },
            TestContext.Current.CancellationToken);
        return answer.StatusCode;
    }

    /// <returns>Request ids of the calls whose whole answer arrived.</returns>
    private static async Task<List<string>> CallUntilKilledAsync(GatehouseProcess gatehouse, int atLeast)
    {
        var answered = new List<string>();
        var enough = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var callers = Enumerable.Range(0, 8).Select(async _ =>
        {
            using var http = gatehouse.CreateClient();
            try
            {
                while (true)
                {
                    using var answer = await http.PostAsJsonAsync("v1/chat/completions", Hello, TestContext.Current.CancellationToken);
                    lock (answered)
                    {
                        answered.Add(answer.Headers.GetValues("x-request-id").Single());
                        if (answered.Count == atLeast)
                        {
                            enough.SetResult();
                        }
                    }
                }
            }
            catch (HttpRequestException)
            {
                // The process is gone: what was answered counts.
            }
        }).ToList();
        await enough.Task.WaitAsync(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken);
        gatehouse.Kill();
        await Task.WhenAll(callers);
        return answered;
    }

    private static async Task<List<string>> ReadAllAsync(GatehouseProcess gatehouse, int expected)
    {
        using var api = gatehouse.CreateClient(gatehouse.CliToken);
        var started = TimeProvider.System.GetTimestamp();
        while (true)
        {
            var found = new List<string>();
            string? before = null;
            do
            {
                var page = await api.GetFromJsonAsync<JsonElement>(
                    $"api/calls?limit=500{(before is null ? "" : $"&before={before}")}", TestContext.Current.CancellationToken);
                found.AddRange(page.GetProperty("calls").EnumerateArray().Select(c => c.GetProperty("request_id").GetString()!));
                before = page.GetProperty("next").GetString();
            }
            while (before is not null);

            if (found.Count >= expected || TimeProvider.System.GetElapsedTime(started) > TimeSpan.FromSeconds(15))
            {
                return found;
            }
        }
    }
}
