using System.Diagnostics;
using System.Text.Json;

namespace Gatehouse.EndToEnd.Tests.Sdk;

/// <summary>
/// The npm packages <c>openai</c>, <c>@anthropic-ai/sdk</c> and <c>@google/genai</c>, and <c>ai</c> with its adapters, run by the scripts
/// in <c>clients/</c>.
/// </summary>
/// <param name="more">Further arguments of the script.</param>
internal sealed class NodeSdk(string script, SdkFormat format, params string[] more) : ISdkClient
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private static readonly JsonSerializerOptions Names = new(JsonSerializerDefaults.Web);

    public SdkFormat Format => format;

    public async Task<IReadOnlyDictionary<string, SdkResult>> RunAllAsync(
        Uri gateway, string key, string prefix, Uri player, CancellationToken ct)
    {
        var folder = ClientsFolder();
        Assert.True(
            Directory.Exists(Path.Combine(folder, "node_modules")),
            "The SDKs are not installed: run ./test.sh, or 'npm ci --ignore-scripts' in the clients folder.");
        using var node = Process.Start(new ProcessStartInfo(
            "node", [script, gateway.ToString().TrimEnd('/'), key, prefix, player.ToString(), .. more])
        {
            WorkingDirectory = folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        var error = node.StandardError.ReadToEndAsync(ct);
        var results = new Dictionary<string, SdkResult>();
        while (await node.StandardOutput.ReadLineAsync(ct) is { } line)
        {
            using var report = JsonDocument.Parse(line);
            results.Add(report.RootElement.GetProperty("scenario").GetString()!, report.Deserialize<SdkResult>(Names)!);
        }

        await node.WaitForExitAsync(ct).WaitAsync(Patience, ct);
        Assert.True(node.ExitCode == 0, await error);
        return results;
    }

    private static string ClientsFolder() => Path.Combine(GatehouseProcess.Checkout, "tests", "Gatehouse.EndToEnd.Tests", "clients");
}
