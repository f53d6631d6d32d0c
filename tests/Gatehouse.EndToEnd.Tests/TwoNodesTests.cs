using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Npgsql;

namespace Gatehouse.EndToEnd.Tests;

/// <summary>Two processes of the built executable on one PostgreSQL: what one installation promises holds for both together.</summary>
public sealed class TwoNodesTests
{
    private const int Clients = 200;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Two_hundred_parallel_clients_never_pass_a_budget_that_two_nodes_share()
    {
        await using var nodes = await Nodes.StartAsync();
        const decimal cap = 0.01m;
        await nodes.First.AdminAsync("POST", "api/budgets", new { name = "shared", team = "sample", limit_usd = cap, period = "month" });

        var statuses = await nodes.CallAsync(Clients, 3);

        var budget = await nodes.SettledAsync("shared", Clients * 3);
        var (spent, ledger) = (budget.GetProperty("spent_usd").GetDecimal(), await nodes.LedgerCostAsync());
        Assert.All(statuses, s => Assert.True(s is 200 or 429, $"{s}"));
        Assert.Contains(429, statuses);
        Assert.InRange(spent, cap * 0.8m, cap);
        Assert.Equal(ledger, spent);
        Assert.Equal(0m, budget.GetProperty("reserved_usd").GetDecimal());
    }

    [Fact]
    public async Task Two_nodes_keep_one_limit_of_requests()
    {
        await using var nodes = await Nodes.StartAsync();
        await nodes.First.AdminAsync("POST", "api/limits", new { name = "shared", team = "sample", requests_per_minute = 60 });
        var minute = await Nodes.MinuteWithRoomAsync();

        var statuses = await nodes.CallAsync(Clients, 1);

        await nodes.RecordedAsync(Clients);
        var begun = await nodes.LongAsync(
            "SELECT MAX(c) FROM (SELECT COUNT(*) AS c FROM observability_ledger WHERE outcome = 'ok' AND started_at >= @p GROUP BY started_at / 60000000) m", minute);
        Assert.All(statuses, s => Assert.True(s is 200 or 429, $"{s}"));
        Assert.InRange(begun, 50, 60);
    }

    [Fact]
    public async Task What_two_nodes_count_together_opens_a_breaker_on_both_within_five_seconds()
    {
        const string Policy = """
            name: counted
            rules: [ { name: rivals, detect: terms, terms: [ rival corp ], sides: [ input ], action: block } ]
            breakers: [ { name: attack, watch: violation_rate, from: blocked, threshold: 0.5, minimum_calls: 6, action: stop } ]
            """;
        await using var nodes = await Nodes.StartAsync();
        await nodes.First.AdminAsync("PUT", "api/policies/counted", new { text = Policy, in_force = true });
        var system = (await nodes.First.AdminAsync("GET", "api/systems")).GetProperty("items")[0].GetProperty("id").GetGuid();
        await nodes.First.AdminAsync(
            "PUT", $"api/systems/{system}/environments/development",
            new { store_content = false, retention_days = 30, guard_policy = "counted" });
        await nodes.AgreeAsync();
        using var first = nodes.First.CreateClient(nodes.First.SampleKey);
        using var second = nodes.Second.CreateClient(nodes.First.SampleKey);

        foreach (var http in (HttpClient[])[first, second, first, second, first, second])
        {
            Assert.Equal(400, await AskAsync(http, "Is rival corp better?")); // three on each: too few for one alone
        }

        var seconds = await SecondsUntilAsync(async () =>
            (await nodes.Second.AdminAsync("GET", "api/incidents")).GetProperty("items").GetArrayLength() == 1);
        seconds += await SecondsUntilAsync(async () => await AskAsync(first, "Hello") == 503 && await AskAsync(second, "Hello") == 503);

        Assert.InRange(seconds, 0, 5);
        var incident = Assert.Single((await nodes.First.AdminAsync("GET", "api/incidents")).GetProperty("items").EnumerateArray());
        Assert.Equal(1, incident.GetProperty("openings").GetInt32());

        static async Task<int> AskAsync(HttpClient http, string text)
        {
            using var response = await http.PostAsJsonAsync(
                "v1/chat/completions", new { model = "simulator", messages = new[] { new { role = "user", content = text } } }, Ct);
            return (int)response.StatusCode;
        }
    }

