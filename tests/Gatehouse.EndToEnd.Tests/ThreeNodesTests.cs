using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using Npgsql;

namespace Gatehouse.EndToEnd.Tests;

/// <summary>Three processes on one PostgreSQL behind nginx, under load: one is killed, and all are restarted one after another.</summary>
public sealed class ThreeNodesTests
{
    private const int Clients = 24;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_killed_node_costs_no_more_than_its_calls_under_way_and_its_leases_move_within_five_seconds()
    {
        await using var nodes = await Nodes.StartAsync();
        const decimal cap = 0.5m;
        await nodes[0].AdminAsync("POST", "api/budgets", new { name = "shared", team = "sample", limit_usd = cap, period = "month" });
        await using var load = new Load(nodes.Front, nodes[0].SampleKey);
        await Nodes.UntilAsync(async () => await nodes.SpareOfAsync(2) > 0);
        await load.MoreAsync(20 * Clients);

        nodes[2].Kill();
        var killed = TimeProvider.System.GetTimestamp();
        await Nodes.UntilAsync(async () => await nodes.SpareOfAsync(2) == 0);
        var seconds = TimeProvider.System.GetElapsedTime(killed).TotalSeconds;
        await load.MoreAsync(20 * Clients);
        var failures = await load.EndAsync();

        Assert.InRange(seconds, 0, 5);
        Assert.True(failures.Max() <= 1, load.Failures);

        // The node starts again and its journal reaches the ledger; then all that is left can be spent, and not a nano more.
        await nodes.StartAgainAsync(2);
        await using (var rest = new Load(nodes.Front, nodes[0].SampleKey))
        {
            await rest.UntilAsync(429);
            await rest.EndAsync();
        }

        await Nodes.UntilAsync(async () =>
        {
            var budget = (await nodes[0].AdminAsync("GET", "api/budgets")).GetProperty("items")[0];
            return budget.GetProperty("reserved_usd").GetDecimal() == 0
                && budget.GetProperty("spent_usd").GetDecimal() == await nodes.LedgerCostAsync();
        });
        Assert.InRange(await nodes.LedgerCostAsync(), cap * 0.9m, cap);
    }

