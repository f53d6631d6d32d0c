using System.Net;
using System.Net.Http.Json;
using Npgsql;

namespace Gatehouse.EndToEnd.Tests;

/// <summary>
/// PostgreSQL falls silent under load: it refuses nothing and answers nothing, as on a frozen machine or behind a dead network.
/// </summary>
public sealed class PostgresSilentTests(ITestOutputHelper output)
{
    /// <summary>The longest time in which anybody hears that the database is away, on a busy machine.</summary>
    private static readonly TimeSpan Bounded = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan Part = TimeSpan.FromSeconds(4);

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    /// <summary>Everybody who asked the database waited for its driver, half a minute and more.</summary>
    [Fact]
    public async Task Calls_go_on_people_hear_so_in_seconds_and_nothing_is_lost_or_doubled_when_it_answers_again()
    {
        await using var postgres = await PostgresServer.StartNewAsync();
        await using var gatehouse = await GatehouseProcess.StartAsync(PacedCalls.Configuration(postgres.ConnectionString));
        await gatehouse.AdminAsync("POST", "api/budgets", new { name = "all", limit_usd = 1000, period = "total", mode = "hard" });
        var cookie = await Browser.SignInAsync(gatehouse);

        var before = await PacedCalls.RunAsync(gatehouse, Part);
        postgres.Freeze();
        var asked = AskAllAsync(gatehouse, cookie);
        var during = await PacedCalls.RunAsync(gatehouse, () => !asked.IsCompleted);
        await asked;
        during.AddRange(await PacedCalls.RunAsync(gatehouse, Part));
        postgres.Thaw();
        var after = await PacedCalls.RunAsync(gatehouse, Part);
        await Wait.UntilAsync(async () => !(await ReadyAsync(gatehouse)).Contains("away", StringComparison.Ordinal));

        output.WriteLine(PacedCalls.Describe("before", before));
        output.WriteLine(PacedCalls.Describe("during", during));
        output.WriteLine(PacedCalls.Describe("after", after));
        await using var source = NpgsqlDataSource.Create(postgres.ConnectionString);
        await Books.HoldOnceAsync(source, [.. before, .. during, .. after]);
        Assert.InRange(PacedCalls.Percentile(during, 0.5), 0, (2 * PacedCalls.Percentile(before, 0.5)) + 2);
        var doctor = await gatehouse.CliAsync("doctor", "--ledger");
        Assert.True(doctor.ExitCode == 0, doctor.Output);
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(gatehouse, "api/systems", null));
        Assert.Equal(0, await gatehouse.StopAsync());
    }

    [Fact]
    public async Task Beside_a_silent_server_a_node_ends_in_seconds_and_starts_from_its_snapshot()
    {
        await using var postgres = await PostgresServer.StartNewAsync();
        var yaml = PacedCalls.Configuration(postgres.ConnectionString);
        var folder = Directory.CreateTempSubdirectory("gatehouse-test-").FullName;
        var first = await GatehouseProcess.StartAsync(yaml, folder);
        await first.AdminAsync("POST", "api/budgets", new { name = "all", limit_usd = 1000, period = "total", mode = "soft" });
        var answers = await PacedCalls.RunAsync(first, Part / 4);

        postgres.Freeze();
        answers.AddRange(await PacedCalls.RunAsync(first, Part / 4));
        Assert.InRange(await TimeAsync(async () => Assert.Equal(0, await first.StopAsync())), TimeSpan.Zero, 2 * Bounded);
        await first.DisposeAsync();

        GatehouseProcess second = null!;
        Assert.InRange(await TimeAsync(async () => second = await GatehouseProcess.StartAsync(yaml, folder)), TimeSpan.Zero, Bounded);
        Assert.Contains("Calls are served from the snapshot of ", second.Output, StringComparison.Ordinal);
        answers.AddRange(await PacedCalls.RunAsync(second, Part / 4));
        Assert.Equal(HttpStatusCode.ServiceUnavailable, await StatusAsync(second, "api/systems", null));
        Assert.InRange(await TimeAsync(async () => Assert.Equal(0, await second.StopAsync())), TimeSpan.Zero, Bounded);
        await second.DisposeAsync();

        await using var third = await GatehouseProcess.StartAsync(yaml, folder);
        postgres.Thaw();
        await third.WaitForLineAsync(line => line.Contains("The database is back", StringComparison.Ordinal));
        await using var source = NpgsqlDataSource.Create(postgres.ConnectionString);
        await Books.HoldOnceAsync(source, answers);
        Assert.Equal(0, await third.StopAsync());
        Directory.Delete(folder, recursive: true);
    }

    /// <summary>What people and programs ask, all at once, from the first moment of the silence, and once more when it is known.</summary>
    private static async Task AskAllAsync(GatehouseProcess gatehouse, string cookie)
    {
        for (var round = 0; round < 2; round++)
        {
            const string path = "api/systems";
            var body = new { team = "sample", name = $"s-{round}", purpose = "p", owner = "o", stage = "building" };
            var asked = new Dictionary<string, Func<Task<HttpStatusCode>>>
            {
                ["readyz"] = () => StatusAsync(gatehouse, "readyz", null),
                ["metrics"] = () => StatusAsync(gatehouse, "metrics", null),
                ["page"] = () => StatusAsync(gatehouse, "calls", cookie),
                ["fragment"] = () => StatusAsync(gatehouse, "palette/results?search=hello", cookie),
                ["read"] = () => StatusAsync(gatehouse, path, null),
                ["search"] = () => StatusAsync(gatehouse, "api/calls", null),
                ["write"] = () => PostAsync(gatehouse, path, body),
            };
            var answers = await Task.WhenAll(asked.Select(async a =>
            {
                var status = HttpStatusCode.OK;
                var took = await TimeAsync(async () => status = await a.Value());
                return (a.Key, Status: status, Took: took);
            }));
            Assert.All(answers, a =>
            {
                Assert.InRange(a.Took, TimeSpan.Zero, Bounded);
                var due = a.Key is "readyz" or "metrics" ? HttpStatusCode.OK : HttpStatusCode.ServiceUnavailable;
                Assert.Equal((a.Key, due), (a.Key, a.Status));
            });
        }

        Assert.Contains("the database is away", await ReadyAsync(gatehouse), StringComparison.Ordinal);
    }

    private static async Task<HttpStatusCode> StatusAsync(GatehouseProcess gatehouse, string path, string? cookie)
    {
        using var http = cookie is null ? gatehouse.CreateClient(gatehouse.CliToken) : Browser.Open(gatehouse, cookie);
        using var answer = await http.GetAsync(new Uri(path, UriKind.Relative), Ct);
        return answer.StatusCode;
    }

    private static async Task<HttpStatusCode> PostAsync(GatehouseProcess gatehouse, string path, object body)
    {
        using var http = gatehouse.CreateClient(gatehouse.CliToken);
        using var answer = await http.PostAsJsonAsync(path, body, Ct);
        return answer.StatusCode;
    }

    private static async Task<string> ReadyAsync(GatehouseProcess gatehouse)
    {
        using var http = gatehouse.CreateClient();
        return await http.GetStringAsync(new Uri("readyz", UriKind.Relative), Ct);
    }

    private static async Task<TimeSpan> TimeAsync(Func<Task> act)
    {
        var began = TimeProvider.System.GetTimestamp();
        await act();
        return TimeProvider.System.GetElapsedTime(began);
    }
}