    [Fact]
    public async Task A_key_revoked_on_one_node_is_refused_on_the_other_within_a_second_and_both_come_to_one_revision()
    {
        await using var nodes = await Nodes.StartAsync();
        var system = (await nodes.First.AdminAsync("GET", "api/systems")).GetProperty("items")[0].GetProperty("id").GetGuid();
        var key = await nodes.First.AdminAsync(
            "POST", $"api/systems/{system}/keys", new { environment = "development", name = "short-lived" });
        await nodes.AgreeAsync();
        using var http = nodes.Second.CreateClient(key.GetProperty("secret").GetString());
        Assert.Equal(200, await Nodes.CallOnceAsync(http));

        await nodes.First.AdminAsync("DELETE", $"api/keys/{key.GetProperty("key").GetProperty("id").GetGuid()}");
        var revoked = TimeProvider.System.GetTimestamp();
        while (await Nodes.CallOnceAsync(http) != 401)
        {
            Assert.InRange(TimeProvider.System.GetElapsedTime(revoked).TotalSeconds, 0, 30);
        }

        Assert.InRange(TimeProvider.System.GetElapsedTime(revoked).TotalSeconds, 0, 1);
    }

    [Fact]
    public async Task A_changed_secret_a_kill_switch_and_a_session_hold_on_the_other_node_within_a_second_and_their_tables_converge()
    {
        await using var upstream = await EchoStub.StartAsync();
        await using var nodes = await Nodes.StartAsync();
        await nodes.First.AdminAsync("PUT", "api/secrets/kept", new { value = "credential-one" });
        await nodes.AgreeAsync();
        foreach (var node in (GatehouseProcess[])[nodes.First, nodes.Second])
        {
            var yaml = await File.ReadAllTextAsync(node.ConfigurationFile, Ct);
            await File.WriteAllTextAsync(
                node.ConfigurationFile,
                yaml.Replace(
                    "providers:", $"providers:\n  kept: {{ kind: openai, base_url: \"{upstream.Url}v1\", api_key: \"${{secret:kept}}\" }}",
                    StringComparison.Ordinal)
                    .Replace("routes:", "routes:\n  kept: { attempts: 1, targets: [{ provider: kept, model: m-400 }] }",
                        StringComparison.Ordinal),
                Ct);
            await node.WaitForLineAsync(l => l.Contains("is in force", StringComparison.Ordinal));
        }

        using var http = nodes.Second.CreateClient(nodes.First.SampleKey);
        await Nodes.CallOnceAsync(http, "kept");
        Assert.Contains("credential-one", upstream.Presented.Last(), StringComparison.Ordinal);

        await nodes.First.AdminAsync("PUT", "api/secrets/kept", new { value = "credential-two" });
        var seconds = await SecondsUntilAsync(async () =>
        {
            await Nodes.CallOnceAsync(http, "kept");
            return upstream.Presented.Last().Contains("credential-two", StringComparison.Ordinal);
        });
        Assert.InRange(seconds, 0, 1);

        await nodes.First.AdminAsync("POST", "api/switches", new { kind = "provider", subject = "kept", reason = "drill" });
        Assert.InRange(await SecondsUntilAsync(async () => await Nodes.CallOnceAsync(http, "kept") == 503), 0, 1);

        // Both have come to the same: what either lists, the other does.
        await nodes.AgreeAsync();
        foreach (var path in (string[])["api/secrets", "api/switches", "api/systems", "api/routes", "api/budgets"])
        {
            var (first, second) = (await nodes.First.AdminAsync("GET", path), await nodes.Second.AdminAsync("GET", path));
            Assert.Equal(first.GetRawText(), second.GetRawText());
        }

        var cookie = await SignInAsync(nodes.First);
        using var other = new HttpClient { BaseAddress = nodes.Second.Url };
        other.DefaultRequestHeaders.Add("Cookie", cookie);
        Assert.InRange(
            await SecondsUntilAsync(
                async () => (await other.GetAsync(new Uri("api/me", UriKind.Relative), Ct)).StatusCode == HttpStatusCode.OK), 0, 1);
    }

