using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json;

namespace Gatehouse.EndToEnd.Tests;

/// <summary>
/// Load with <c>kill -9</c> at random moments, on one data folder: <c>GATEHOUSE_CRASH_ROUNDS</c> says how often (default 12), and
/// <c>GATEHOUSE_CRASH_SEED</c> repeats a run's moments.
/// </summary>
public sealed class CrashTests
{
    private const int Callers = 8;
    private const decimal InputUsd = 0.000003m;
    private const decimal OutputUsd = 0.000017m;

    private const string Yaml = """
        providers:
          simulator:
            kind: simulator
        routes:
          simulator:
            targets: [{ provider: simulator }]
        prices:
          models:
            simulator/simulator: { input: 3, output: 17 }
        """;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("process")]
    [InlineData("power")]
    public async Task Whatever_kill_9_cuts_each_answered_call_is_in_the_ledger_once_at_its_cost_and_budgets_are_exact(string durability)
    {
        var rounds = int.Parse(
            Environment.GetEnvironmentVariable("GATEHOUSE_CRASH_ROUNDS") is { Length: > 0 } set ? set : "12", CultureInfo.InvariantCulture);
        var seed = Environment.GetEnvironmentVariable("GATEHOUSE_CRASH_SEED") is { Length: > 0 } given
            ? int.Parse(given, CultureInfo.InvariantCulture)
            : (int)(TimeProvider.System.GetTimestamp() & 0xFFFF);
        TestContext.Current.TestOutputHelper?.WriteLine($"GATEHOUSE_CRASH_SEED={seed}");
        var random = new Random(seed);
        var answered = new Dictionary<string, decimal>(StringComparer.Ordinal);
        await using var first = await GatehouseProcess.StartAsync($"server: {{ durability: {durability} }}\n{Yaml}");
        await first.AdminAsync("POST", "api/budgets", new { name = "all", team = "sample", limit_usd = 1000, period = "total" });
        var running = first;
        for (var round = 0; round < rounds; round++)
        {
            // Some die while they replay what the one before left, most under load.
            await CallUntilKilledAsync(
                running, answered, TimeSpan.FromMilliseconds(random.Next(4) == 0 ? random.Next(20) : 30 + random.Next(400)));
            var next = await GatehouseProcess.StartAsync(folder: first.Folder);
            if (running != first)
            {
                await running.DisposeAsync();
            }

            running = next;
        }

        await using (running)
        {
            await AssertLedgerAsync(running, answered);
            Assert.True(answered.Count > rounds, $"Only {answered.Count} calls were answered.");
            TestContext.Current.TestOutputHelper?.WriteLine($"{rounds} rounds, {answered.Count} answered calls");
            Assert.Equal(0, await running.StopAsync());
        }

        var stopped = await first.CliAsync("doctor", "--ledger");
        Assert.True(stopped.ExitCode == 0, stopped.Output);
    }

    private static async Task AssertLedgerAsync(GatehouseProcess gatehouse, Dictionary<string, decimal> answered)
    {
        var ledger = await ReadAllAsync(gatehouse, answered.Count);
        List<JsonElement> checks = [];
        await Wait.UntilAsync(async () => // half a minute after it was made, the budget is counted for sure, and compared
        {
            var doctor = await gatehouse.CliAsync("doctor", "--ledger", "--json");
            checks = [.. JsonElement.Parse(doctor.Output).GetProperty("items").EnumerateArray()];
            return checks.TrueForAll(c => State(c) != "notice");
        });
        Assert.All(checks, c => Assert.True(State(c) == "ok", c.GetProperty("message").GetString()));
        Assert.All(answered, call => Assert.Equal(call.Value, ledger[call.Key]));

        var budget = (await gatehouse.AdminAsync("GET", "api/budgets")).GetProperty("items")[0];
        Assert.InRange(budget.GetProperty("spent_usd").GetDecimal(), answered.Values.Sum(), decimal.MaxValue);
    }

    private static string? State(JsonElement check) => check.GetProperty("state").GetString();

    /// <param name="answered">Gets the request ids of calls whose whole answer arrived, with what they cost.</param>
    private static async Task CallUntilKilledAsync(GatehouseProcess gatehouse, Dictionary<string, decimal> answered, TimeSpan after)
    {
        var callers = Enumerable.Range(0, Callers).Select(async i =>
        {
            using var http = gatehouse.CreateClient();
            try
            {
                while (true)
                {
                    if ((i % 2 == 0 ? await CallAsync(http) : await StreamAsync(http)) is { } call)
                    {
                        lock (answered)
                        {
                            answered.Add(call.Id, call.Cost);
                        }
                    }
                }
            }
            catch (Exception e) when (e is HttpRequestException or IOException)
            {
                // The process is gone: what was answered counts.
            }
        }).ToList();
        using var moment = new PeriodicTimer(after + TimeSpan.FromMilliseconds(1));
        await moment.WaitForNextTickAsync(Ct);
        gatehouse.Kill();
        await Task.WhenAll(callers);
    }

    /// <returns>
    /// <see langword="null"/> where the call was refused: of a hard budget nothing is known while a busy machine's database takes seconds.
    /// </returns>
    private static async Task<(string Id, decimal Cost)?> CallAsync(HttpClient http)
    {
        using var answer = await http.PostAsJsonAsync("v1/chat/completions", Ask(stream: false), Ct);
        if (answer.StatusCode == HttpStatusCode.ServiceUnavailable)
        {
            return null;
        }

        var body = await answer.Content.ReadFromJsonAsync<JsonElement>(Ct);
        Assert.True(answer.IsSuccessStatusCode, body.ToString());
        return (answer.Headers.GetValues("x-request-id").Single(), CostOf(body.GetProperty("usage")));
    }

    private static async Task<(string Id, decimal Cost)?> StreamAsync(HttpClient http)
    {
        using var request = new HttpRequestMessage(
            HttpMethod.Post, "v1/chat/completions") { Content = JsonContent.Create(Ask(stream: true)) };
        using var answer = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Ct);
        if (answer.StatusCode == HttpStatusCode.ServiceUnavailable)
        {
            return null;
        }

        Assert.True(answer.IsSuccessStatusCode);
        using var lines = new StreamReader(await answer.Content.ReadAsStreamAsync(Ct));
        decimal? cost = null;
        while (await lines.ReadLineAsync(Ct) is { } line)
        {
            if (line == "data: [DONE]")
            {
                return (answer.Headers.GetValues("x-request-id").Single(),
                    cost ?? throw new InvalidOperationException("The stream told no usage."));
            }

            if (line.StartsWith("data: {", StringComparison.Ordinal)
                && JsonElement.Parse(line["data: ".Length..]).TryGetProperty("usage", out var usage)
                && usage.ValueKind == JsonValueKind.Object)
            {
                cost = CostOf(usage);
            }
        }

        throw new IOException("The stream broke off.");
    }

    private static object Ask(bool stream) => new
    {
        model = "simulator",
        max_tokens = 20,
        stream,
        stream_options = stream ? new { include_usage = true } : null,
        messages = new[] { new { role = "user", content = "Hello" } },
    };

    private static decimal CostOf(JsonElement usage) =>
        (usage.GetProperty("prompt_tokens").GetInt64() * InputUsd) + (usage.GetProperty("completion_tokens").GetInt64() * OutputUsd);

    /// <returns>The cost of each answered call by request id, once that many are there: a request id that came twice throws.</returns>
    private static async Task<Dictionary<string, decimal?>> ReadAllAsync(GatehouseProcess gatehouse, int expected)
    {
        using var api = gatehouse.CreateClient(gatehouse.CliToken);
        var started = TimeProvider.System.GetTimestamp();
        using var look = new PeriodicTimer(TimeSpan.FromMilliseconds(100));
        while (true)
        {
            var found = new Dictionary<string, decimal?>(StringComparer.Ordinal);
            string? before = null;
            do
            {
                var page = await api.GetFromJsonAsync<JsonElement>(
                    $"api/calls?limit=500&outcome=ok{(before is null ? "" : $"&before={before}")}", Ct);
                foreach (var call in page.GetProperty("calls").EnumerateArray())
                {
                    var cost = call.GetProperty("cost_usd");
                    found.Add(call.GetProperty("request_id").GetString()!, cost.ValueKind == JsonValueKind.Null ? null : cost.GetDecimal());
                }

                before = page.GetProperty("next").GetString();
            }
            while (before is not null);

            if (found.Count >= expected || TimeProvider.System.GetElapsedTime(started) > TimeSpan.FromSeconds(20))
            {
                return found;
            }

            await look.WaitForNextTickAsync(Ct);
        }
    }
}
