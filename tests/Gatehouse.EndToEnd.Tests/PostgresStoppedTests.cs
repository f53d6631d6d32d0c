using System.Globalization;
using System.Net.Http.Json;
using Npgsql;

namespace Gatehouse.EndToEnd.Tests;

/// <summary>
/// The PostgreSQL server itself is stopped under load and started again; GATEHOUSE_OUTAGE_SECONDS says for how long, else it is short.
/// </summary>
public sealed class PostgresStoppedTests(ITestOutputHelper output)
{
    private const int Callers = 8;
    private const decimal InputUsd = 1.25m;
    private const decimal OutputUsd = 10m;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Calls_go_on_and_each_is_in_ledger_sums_and_budget_once_at_its_cost_when_the_server_is_back()
    {
        await using var postgres = await PostgresServer.StartNewAsync();
        await using var gatehouse = await GatehouseProcess.StartAsync($$$"""
            storage: { postgres: "{{{postgres.ConnectionString}}}" }
            providers: { simulator: { kind: simulator } }
            routes: { simulator: { targets: [{ provider: simulator, model: simulator }] } }
            prices: { models: { "simulator/simulator": { input: {{{InputUsd}}}, output: {{{OutputUsd}}} } } }
            """);
        using var api = gatehouse.CreateClient(gatehouse.CliToken);
        (await api.PostAsJsonAsync("api/budgets", new { name = "all", limit_usd = 1000, period = "total", mode = "hard" }, Ct))
            .EnsureSuccessStatusCode();
        var outage = TimeSpan.FromSeconds(int.Parse(
            Environment.GetEnvironmentVariable("GATEHOUSE_OUTAGE_SECONDS") ?? "5", CultureInfo.InvariantCulture));

        var before = await LoadAsync(gatehouse, outage / 2);
        await postgres.StopAsync();
        var during = await LoadAsync(gatehouse, outage);
        await postgres.StartAsync();
        var after = await LoadAsync(gatehouse, outage / 2);

        List<Answer> answers = [.. before, .. during, .. after];
        Assert.All(answers, a => Assert.Equal(200, a.Status));
        Assert.True(during.Count > 100, $"{during.Count} calls were answered while the server was stopped.");
        await using var source = NpgsqlDataSource.Create(postgres.ConnectionString);
        var nanos = answers.Sum(a => (long)(((a.Input * InputUsd) + (a.Output * OutputUsd)) * 1000));
        await UntilAsync(async () => await LongAsync(source, "SELECT COUNT(*) FROM observability_ledger") >= answers.Count);

        Assert.Equal(answers.Count, await LongAsync(source, "SELECT COUNT(DISTINCT id) FROM observability_ledger"));
        Assert.Equal(nanos, await LongAsync(source, "SELECT CAST(SUM(cost_nanos) AS BIGINT) FROM observability_ledger"));
        Assert.Equal(
            answers.Count, await LongAsync(source, "SELECT CAST(SUM(calls) AS BIGINT) FROM observability_traffic WHERE step_seconds = 3600"));
        Assert.Equal(nanos, await LongAsync(source, "SELECT spent FROM governance_allowance WHERE measure = 'money'"));
        var doctor = await gatehouse.CliAsync("doctor", "--ledger");
        Assert.True(doctor.ExitCode == 0, doctor.Output);
        foreach (var (name, part) in ((string, List<Answer>)[])[("before", before), ("during", during), ("after", after)])
        {
            output.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{name}: {part.Count} calls, p50 {Percentile(part, 0.5):0.00} ms, p99 {Percentile(part, 0.99):0.00} ms"));
        }
    }

    private static double Percentile(List<Answer> answers, double share) =>
        answers.Select(a => a.Took.TotalMilliseconds).Order().ElementAt((int)(share * (answers.Count - 1)));

    private static async Task<List<Answer>> LoadAsync(GatehouseProcess gatehouse, TimeSpan time)
    {
        using var http = gatehouse.CreateClient();
        var began = TimeProvider.System.GetTimestamp();
        var answers = await Task.WhenAll(Enumerable.Range(0, Callers).Select(async _ =>
        {
            var found = new List<Answer>();
            using var pace = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
            while (TimeProvider.System.GetElapsedTime(began) < time)
            {
                var started = TimeProvider.System.GetTimestamp();
                using var answer = await http.PostAsJsonAsync(
                    "v1/chat/completions",
                    new { model = "simulator", max_tokens = 20, messages = new[] { new { role = "user", content = "Hello" } } }, Ct);
                var body = await answer.Content.ReadFromJsonAsync<System.Text.Json.JsonElement>(Ct);
                var took = TimeProvider.System.GetElapsedTime(started);
                var usage = answer.IsSuccessStatusCode ? body.GetProperty("usage") : default;
                found.Add(answer.IsSuccessStatusCode
                    ? new Answer((int)answer.StatusCode, usage.GetProperty("prompt_tokens").GetInt64(),
                        usage.GetProperty("completion_tokens").GetInt64(), took)
                    : new Answer((int)answer.StatusCode, 0, 0, took));
                await pace.WaitForNextTickAsync(Ct);
            }

            return found;
        }));
        return [.. answers.SelectMany(a => a)];
    }

    private static async Task<long> LongAsync(NpgsqlDataSource source, string sql)
    {
        await using var command = source.CreateCommand(sql);
        return (long)(await command.ExecuteScalarAsync(Ct))!;
    }

    private static async Task UntilAsync(Func<Task<bool>> holds)
    {
        var began = TimeProvider.System.GetTimestamp();
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
        while (!await holds())
        {
            Assert.True(TimeProvider.System.GetElapsedTime(began) < TimeSpan.FromSeconds(60), "It did not come true in time.");
            await timer.WaitForNextTickAsync(Ct);
        }
    }

    private sealed record Answer(int Status, long Input, long Output, TimeSpan Took);
}