    [Fact]
    public async Task A_rolling_restart_fails_no_request()
    {
        await using var nodes = await Nodes.StartAsync();
        await using var load = new Load(nodes.Front, nodes[0].SampleKey);
        await load.MoreAsync(10 * Clients);

        for (var node = 0; node < 3; node++)
        {
            Assert.Equal(0, await nodes[node].StopAsync());
            await nodes.StartAgainAsync(node);
            await load.MoreAsync(5 * Clients);
        }

        var failures = await load.EndAsync();

        Assert.True(failures.Sum() == 0, load.Failures);
        await Nodes.UntilAsync(async () => await nodes.CountAsync() == load.Made);
    }

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
            return WaitAsync(() => Made >= wanted);
        }

        public Task UntilAsync(int status) => WaitAsync(() => Volatile.Read(ref _last) == status);

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

        private static async Task WaitAsync(Func<bool> holds)
        {
            using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
            var began = TimeProvider.System.GetTimestamp();
            while (!holds())
            {
                Assert.InRange(TimeProvider.System.GetElapsedTime(began).TotalSeconds, 0, 90);
                await timer.WaitForNextTickAsync(Ct);
            }
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

    /// <summary>The nodes, their database, and nginx before them, configured as the guide says.</summary>
    private sealed class Nodes : IAsyncDisposable
    {
        private readonly TestPostgres _database;
        private readonly NpgsqlDataSource _source;
        private readonly string _yaml;
        private readonly Dictionary<string, string> _environment;
        private readonly List<GatehouseProcess> _nodes;
        private readonly List<string> _folders;
        private readonly List<string> _names = [];
        private readonly string _scratch = Directory.CreateTempSubdirectory("gatehouse-nginx-").FullName;
        private Process? _nginx;

        private Nodes(TestPostgres database, string yaml, Dictionary<string, string> environment, List<GatehouseProcess> nodes)
        {
            (_database, _yaml, _environment, _nodes) = (database, yaml, environment, nodes);
            _folders = [.. nodes.Select(n => n.Folder)];
            _source = NpgsqlDataSource.Create(database.ConnectionString);
        }

        public Uri Front { get; private set; } = null!;

        public GatehouseProcess this[int node] => _nodes[node];

        public static async Task<Nodes> StartAsync()
        {
            var database = await TestPostgres.CreateAsync();
            var yaml = $$"""
                storage:
                  postgres: "{{database.ConnectionString}}"
                providers:
                  simulator: { kind: simulator, simulator: { latency: 5ms } }
                routes:
                  simulator: { targets: [{ provider: simulator }] }
                prices:
                  models:
                    simulator/simulator: { input: 1, output: 10 }
                """;
            var environment = new Dictionary<string, string>
            {
                ["GATEHOUSE_SECRET"] = Convert.ToBase64String(new byte[32].Select((_, i) => (byte)i).ToArray()),
            };
            var nodes = new Nodes(database, yaml, environment, []);
            for (var i = 0; i < 3; i++)
            {
                var node = await GatehouseProcess.StartAsync(yaml, environment: environment);
                nodes._nodes.Add(node);
                nodes._folders.Add(node.Folder);
                nodes._names.Add(await nodes.NewestNodeAsync());
            }

            await nodes.StartFrontAsync();
            return nodes;
        }

        public async Task StartAgainAsync(int node)
        {
            var before = _nodes[node];
            var folder = Directory.CreateTempSubdirectory("gatehouse-again-").FullName;
            Directory.Delete(folder);
            Directory.Move(_folders[node], folder);
            Directory.CreateDirectory(before.Folder);
            await before.DisposeAsync();
            _folders[node] = folder;
            _nodes[node] = await GatehouseProcess.StartAsync(
                _yaml, folder, _environment, "--address", $"127.0.0.1:{before.Url.Port}");
        }

        /// <summary>What a node holds of budgets and has not pledged to use, in nanos of a dollar.</summary>
        public Task<long> SpareOfAsync(int node) => LongAsync(
            """
            SELECT COALESCE(SUM(granted - GREATEST(pledged, settled)), 0)::BIGINT FROM governance_lease WHERE node = @p
            """, _names[node]);

        public Task<long> CountAsync() => LongAsync("SELECT COUNT(*) FROM observability_ledger WHERE @p = ''", "");

        public async Task<decimal> LedgerCostAsync() => await LongAsync(
            """
            SELECT CAST(COALESCE(SUM(COALESCE(charged_nanos, cost_nanos, 0)), 0) AS BIGINT) FROM observability_ledger WHERE @p = ''
            """, "") / 1_000_000_000m;

        public static async Task UntilAsync(Func<Task<bool>> holds)
        {
            var began = TimeProvider.System.GetTimestamp();
            using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
            while (!await holds())
            {
                Assert.InRange(TimeProvider.System.GetElapsedTime(began).TotalSeconds, 0, 45);
                await timer.WaitForNextTickAsync(Ct);
            }
        }

        public async ValueTask DisposeAsync()
        {
            if (_nginx is { } nginx)
            {
                nginx.Kill(entireProcessTree: true);
                await nginx.WaitForExitAsync();
                nginx.Dispose();
            }

            foreach (var node in _nodes)
            {
                await node.DisposeAsync();
            }

            foreach (var folder in _folders.Append(_scratch).Where(Directory.Exists))
            {
                Directory.Delete(folder, recursive: true);
            }

            await _source.DisposeAsync();
            await _database.DisposeAsync();
        }

        private async Task StartFrontAsync()
        {
            using (var free = new TcpListener(IPAddress.Loopback, 0))
            {
                free.Start();
                Front = new Uri($"http://{free.LocalEndpoint}/");
            }

            var paths = string.Concat(((string[])["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]).Select(
                kind => $"{kind}_temp_path {_scratch}/{kind};\n"));
            var servers = string.Concat(_nodes.Select(n => $"server {n.Url.Authority} max_fails=1 fail_timeout=1s;\n"));
            await File.WriteAllTextAsync(
                Path.Combine(_scratch, "nginx.conf"),
                $$"""
                daemon off;
                pid {{_scratch}}/nginx.pid;
                error_log {{_scratch}}/error.log warn;
                events { }
                http {
                  access_log off;
                  {{paths}}
                  upstream gatehouse {
                    {{servers}}
                    keepalive 32;
                  }
                  server {
                    listen {{Front.Authority}};
                    location / {
                      proxy_pass http://gatehouse;
                      proxy_http_version 1.1;
                      proxy_set_header Connection "";
                      proxy_buffering off;
                      proxy_read_timeout 600s;
                      proxy_next_upstream error timeout;
                    }
                  }
                }
                """,
                Ct);
            var start = new ProcessStartInfo("nginx", ["-c", Path.Combine(_scratch, "nginx.conf")]) { RedirectStandardError = true };
            start.Environment["PATH"] += ":/usr/sbin";
            _nginx = Process.Start(start)!;
            await UntilAsync(async () =>
            {
                using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
                try
                {
                    await socket.ConnectAsync(Front.Host, Front.Port, Ct);
                    return true;
                }
                catch (SocketException)
                {
                    return false;
                }
            });
        }

        private async Task<string> NewestNodeAsync()
        {
            await UntilAsync(async () => await LongAsync("SELECT COUNT(*) FROM governance_node WHERE node <> @p", "") == _names.Count + 1);
            await using var command = _source.CreateCommand("SELECT node FROM governance_node WHERE NOT node = ANY(@p)");
            command.Parameters.AddWithValue("p", _names.ToArray());
            return (string)(await command.ExecuteScalarAsync(Ct))!;
        }

        private async Task<long> LongAsync(string sql, string parameter)
        {
            await using var command = _source.CreateCommand(sql);
            command.Parameters.AddWithValue("p", parameter);
            return (long)(await command.ExecuteScalarAsync(Ct))!;
        }
    }
}
