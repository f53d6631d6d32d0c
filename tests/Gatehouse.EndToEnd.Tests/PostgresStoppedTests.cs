using System.Globalization;
using Npgsql;

namespace Gatehouse.EndToEnd.Tests;

/// <summary>
/// The PostgreSQL server itself is stopped under load and started again; GATEHOUSE_OUTAGE_SECONDS says for how long, else it is short.
/// </summary>
public sealed class PostgresStoppedTests(ITestOutputHelper output)
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)] // of which each goes on with its part of the budget
    public async Task Calls_go_on_and_each_is_in_ledger_sums_and_budget_once_at_its_cost_when_the_server_is_back(int count)
    {
        await using var postgres = await PostgresServer.StartNewAsync();
        var nodes = new List<GatehouseProcess>();
        try
        {
            while (nodes.Count < count)
            {
                nodes.Add(await GatehouseProcess.StartAsync(
                    PacedCalls.Configuration(postgres.ConnectionString), environment: NodeGroup.Environment));
            }

            await nodes[0].AdminAsync("POST", "api/budgets", new { name = "all", limit_usd = 30, period = "total", mode = "hard" });
            var outage = TimeSpan.FromSeconds(int.Parse(
                Environment.GetEnvironmentVariable("GATEHOUSE_OUTAGE_SECONDS") ?? "8", CultureInfo.InvariantCulture));

            var before = await PacedCalls.RunAsync(nodes, outage / 2);
            await postgres.StopAsync();
            var during = await PacedCalls.RunAsync(nodes, outage);
            await postgres.StartAsync();
            var after = await PacedCalls.RunAsync(nodes, outage / 2);

            Assert.True(during.Count > 100, $"{during.Count} calls were answered while the server was stopped.");
            await using var source = NpgsqlDataSource.Create(postgres.ConnectionString);
            await Books.HoldOnceAsync(source, [.. before, .. during, .. after]);
            foreach (var node in nodes)
            {
                var doctor = await node.CliAsync("doctor", "--ledger");
                Assert.True(doctor.ExitCode == 0, doctor.Output);
            }

            output.WriteLine(PacedCalls.Describe("before", before));
            output.WriteLine(PacedCalls.Describe("during", during));
            output.WriteLine(PacedCalls.Describe("after", after));
        }
        finally
        {
            foreach (var node in nodes)
            {
                await node.DisposeAsync();
            }
        }
    }
}
