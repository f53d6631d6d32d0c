using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json;

namespace Gatehouse.EndToEnd.Tests;

/// <summary>Calls of a few callers at an even pace, and what each felt.</summary>
internal static class PacedCalls
{
    public const decimal InputUsd = 1.25m;
    public const decimal OutputUsd = 10m;

    private const int Callers = 8;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    /// <summary>A configuration on a PostgreSQL in which each call has a price.</summary>
    public static string Configuration(string connectionString) => $$$"""
        storage: { postgres: "{{{connectionString}}}" }
        providers: { simulator: { kind: simulator } }
        routes: { simulator: { targets: [{ provider: simulator, model: simulator }] } }
        prices: { models: { "simulator/simulator": { input: {{{InputUsd}}}, output: {{{OutputUsd}}} } } }
        """;

    public static Task<List<PacedAnswer>> RunAsync(GatehouseProcess gatehouse, TimeSpan time) => RunAsync([gatehouse], time);

    /// <summary>Each node has as many callers, all with the key of the first.</summary>
    public static async Task<List<PacedAnswer>> RunAsync(IReadOnlyList<GatehouseProcess> nodes, TimeSpan time)
    {
        var began = TimeProvider.System.GetTimestamp();
        var key = nodes[0].SampleKey;
        var answers = await Task.WhenAll(nodes.Select(n => RunAsync(n, () => TimeProvider.System.GetElapsedTime(began) < time, key)));
        return [.. answers.SelectMany(a => a)];
    }

    public static async Task<List<PacedAnswer>> RunAsync(GatehouseProcess gatehouse, Func<bool> goesOn, string? key = null)
    {
        using var http = gatehouse.CreateClient(key);
        var answers = await Task.WhenAll(Enumerable.Range(0, Callers).Select(async _ =>
        {
            var found = new List<PacedAnswer>();
            using var pace = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
            while (goesOn())
            {
                found.Add(await CallAsync(http));
                await pace.WaitForNextTickAsync(Ct);
            }

            return found;
        }));
        return [.. answers.SelectMany(a => a)];
    }

    public static double Percentile(List<PacedAnswer> answers, double share) =>
        answers.Select(a => a.Took.TotalMilliseconds).Order().ElementAt((int)(share * (answers.Count - 1)));

    public static string Describe(string name, List<PacedAnswer> part) => string.Create(
        CultureInfo.InvariantCulture,
        $"{name}: {part.Count} calls, p50 {Percentile(part, 0.5):0.00} ms, p99 {Percentile(part, 0.99):0.00} ms");

    private static async Task<PacedAnswer> CallAsync(HttpClient http)
    {
        var started = TimeProvider.System.GetTimestamp();
        using var answer = await http.PostAsJsonAsync(
            "v1/chat/completions",
            new { model = "simulator", max_tokens = 20, messages = new[] { new { role = "user", content = "Hello" } } }, Ct);
        var body = await answer.Content.ReadFromJsonAsync<JsonElement>(Ct);
        var took = TimeProvider.System.GetElapsedTime(started);
        if (!answer.IsSuccessStatusCode)
        {
            return new PacedAnswer((int)answer.StatusCode, 0, took);
        }

        var usage = body.GetProperty("usage");
        var (input, output) = (usage.GetProperty("prompt_tokens").GetInt64(), usage.GetProperty("completion_tokens").GetInt64());
        return new PacedAnswer(200, (long)(((input * InputUsd) + (output * OutputUsd)) * 1000), took);
    }
}

/// <param name="Nanos">What it cost by the tokens that it says, in nanos of a dollar.</param>
internal sealed record PacedAnswer(int Status, long Nanos, TimeSpan Took);