    [Fact]
    public async Task A_policy_put_in_force_and_its_roll_back_hold_on_the_other_node_within_a_second()
    {
        await using var nodes = await Nodes.StartAsync();
        using var http = nodes.Second.CreateClient(nodes.First.SampleKey);
        var system = (await nodes.First.AdminAsync("GET", "api/systems")).GetProperty("items").EnumerateArray()
            .Single(s => s.GetProperty("name").GetString() == "hello").GetProperty("id").GetGuid();
        await nodes.First.AdminAsync("PUT", "api/policies/quiet", new { text = Greeting("flag"), in_force = true });
        await nodes.First.AdminAsync(
            "PUT", $"api/systems/{system}/environments/development",
            new { store_content = false, retention_days = 30, guard_policy = "quiet" });
        Assert.Equal(200, await Nodes.CallOnceAsync(http));

        await nodes.First.AdminAsync("PUT", "api/policies/quiet", new { text = Greeting("block"), in_force = true });
        Assert.InRange(await SecondsUntilAsync(async () => await Nodes.CallOnceAsync(http) == 400), 0, 1);
        await nodes.First.AdminAsync("PUT", "api/policies/quiet/in-force", new { revision = 1, reason = "too strict" });
        Assert.InRange(await SecondsUntilAsync(async () => await Nodes.CallOnceAsync(http) == 200), 0, 1);
        await nodes.AgreeAsync();
        var (first, second) = (await nodes.First.AdminAsync("GET", "api/policies"), await nodes.Second.AdminAsync("GET", "api/policies"));
        Assert.Equal(first.GetRawText(), second.GetRawText());
    }

    private static string Greeting(string action) =>
        $"name: quiet\nrules: [ {{ name: greetings, detect: terms, terms: [ hello ], action: {action} }} ]\n";

    private static async Task<double> SecondsUntilAsync(Func<Task<bool>> holds)
    {
        var began = TimeProvider.System.GetTimestamp();
        while (!await holds())
        {
            Assert.InRange(TimeProvider.System.GetElapsedTime(began).TotalSeconds, 0, 30);
        }

        return TimeProvider.System.GetElapsedTime(began).TotalSeconds;
    }

    private static async Task<string> SignInAsync(GatehouseProcess node)
    {
        var link = node.Output.Split('\n').First(l => l.Contains("/welcome/", StringComparison.Ordinal)).Trim();
        using var http = new HttpClient(new HttpClientHandler { UseCookies = false }) { BaseAddress = node.Url };
        using var accepted = await http.PostAsJsonAsync(
            "api/session/welcome",
            new { token = link[(link.LastIndexOf('/') + 1)..], name = "First", email = "first@example.com",
                password = "correct horse battery" }, Ct);
        Assert.Equal(HttpStatusCode.OK, accepted.StatusCode);
        return accepted.Headers.GetValues("Set-Cookie").First().Split(';')[0];
    }

    [Fact]
    public async Task A_held_call_hears_within_a_second_what_was_decided_elsewhere_and_one_of_a_killed_node_is_abandoned()
    {
        var policy = Path.GetTempFileName();
        await File.WriteAllTextAsync(
            policy,
            """
            name: asking
            rules: [ { name: rivals, detect: terms, terms: [ rival corp ], sides: [ input ], action: escalate } ]
            """, Ct);
        await using var nodes = await Nodes.StartAsync($"policies: {{ files: [ '{policy}' ], default: asking }}");
        using var http = nodes.Second.CreateClient(nodes.First.SampleKey);

        var call = AskAsync(http, "Is rival corp better?");
        var held = await ReviewAsync(nodes, "waiting");
        await nodes.First.AdminAsync("POST", $"api/reviews/{held}/decision", new { decision = "approve" });
        var decided = TimeProvider.System.GetTimestamp();
        Assert.Equal(200, await call);
        Assert.InRange(TimeProvider.System.GetElapsedTime(decided).TotalSeconds, 0, 2); // a second, and a busy machine

        var lost = AskAsync(http, "Is rival corp cheaper?");
        var other = await ReviewAsync(nodes, "waiting");
        nodes.Second.Kill();
        Assert.Equal(other, await ReviewAsync(nodes, "abandoned"));
        Assert.Equal(0, await lost);
        File.Delete(policy);

        static async Task<int> AskAsync(HttpClient http, string content)
        {
            try
            {
                using var response = await http.PostAsJsonAsync(
                    "v1/chat/completions",
                    new { model = "simulator", messages = new[] { new { role = "user", content } } }, Ct);
                return (int)response.StatusCode;
            }
            catch (HttpRequestException)
            {
                return 0;
            }
        }

        static async Task<Guid> ReviewAsync(Nodes nodes, string state)
        {
            var found = Guid.Empty;
            await SecondsUntilAsync(async () =>
            {
                var items = (await nodes.First.AdminAsync("GET", $"api/reviews?state={state}")).GetProperty("items");
                found = items.GetArrayLength() > 0 ? items[0].GetProperty("id").GetGuid() : Guid.Empty;
                return found != Guid.Empty;
            });
            return found;
        }
    }

