using System.Collections.Concurrent;
using System.Net;
using System.Net.Http.Json;

namespace Gatehouse.EndToEnd.Tests;

/// <summary>Three processes on one PostgreSQL behind nginx, under load: one is killed, and all are restarted one after another.</summary>
public sealed class ThreeNodesTests
{
    private const int Clients = 24;

    private const string Settings = """
        providers: { simulator: { kind: simulator, simulator: { latency: 5ms } } }
        routes: { simulator: { targets: [{ provider: simulator }] } }
        prices: { models: { simulator/simulator: { input: 1, output: 10 } } }
        """;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_killed_node_costs_no_more_than_its_calls_under_way_and_its_leases_move_within_five_seconds()
    {
        await using var nodes = await NodeGroup.StartAsync(3, Settings);
        await using var front = await Front.StartAsync(nodes.All);
        const decimal cap = 0.5m;
        await nodes[0].AdminAsync("POST", "api/budgets", new { name = "shared", team = "sample", limit_usd = cap, period = "month" });
        await using var load = new Load(front.Url, nodes[0].SampleKey);
        await Wait.UntilAsync(async () => await SpareOfAsync(nodes, 2) > 0);
        await load.MoreAsync(20 * Clients);

        nodes[2].Kill();
        var killed = TimeProvider.System.GetTimestamp();
        await Wait.UntilAsync(async () => await SpareOfAsync(nodes, 2) == 0);
        var seconds = TimeProvider.System.GetElapsedTime(killed).TotalSeconds;
        await load.MoreAsync(20 * Clients);
        var failures = await load.EndAsync();

        Assert.InRange(seconds, 0, 5);
        Assert.True(failures.Max() <= 1, $"{load.Failures}\n{front.Errors}");

        // The node starts again and its journal reaches the ledger; then all that is left can be spent, and not a nano more.
        await StartAgainAsync(nodes, 2);
        await using (var rest = new Load(front.Url, nodes[0].SampleKey))
        {
            await rest.UntilAsync(429);
            await rest.EndAsync();
        }

        await Wait.UntilAsync(async () =>
        {
            var budget = (await nodes[0].AdminAsync("GET", "api/budgets")).GetProperty("items")[0];
            return budget.GetProperty("reserved_usd").GetDecimal() == 0
                && budget.GetProperty("spent_usd").GetDecimal() == await nodes.LedgerUsdAsync();
        });
        Assert.InRange(await nodes.LedgerUsdAsync(), cap * 0.9m, cap);
    }

    [Fact]
    public async Task A_rolling_restart_fails_no_request()
    {
        await using var nodes = await NodeGroup.StartAsync(3, Settings);
        await using var front = await Front.StartAsync(nodes.All);
        await using var load = new Load(front.Url, nodes[0].SampleKey);
        await load.MoreAsync(10 * Clients);

        for (var node = 0; node < 3; node++)
        {
            Assert.Equal(0, await nodes[node].StopAsync());
            await StartAgainAsync(nodes, node);
            await load.MoreAsync(5 * Clients);
        }

        var failures = await load.EndAsync();

        Assert.True(failures.Sum() == 0, $"{load.Failures}\n{front.Errors}");
        await Wait.UntilAsync(async () => await nodes.RecordedAsync() == load.Made);
    }

    /// <summary>Where the front finds it.</summary>
    private static Task StartAgainAsync(NodeGroup nodes, int node) =>
        nodes.StartAgainAsync(node, "--address", $"127.0.0.1:{nodes[node].Url.Port}");

    /// <summary>What a node holds of budgets and has not pledged to use, in nanos of a dollar.</summary>
    private static Task<long> SpareOfAsync(NodeGroup nodes, int node) => nodes.Source.LongAsync(
        "SELECT COALESCE(SUM(granted - GREATEST(pledged, settled)), 0)::BIGINT FROM governance_lease WHERE node = @p", nodes.NameOf(node));

    /// <summary>Clients that call one after another, each on a connection of its own to the front.</summary>
    private sealed class Load : IAsyncDisposable
    {
        private readonly CancellationTokenSource _over = new();
        private readonly Task<int[]> _clients;
        private readonly ConcurrentBag<string> _failures = [];
        private int _made;
        private int _last;

        public Load(Uri front, string key) => _clients = Task.WhenAll(Enumerable.Range(0, Clients).Select(_ => ClientAsync(front, key)));

        public int Made => Volatile.Read(ref _made);

        /// <summary>What the failed calls got.</summary>
        public string Failures => string.Join('\n', _failures);

        public Task MoreAsync(int calls)
        {
            var wanted = Made + calls;
            return Wait.UntilAsync(() => Made >= wanted);
        }

        public Task UntilAsync(int status) => Wait.UntilAsync(() => Volatile.Read(ref _last) == status);

        /// <returns>The failed calls of each client.</returns>
        public async Task<int[]> EndAsync()
        {
            await _over.CancelAsync();
            return await _clients;
        }

        public async ValueTask DisposeAsync()
        {
            await EndAsync();
            _over.Dispose();
        }

        private async Task<int> ClientAsync(Uri front, string key)
        {
            using var http = new HttpClient { BaseAddress = front };
            http.DefaultRequestHeaders.Authorization = new("Bearer", key);
            var failed = 0;
            while (!_over.IsCancellationRequested)
            {
                using var response = await http.PostAsJsonAsync(
                    "v1/chat/completions",
                    new { model = "simulator", max_tokens = 20, messages = new[] { new { role = "user", content = "Hello" } } }, Ct);
                var text = await response.Content.ReadAsStringAsync(Ct);
                var isAnswered = response.StatusCode is HttpStatusCode.OK && text.Contains("choices", StringComparison.Ordinal);
                if (!isAnswered && response.StatusCode is not HttpStatusCode.TooManyRequests)
                {
                    failed++;
                    _failures.Add($"{(int)response.StatusCode} {text}");
                }

                Volatile.Write(ref _last, (int)response.StatusCode);
                Interlocked.Increment(ref _made);
            }

            return failed;
        }
    }
}
