using System.Globalization;
using Npgsql;

namespace Gatehouse.EndToEnd.Tests;

/// <summary>
/// The PostgreSQL server itself is stopped under load and started again; GATEHOUSE_OUTAGE_SECONDS says for how long, else it is short.
/// </summary>
public sealed class PostgresStoppedTests(ITestOutputHelper output)
{
    [Fact]
    public async Task Calls_go_on_and_each_is_in_ledger_sums_and_budget_once_at_its_cost_when_the_server_is_back()
    {
        await using var postgres = await PostgresServer.StartNewAsync();
        await using var gatehouse = await GatehouseProcess.StartAsync(PacedCalls.Configuration(postgres.ConnectionString));
        await gatehouse.AdminAsync("POST", "api/budgets", new { name = "all", limit_usd = 1000, period = "total", mode = "hard" });
        var outage = TimeSpan.FromSeconds(int.Parse(
            Environment.GetEnvironmentVariable("GATEHOUSE_OUTAGE_SECONDS") ?? "5", CultureInfo.InvariantCulture));

        var before = await PacedCalls.RunAsync(gatehouse, outage / 2);
        await postgres.StopAsync();
        var during = await PacedCalls.RunAsync(gatehouse, outage);
        await postgres.StartAsync();
        var after = await PacedCalls.RunAsync(gatehouse, outage / 2);

        Assert.True(during.Count > 100, $"{during.Count} calls were answered while the server was stopped.");
        await using var source = NpgsqlDataSource.Create(postgres.ConnectionString);
        await Books.HoldOnceAsync(source, [.. before, .. during, .. after]);
        var doctor = await gatehouse.CliAsync("doctor", "--ledger");
        Assert.True(doctor.ExitCode == 0, doctor.Output);
        output.WriteLine(PacedCalls.Describe("before", before));
        output.WriteLine(PacedCalls.Describe("during", during));
        output.WriteLine(PacedCalls.Describe("after", after));
    }
}