    [Fact]
    public async Task Money_is_neither_lost_nor_counted_twice_when_nodes_are_killed()
    {
        await using var nodes = await Nodes.StartAsync();
        const decimal cap = 0.02m;
        await nodes.First.AdminAsync("POST", "api/budgets", new { name = "shared", team = "sample", limit_usd = cap, period = "month" });

        for (var round = 0; round < 3; round++)
        {
            var calls = nodes.CallAsync(40, 2);
            await nodes.RecordedMoreAsync(10);
            await nodes.RestartSecondAsync();
            await calls;
        }

        await nodes.CallAsync(Clients, 2);
        await nodes.RestartSecondAsync();
        var budget = await nodes.SettledAsync("shared", 1);
        var spent = budget.GetProperty("spent_usd").GetDecimal();
        Assert.Equal(await nodes.LedgerCostAsync(), spent);
        Assert.InRange(spent, cap / 2, cap);
        Assert.Equal(0, await nodes.LongAsync("SELECT COUNT(*) - COUNT(DISTINCT id) FROM observability_ledger WHERE started_at >= @p", 0));

        // What the killed runs held is free again: nothing of the cap is stuck.
        Assert.Equal(
            0, await nodes.LongAsync(
                "SELECT COUNT(*) FROM (SELECT node FROM governance_lease WHERE run >= @p GROUP BY node HAVING COUNT(DISTINCT run) > 1) m",
                0));
    }

    /// <summary>The two nodes, their database and a caller.</summary>
    private sealed class Nodes : IAsyncDisposable
    {
        private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

        private readonly TestPostgres _database;
        private readonly NpgsqlDataSource _source;
        private readonly Dictionary<string, string> _environment;
        private readonly string _yaml;
        private readonly string _key;
        private readonly string _token;

        private Nodes(
            TestPostgres database, GatehouseProcess first, GatehouseProcess second, Dictionary<string, string> environment, string yaml)
        {
            (_database, First, Second, _environment, _yaml) = (database, first, second, environment, yaml);
            (_key, _token) = (first.SampleKey, first.CliToken);
            _source = NpgsqlDataSource.Create(database.ConnectionString);
        }

        public GatehouseProcess First { get; }

        public GatehouseProcess Second { get; private set; }

        /// <param name="settings">More of the configuration.</param>
        public static async Task<Nodes> StartAsync(string settings = "")
        {
            var database = await TestPostgres.CreateAsync();
            var yaml = $$"""
                storage:
                  postgres: "{{database.ConnectionString}}"
                providers:
                  simulator: { kind: simulator }
                routes:
                  simulator: { targets: [{ provider: simulator }] }
                {{settings}}
                """;
            var environment = new Dictionary<string, string> { ["GATEHOUSE_SECRET"] = Convert.ToBase64String(
                new byte[32].Select((_, i) => (byte)i).ToArray()) };
            var first = await GatehouseProcess.StartAsync(yaml, environment: environment);
            var second = await GatehouseProcess.StartAsync(yaml, environment: environment);
            return new Nodes(database, first, second, environment, yaml);
        }

        public async Task RestartSecondAsync()
        {
            var folder = Directory.CreateTempSubdirectory("gatehouse-again-").FullName;
            Second.Kill();
            Directory.Delete(folder);
            Directory.Move(Second.Folder, folder);
            Directory.CreateDirectory(Second.Folder);
            await Second.DisposeAsync();
            Second = await GatehouseProcess.StartAsync(_yaml, folder, _environment);
        }

        /// <summary>Calls from many clients at once, half of them on each node. A node that is down answers 0.</summary>
        public async Task<List<int>> CallAsync(int clients, int callsEach)
        {
            using var first = First.CreateClient(_key);
            var statuses = await Task.WhenAll(Enumerable.Range(0, clients).Select(async i =>
            {
                var found = new List<int>();
                for (var call = 0; call < callsEach; call++)
                {
                    using var second = i % 2 == 0 ? null : Second.CreateClient(_key);
                    found.Add(await CallOnceAsync(second ?? first));
                }

                return found;
            }));
            return [.. statuses.SelectMany(s => s)];
        }

        public static async Task<int> CallOnceAsync(HttpClient http, string model = "simulator")
        {
            try
            {
                using var response = await http.PostAsJsonAsync(
                    "v1/chat/completions", new { model, max_tokens = 20, messages = new[] { new { role = "user", content = "Hello" } } },
                    Ct);
                await response.Content.ReadAsStringAsync(Ct);
                return (int)response.StatusCode;
            }
            catch (HttpRequestException)
            {
                return 0;
            }
        }

