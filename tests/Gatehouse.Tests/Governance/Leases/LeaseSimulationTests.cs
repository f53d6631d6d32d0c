using System.Globalization;
using Gatehouse.Governance;
using Gatehouse.Storage;
using Gatehouse.Tests.Storage;

namespace Gatehouse.Tests.Governance.Leases;

/// <summary>Budgets over several nodes, through thousands of random schedules. A fault names its seed, which plays it again.</summary>
public sealed class LeaseSimulationTests
{
    private const int Steps = 400;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    /// <summary>GATEHOUSE_LEASE_SEEDS has other seeds to play: <c>1000-3000</c>.</summary>
    private static IEnumerable<int> Seeds
    {
        get
        {
            var range = (Environment.GetEnvironmentVariable("GATEHOUSE_LEASE_SEEDS") ?? "1-60").Split('-');
            var (first, last) = (int.Parse(range[0], CultureInfo.InvariantCulture), int.Parse(range[^1], CultureInfo.InvariantCulture));
            return Enumerable.Range(first, last - first + 1);
        }
    }

    [Fact]
    public async Task No_schedule_of_calls_changes_faults_and_deaths_passes_a_hard_budget_or_loses_a_part_of_it()
    {
        var folder = Directory.CreateTempSubdirectory("gatehouse-leases-");
        await using var database = await TestDatabase.CreateWithSchemaAsync("sqlite");
        var failed = new List<string>();
        foreach (var seed in Seeds)
        {
            foreach (var table in (string[])["lease", "allowance", "node", "budget_event", "budget"])
            {
                await database.Db.TransactionAsync(sql => sql.RunScriptAsync($"DELETE FROM governance_{table}", Ct), Ct);
            }

            await using var simulation = new LeaseSimulation(database.Db, folder.FullName, seed);
            try
            {
                await simulation.RunAsync(Steps);
            }
#pragma warning disable CA1031 // The seed is what matters.
            catch (Exception e)
#pragma warning restore CA1031
            {
                var at = e.StackTrace?.Split('\n').FirstOrDefault(l => l.Contains("Simulation", StringComparison.Ordinal));
                failed.Add($"Seed {seed}: {e.Message.ReplaceLineEndings(" ")} {at}");
            }
        }

        folder.Delete(recursive: true);
        Assert.True(failed.Count == 0, string.Join('\n', failed));
    }
}
