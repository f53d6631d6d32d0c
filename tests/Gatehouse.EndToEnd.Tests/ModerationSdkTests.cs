using System.ClientModel;
using System.Diagnostics;
using System.Text.Json;
using OpenAI;
using OpenAI.Moderations;

namespace Gatehouse.EndToEnd.Tests;

/// <summary>The official SDKs' clients for moderations, served by the detectors of the gateway itself.</summary>
public sealed class ModerationSdkTests(ModerationSdkTests.Server server) : IClassFixture<ModerationSdkTests.Server>
{
    public sealed class Server : IAsyncLifetime
    {
        internal GatehouseProcess Gatehouse { get; private set; } = null!;

        public async ValueTask InitializeAsync() => Gatehouse = await GatehouseProcess.StartAsync();

        public ValueTask DisposeAsync() => Gatehouse.DisposeAsync();
    }

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_dotnet_client_reads_verdicts_and_scores()
    {
        var client = new ModerationClient(
            "omni-moderation-latest",
            new ApiKeyCredential(server.Gatehouse.SampleKey),
            new OpenAIClientOptions { Endpoint = new Uri(server.Gatehouse.Url, "v1") });

        var judged =
            (await client.ClassifyTextAsync(["How do I bake bread?", "I want to kill myself", "I will kill my neighbour"], Ct)).Value;

        Assert.Equal([false, true, true], judged.Select(r => r.Flagged));
        Assert.True(judged[1].SelfHarmIntent.Flagged);
        Assert.True(judged[2].Violence.Flagged);
        Assert.InRange(judged[2].Violence.Score, 0.5f, 1);
        Assert.Equal(0, judged[0].Hate.Score);
        var calls = await server.Gatehouse.CliAsync("calls", "--json");
        var call = JsonElement.Parse(calls.Output).GetProperty("calls")[0];
        Assert.Equal(("omni-moderation-latest", 0), (call.GetProperty("route").GetString(), call.GetProperty("cost_usd").GetDecimal()));
    }

    [Fact]
    public async Task The_npm_client_reads_verdicts_and_why_an_image_is_refused()
    {
        using var node = Process.Start(new ProcessStartInfo(
            "node", ["moderations.mjs", server.Gatehouse.Url.ToString().TrimEnd('/'), server.Gatehouse.SampleKey])
        {
            WorkingDirectory = Path.Combine(GatehouseProcess.Checkout, "tests", "Gatehouse.EndToEnd.Tests", "clients"),
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        var error = node.StandardError.ReadToEndAsync(Ct);
        var output = await node.StandardOutput.ReadToEndAsync(Ct);
        await node.WaitForExitAsync(Ct);

        Assert.True(node.ExitCode == 0, await error);
        var report = JsonElement.Parse(output);
        Assert.Equal([false, true], report.GetProperty("flagged").EnumerateArray().Select(f => f.GetBoolean()));
        Assert.True(report.GetProperty("category").GetBoolean());
        Assert.InRange(report.GetProperty("score").GetDouble(), 0.5, 1);
        Assert.Equal(400, report.GetProperty("refused").GetProperty("status").GetInt32());
        Assert.Contains("texts only", report.GetProperty("refused").GetProperty("message").GetString(), StringComparison.Ordinal);
    }
}