        /// <summary>Returns when both nodes hold by the newest revision of rules and keys, as they tell.</summary>
        public Task AgreeAsync() => UntilAsync(async () => await LongAsync(
            "SELECT COUNT(*) FROM governance_node n, governance_revision r WHERE n.run >= @p AND n.revision >= r.revision", 0) == 2);

        /// <summary>The budget once so many calls are in the ledger and nothing is reserved on any node.</summary>
        public async Task<JsonElement> SettledAsync(string name, int calls)
        {
            await UntilAsync(async () => await LongAsync("SELECT COUNT(*) FROM observability_ledger WHERE started_at >= @p", 0) >= calls);
            var (budget, ledger) = (default(JsonElement), 0m);
            await UntilAsync(async () =>
            {
                budget = (await First.AdminAsync("GET", "api/budgets", token: _token)).GetProperty("items").EnumerateArray()
                    .Single(b => b.GetProperty("budget").GetProperty("name").GetString() == name);
                ledger = await LedgerCostAsync();
                return budget.GetProperty("reserved_usd").GetDecimal() == 0 && budget.GetProperty("spent_usd").GetDecimal() == ledger;
            }, () => $"The ledger holds {ledger}: {budget}");
            return budget;
        }

        public Task RecordedAsync(int calls) =>
            UntilAsync(async () => await LongAsync("SELECT COUNT(*) FROM observability_ledger WHERE started_at >= @p", 0) >= calls);

        public async Task RecordedMoreAsync(int calls)
        {
            var before = await LongAsync("SELECT COUNT(*) FROM observability_ledger WHERE started_at >= @p", 0);
            await UntilAsync(
                async () => await LongAsync("SELECT COUNT(*) FROM observability_ledger WHERE started_at >= @p", 0) >= before + calls);
        }

        public async Task<decimal> LedgerCostAsync() => await LongAsync(
            "SELECT CAST(COALESCE(SUM(COALESCE(charged_nanos, cost_nanos, 0)), 0) AS BIGINT) FROM observability_ledger WHERE started_at >= @p", 0) / 1_000_000_000m;

        /// <summary>Waits for the next minute when this one is nearly over.</summary>
        /// <returns>Its beginning, in microseconds.</returns>
        public static async Task<long> MinuteWithRoomAsync()
        {
            var now = TimeProvider.System.GetUtcNow();
            var minute = now.AddTicks(-(now.Ticks % TimeSpan.TicksPerMinute));
            if (now - minute > TimeSpan.FromSeconds(40))
            {
                minute = minute.AddMinutes(1);
                await UntilAsync(() => Task.FromResult(TimeProvider.System.GetUtcNow() >= minute));
            }

            return minute.ToUnixTimeMilliseconds() * 1000;
        }

        public async Task<long> LongAsync(string sql, long parameter)
        {
            await using var command = _source.CreateCommand(sql);
            command.Parameters.AddWithValue("p", parameter);
            return Convert.ToInt64(await command.ExecuteScalarAsync(Ct) is var value and not DBNull ? value : 0, null);
        }

        public async ValueTask DisposeAsync()
        {
            await First.DisposeAsync();
            await Second.DisposeAsync();
            if (Directory.Exists(Second.Folder))
            {
                Directory.Delete(Second.Folder, recursive: true);
            }

            await _source.DisposeAsync();
            await _database.DisposeAsync();
        }

        private static async Task UntilAsync(Func<Task<bool>> holds, Func<string>? found = null)
        {
            var began = TimeProvider.System.GetTimestamp();
            using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
            while (!await holds())
            {
                Assert.True(TimeProvider.System.GetElapsedTime(began) < Patience, $"It did not come true in time. {found?.Invoke()}");
                await timer.WaitForNextTickAsync(Ct);
            }
        }
    }
}

/// <summary>The API as an administrator.</summary>
internal static class Administration
{
    public static async Task<JsonElement> AdminAsync(
        this GatehouseProcess node, string method, string path, object? body = null, string? token = null)
    {
        using var http = node.CreateClient(token ?? node.CliToken);
        using var response = await http.SendAsync(
            new HttpRequestMessage(new HttpMethod(method), path) { Content = body is null ? null : JsonContent.Create(body) });
        var text = await response.Content.ReadAsStringAsync();
        Assert.True(response.IsSuccessStatusCode, $"{(int)response.StatusCode} {text}");
        return text.Length == 0 ? default : JsonElement.Parse(text);
    }
}
