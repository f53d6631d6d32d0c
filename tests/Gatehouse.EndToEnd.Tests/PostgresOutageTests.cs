using System.Net.Http.Json;
using Npgsql;

namespace Gatehouse.EndToEnd.Tests;

/// <summary>PostgreSQL goes away under load, and comes back.</summary>
public sealed class PostgresOutageTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Calls_go_on_without_the_database_and_none_is_lost_or_doubled_when_it_is_back()
    {
        await using var database = await TestPostgres.CreateAsync();
        var server = new NpgsqlConnectionStringBuilder(database.ConnectionString);
        await using var cable = new Cable(server.Host!, server.Port);
        await using var gatehouse = await GatehouseProcess.StartAsync($$"""
            storage:
              postgres: "{{new NpgsqlConnectionStringBuilder(database.ConnectionString) { Host = "127.0.0.1", Port = cable.Port, Timeout = 3 }.ConnectionString}}"
            providers:
              simulator: { kind: simulator }
            routes:
              simulator: { targets: [{ provider: simulator }] }
            """);
        await using var source = NpgsqlDataSource.Create(database.ConnectionString);
        var before = await CallAsync(gatehouse, 200);
        await Wait.UntilAsync(async () => await source.LongAsync("SELECT COUNT(*) FROM observability_ledger") >= 200);

        cable.Cut();
        var during = await CallAsync(gatehouse, 2000);
        var recorded = await source.LongAsync("SELECT COUNT(*) FROM observability_ledger");
        cable.Mend();
        var after = await CallAsync(gatehouse, 200);
        await Wait.UntilAsync(async () => await source.LongAsync("SELECT COUNT(*) FROM observability_ledger") >= 2400);

        Assert.All(before.Concat(during).Concat(after), status => Assert.Equal(200, status));
        Assert.Equal(200, recorded);
        Assert.Equal(2400, await source.LongAsync("SELECT COUNT(*) FROM observability_ledger"));
        var doctor = await gatehouse.CliAsync("doctor", "--ledger");
        Assert.True(doctor.ExitCode == 0, doctor.Output);
    }

    private static async Task<int[]> CallAsync(GatehouseProcess gatehouse, int calls)
    {
        using var http = gatehouse.CreateClient();
        var statuses = await Task.WhenAll(Enumerable.Range(0, 10).Select(async _ =>
        {
            var found = new int[calls / 10];
            for (var i = 0; i < found.Length; i++)
            {
                using var answer = await http.PostAsJsonAsync(
                    "v1/chat/completions",
                    new { model = "simulator", max_tokens = 20, messages = new[] { new { role = "user", content = "Hello" } } }, Ct);
                found[i] = (int)answer.StatusCode;
            }

            return found;
        }));
        return [.. statuses.SelectMany(s => s)];
    }
}
