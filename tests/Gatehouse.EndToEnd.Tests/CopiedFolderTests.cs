using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;

namespace Gatehouse.EndToEnd.Tests;

/// <summary>Nodes on a data folder that was copied, and on their own after a crash.</summary>
public sealed class CopiedFolderTests
{
    private const string Settings = """
        providers:
          simulator: { kind: simulator }
        routes:
          simulator: { targets: [{ provider: simulator }] }
        """;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    /// <summary>Both ran, and lost half of the calls.</summary>
    [Fact]
    public async Task A_copy_of_a_living_nodes_folder_is_refused_and_every_call_is_in_the_ledger_once()
    {
        await using var nodes = await NodeGroup.StartAsync(1, Settings);
        using var http = nodes[0].CreateClient();
        await CallAsync(http, 20);
        await nodes.RecordedAsync(20);
        var copy = await CopyAsync(nodes[0].Folder);

        var started = GatehouseProcess.RunAsync(copy, NodeGroup.Environment, "up", "--address", "127.0.0.1:0");
        await CallAsync(http, 20);
        var result = await started;
        await CallAsync(http, 20);

        await nodes.RecordedAsync(60);
        Directory.Delete(copy, recursive: true);
        Assert.Equal((6, ""), (result.ExitCode, result.Output));
        Assert.Contains("copy of the data directory", Assert.Single(result.Error.TrimEnd().Split('\n')), StringComparison.Ordinal);
        Assert.Equal(60, await nodes.RecordedAsync());
        Assert.Empty(Directory.GetFiles(Path.Combine(nodes[0].Folder, "data", "journal"), "*.damaged"));
    }

    [Fact]
    public async Task A_node_that_lost_its_name_to_a_copy_gets_another_one_and_its_calls_are_in_the_ledger_once()
    {
        await using var nodes = await NodeGroup.StartAsync(1, Settings);
        using (var http = nodes[0].CreateClient())
        {
            await CallAsync(http, 20);
            await nodes.RecordedAsync(20);
            var folder = await CopyAsync(nodes[0].Folder);
            nodes[0].Freeze();
            await using (var copy = await GatehouseProcess.StartAsync(folder: folder, environment: NodeGroup.Environment))
            {
                nodes[0].Thaw();
                using var other = copy.CreateClient();
                await CallAsync(other, 40);
                await nodes.RecordedAsync(60);
                await Wait.UntilAsync(async () => (await http.GetAsync("readyz", Ct)).StatusCode == HttpStatusCode.ServiceUnavailable);
                await CallAsync(http, 20);
                Assert.Equal(0, await nodes[0].StopAsync());
                Assert.Equal(60, await nodes.RecordedAsync());

                File.Delete(Path.Combine(nodes[0].Folder, "data", "journal", "node"));
                await nodes.StartAgainAsync(0);
                await nodes.RecordedAsync(80);
                await CallAsync(other, 10);
                using var again = nodes[0].CreateClient();
                await CallAsync(again, 10);
                await nodes.RecordedAsync(100);
            }

            Directory.Delete(folder, recursive: true);
        }

        Assert.Equal(100, await nodes.RecordedAsync());
        Assert.Equal(100, await nodes.Source.LongAsync("SELECT COUNT(DISTINCT id) FROM observability_ledger"));
        Assert.Empty(Directory.GetFiles(Path.Combine(nodes[0].Folder, "data", "journal"), "*.damaged"));
    }

    [Fact]
    public async Task A_node_that_was_killed_starts_again_at_once_on_its_folder()
    {
        await using var nodes = await NodeGroup.StartAsync(1, Settings);
        using (var http = nodes[0].CreateClient())
        {
            await CallAsync(http, 20);
        }

        await nodes.StartAgainAsync(0); // kills it
        using (var http = nodes[0].CreateClient())
        {
            await CallAsync(http, 20);
        }

        await nodes.RecordedAsync(40);
        Assert.Equal(40, await nodes.RecordedAsync());
    }

    private static async Task<string> CopyAsync(string folder)
    {
        var copy = Directory.CreateTempSubdirectory("gatehouse-copy-").FullName;
        using var copying = Process.Start("cp", ["-a", folder + "/.", copy]);
        await copying.WaitForExitAsync(Ct);
        return copy;
    }

    private static async Task CallAsync(HttpClient http, int count)
    {
        for (var i = 0; i < count; i++)
        {
            using var response = await http.PostAsJsonAsync(
                "v1/chat/completions",
                new { model = "simulator", max_tokens = 5, messages = new[] { new { role = "user", content = "Hello" } } }, Ct);
            response.EnsureSuccessStatusCode();
        }
    }
}
