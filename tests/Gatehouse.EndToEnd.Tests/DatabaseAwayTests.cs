using System.Net;
using System.Net.Http.Json;
using Npgsql;

namespace Gatehouse.EndToEnd.Tests;

/// <summary>Calls while the database freezes, dies and comes back.</summary>
public sealed class DatabaseAwayTests
{
    private const int Calls = 20;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Known_keys_go_on_unknown_ones_are_refused_and_each_call_is_in_the_ledger_once()
    {
        await using var database = await TestPostgres.CreateAsync();
        var real = new NpgsqlConnectionStringBuilder(database.ConnectionString);
        await using var gate = new TcpGate(real.Host!, real.Port);
        var away = new NpgsqlConnectionStringBuilder(database.ConnectionString) { Host = "127.0.0.1", Port = gate.Port };
        var yaml = $$"""
            storage: { postgres: "{{away.ConnectionString}}" }
            providers: { simulator: { kind: simulator } }
            routes: { simulator: { targets: [{ provider: simulator }] } }
            """;
        var folder = Directory.CreateTempSubdirectory("gatehouse-test-").FullName;
        var gatehouse = await GatehouseProcess.StartAsync(yaml, folder);
        using var http = gatehouse.CreateClient();
        using var stranger = gatehouse.CreateClient("gh_dev_00000000000000000000000000000000");
        Assert.Equal(200, await CallAsync(http));

        gate.Freeze();
        var slowest = TimeSpan.Zero;
        for (var i = 0; i < Calls; i++)
        {
            var began = TimeProvider.System.GetTimestamp();
            Assert.Equal(200, await CallAsync(http));
            slowest = TimeProvider.System.GetElapsedTime(began) is var took && took > slowest ? took : slowest;
        }

        Assert.Equal(401, await CallAsync(stranger));
        Assert.InRange(slowest.TotalSeconds, 0, 3); // who waits for a silent database waits for four

        gate.Cut();
        for (var i = 0; i < Calls; i++)
        {
            Assert.Equal(200, await CallAsync(http));
        }

        Assert.Equal(401, await CallAsync(stranger));
        Assert.Equal(HttpStatusCode.OK, (await http.GetAsync(new Uri("readyz", UriKind.Relative), Ct)).StatusCode);
        using var api = gatehouse.CreateClient(gatehouse.CliToken);
        using var systems = await api.GetAsync(new Uri("api/systems", UriKind.Relative), Ct);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, systems.StatusCode);
        Assert.Contains("Calls go on", await systems.Content.ReadAsStringAsync(Ct), StringComparison.Ordinal);
        var command = await gatehouse.CliAsync("system", "list");
        Assert.Equal(3, command.ExitCode);
        Assert.Contains("Calls go on", command.Error, StringComparison.Ordinal);

        // Killed while the database was away: what it journalled is taken up by the next start.
        gatehouse.Kill();
        await gatehouse.DisposeAsync();
        gate.Restore();
        gatehouse = await GatehouseProcess.StartAsync(yaml, folder);
        using var again = gatehouse.CreateClient();
        Assert.Equal(200, await CallAsync(again));

        await using var source = NpgsqlDataSource.Create(database.ConnectionString);
        const int made = (2 * Calls) + 2;
        while (await CountAsync("COUNT(*)") < made)
        {
        }

        Assert.Equal((made, made), (await CountAsync("COUNT(*)"), await CountAsync("COUNT(DISTINCT id)")));
        Assert.Equal(0, await gatehouse.StopAsync());
        Assert.Equal(made, await CountAsync("COUNT(*)"));
        await gatehouse.DisposeAsync();
        Directory.Delete(folder, recursive: true);

        async Task<long> CountAsync(string what)
        {
            await using var command = source.CreateCommand($"SELECT {what} FROM observability_ledger WHERE outcome = 'ok'");
            return (long)(await command.ExecuteScalarAsync(Ct))!;
        }
    }

    [Fact]
    public async Task A_password_that_changed_is_told_with_its_remedy_and_costs_no_call_of_the_ledger()
    {
        await using var postgres = await PostgresServer.StartNewAsync();
        await postgres.AskPasswordsAsync();
        await using var owner = NpgsqlDataSource.Create(postgres.ConnectionString);
        await RunAsync("CREATE ROLE app LOGIN PASSWORD 'one'");
        await RunAsync("CREATE DATABASE app OWNER app");
        var app = new NpgsqlConnectionStringBuilder(postgres.ConnectionString) { Username = "app", Password = "one", Database = "app" };
        await using var gatehouse = await GatehouseProcess.StartAsync($$"""
            storage: { postgres: "{{app.ConnectionString}}" }
            providers: { simulator: { kind: simulator } }
            routes: { simulator: { targets: [{ provider: simulator }] } }
            """);
        using var http = gatehouse.CreateClient();
        using var api = gatehouse.CreateClient(gatehouse.CliToken);
        Assert.Equal(200, await CallAsync(http));

        await RunAsync("ALTER ROLE app PASSWORD 'two'; SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app'");
        await Wait.UntilAsync(async () => (await ReadyAsync()).Contains("(28P01)", StringComparison.Ordinal));
        Assert.Equal(200, await CallAsync(http));
        var said = "";
        await Wait.UntilAsync(
            async () =>
            {
                using var systems = await api.GetAsync(new Uri("api/systems", UriKind.Relative), Ct);
                Assert.Equal(HttpStatusCode.ServiceUnavailable, systems.StatusCode);
                said = await systems.Content.ReadAsStringAsync(Ct); // of a connection that was cut: it does not answer at the moment
                return said.Contains("to the user and password of today", StringComparison.Ordinal);
            },
            () => said);

        var doctor = await gatehouse.CliAsync("doctor");
        Assert.Equal(7, doctor.ExitCode);
        Assert.Contains("(28P01)", doctor.Output, StringComparison.Ordinal);

        await RunAsync("ALTER ROLE app PASSWORD 'one'");
        await Wait.UntilAsync(async () => (await ReadyAsync()).Contains("\"notes\":[]", StringComparison.Ordinal));
        Assert.Equal(200, await CallAsync(http));
        Assert.Equal(0, await gatehouse.StopAsync());
        Assert.DoesNotContain("Npgsql.", gatehouse.Output, StringComparison.Ordinal);
        await using var books = NpgsqlDataSource.Create(app.ConnectionString);
        Assert.Equal(3, await books.LongAsync("SELECT COUNT(*) FROM observability_ledger WHERE outcome = 'ok'"));

        Task<string> ReadyAsync() => http.GetStringAsync(new Uri("readyz", UriKind.Relative), Ct);

        async Task RunAsync(string sql)
        {
            await using var command = owner.CreateCommand(sql);
            await command.ExecuteNonQueryAsync(Ct);
        }
    }

    private static async Task<int> CallAsync(HttpClient http)
    {
        using var response = await http.PostAsJsonAsync(
            "v1/chat/completions",
            new { model = "simulator", max_tokens = 20, messages = new[] { new { role = "user", content = "Hello" } } }, Ct);
        return (int)response.StatusCode;
    }
}
