using System.Net;
using System.Net.Http.Json;
using System.Text.Json;

namespace Gatehouse.EndToEnd.Tests;

/// <summary>Two processes of the built executable on one PostgreSQL: what one installation promises holds for both together.</summary>
public sealed class TwoNodesTests
{
    private const int Clients = 200;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Two_hundred_parallel_clients_never_pass_a_budget_that_two_nodes_share()
    {
        await using var nodes = await StartAsync();
        const decimal cap = 0.01m;
        await nodes[0].AdminAsync("POST", "api/budgets", new { name = "shared", team = "sample", limit_usd = cap, period = "month" });

        var statuses = await CallAsync(nodes, Clients, 3);

        var budget = await SettledAsync(nodes, "shared", Clients * 3);
        var (spent, ledger) = (budget.GetProperty("spent_usd").GetDecimal(), await nodes.LedgerUsdAsync());
        Assert.All(statuses, s => Assert.True(s is 200 or 429, $"{s}"));
        Assert.Contains(429, statuses);
        Assert.InRange(spent, cap * 0.8m, cap);
        Assert.Equal(ledger, spent);
        Assert.Equal(0m, budget.GetProperty("reserved_usd").GetDecimal());
    }

    [Fact]
    public async Task Two_nodes_keep_one_limit_of_requests()
    {
        await using var nodes = await StartAsync();
        await nodes[0].AdminAsync("POST", "api/limits", new { name = "shared", team = "sample", requests_per_minute = 60 });
        var minute = await MinuteWithRoomAsync();

        var statuses = await CallAsync(nodes, Clients, 1);

        await nodes.RecordedAsync(Clients);
        var begun = await nodes.Source.LongAsync(
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
        await using var nodes = await StartAsync();
        await nodes[0].AdminAsync("PUT", "api/policies/counted", new { text = Policy, in_force = true });
        var system = (await nodes[0].AdminAsync("GET", "api/systems")).GetProperty("items")[0].GetProperty("id").GetGuid();
        await nodes[0].AdminAsync(
            "PUT", $"api/systems/{system}/environments/development",
            new { store_content = false, retention_days = 30, guard_policy = "counted" });
        await nodes.AgreeAsync();
        using var first = nodes[0].CreateClient(nodes[0].SampleKey);
        using var second = nodes[1].CreateClient(nodes[0].SampleKey);

        foreach (var http in (HttpClient[])[first, second, first, second, first, second])
        {
            Assert.Equal(400, await AskAsync(http, "Is rival corp better?")); // three on each: too few for one alone
        }

        var seconds = await SecondsUntilAsync(async () =>
            (await nodes[1].AdminAsync("GET", "api/incidents")).GetProperty("items").GetArrayLength() == 1);
        seconds += await SecondsUntilAsync(async () => await AskAsync(first, "Hello") == 503 && await AskAsync(second, "Hello") == 503);

        Assert.InRange(seconds, 0, 5);
        var incident = Assert.Single((await nodes[0].AdminAsync("GET", "api/incidents")).GetProperty("items").EnumerateArray());
        Assert.Equal(1, incident.GetProperty("openings").GetInt32());

        static async Task<int> AskAsync(HttpClient http, string text)
        {
            using var response = await http.PostAsJsonAsync(
                "v1/chat/completions", new { model = "simulator", messages = new[] { new { role = "user", content = text } } }, Ct);
            return (int)response.StatusCode;
        }
    }

    [Fact]
    public async Task A_key_revoked_on_one_node_is_refused_on_the_other_when_that_is_answered()
    {
        await using var nodes = await StartAsync();
        var system = (await nodes[0].AdminAsync("GET", "api/systems")).GetProperty("items")[0].GetProperty("id").GetGuid();
        var key = await nodes[0].AdminAsync(
            "POST", $"api/systems/{system}/keys", new { environment = "development", name = "short-lived" });
        await nodes.AgreeAsync();
        using var http = nodes[1].CreateClient(key.GetProperty("secret").GetString());
        Assert.Equal(200, await CallOnceAsync(http));

        await nodes[0].AdminAsync("DELETE", $"api/keys/{key.GetProperty("key").GetProperty("id").GetGuid()}");
        Assert.Equal(401, await CallOnceAsync(http));
    }

    [Fact]
    public async Task A_kill_switch_and_a_session_hold_on_the_other_node_when_answered_a_secret_a_second_later_and_tables_converge()
    {
        await using var upstream = await EchoStub.StartAsync();
        await using var nodes = await StartAsync();
        await nodes[0].AdminAsync("PUT", "api/secrets/kept", new { value = "credential-one" });
        await nodes.AgreeAsync();
        foreach (var node in (GatehouseProcess[])[nodes[0], nodes[1]])
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

        using var http = nodes[1].CreateClient(nodes[0].SampleKey);
        await CallOnceAsync(http, "kept");
        Assert.Contains("credential-one", upstream.Presented.Last(), StringComparison.Ordinal);

        await nodes[0].AdminAsync("PUT", "api/secrets/kept", new { value = "credential-two" });
        var seconds = await SecondsUntilAsync(async () =>
        {
            await CallOnceAsync(http, "kept");
            return upstream.Presented.Last().Contains("credential-two", StringComparison.Ordinal);
        });
        Assert.InRange(seconds, 0, 1);

        await nodes[0].AdminAsync("POST", "api/switches", new { kind = "provider", subject = "kept", reason = "drill" });
        Assert.Equal(503, await CallOnceAsync(http, "kept"));

        // Both have come to the same: what either lists, the other does.
        await nodes.AgreeAsync();
        foreach (var path in (string[])["api/secrets", "api/switches", "api/systems", "api/routes", "api/budgets"])
        {
            var (first, second) = (await nodes[0].AdminAsync("GET", path), await nodes[1].AdminAsync("GET", path));
            Assert.Equal(first.GetRawText(), second.GetRawText());
        }

        var cookie = await Browser.SignInAsync(nodes[0]);
        using var other = Browser.Open(nodes[1], cookie);
        Assert.Equal(HttpStatusCode.OK, (await other.GetAsync(new Uri("api/me", UriKind.Relative), Ct)).StatusCode);
    }

    [Fact]
    public async Task A_policy_put_in_force_and_its_roll_back_hold_on_the_other_node_when_they_are_answered()
    {
        await using var nodes = await StartAsync();
        using var http = nodes[1].CreateClient(nodes[0].SampleKey);
        var system = (await nodes[0].AdminAsync("GET", "api/systems")).GetProperty("items").EnumerateArray()
            .Single(s => s.GetProperty("name").GetString() == "hello").GetProperty("id").GetGuid();
        await nodes[0].AdminAsync("PUT", "api/policies/quiet", new { text = Greeting("flag"), in_force = true });
        await nodes[0].AdminAsync(
            "PUT", $"api/systems/{system}/environments/development",
            new { store_content = false, retention_days = 30, guard_policy = "quiet" });
        Assert.Equal(200, await CallOnceAsync(http));

        await nodes[0].AdminAsync("PUT", "api/policies/quiet", new { text = Greeting("block"), in_force = true });
        Assert.Equal(400, await CallOnceAsync(http));
        await nodes[0].AdminAsync("PUT", "api/policies/quiet/in-force", new { revision = 1, reason = "too strict" });
        Assert.Equal(200, await CallOnceAsync(http));
        var (first, second) = (await nodes[0].AdminAsync("GET", "api/policies"), await nodes[1].AdminAsync("GET", "api/policies"));
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

    [Fact]
    public async Task A_held_call_hears_at_once_what_was_decided_elsewhere_and_one_of_a_killed_node_is_abandoned()
    {
        var policy = Path.GetTempFileName();
        await File.WriteAllTextAsync(
            policy,
            """
            name: asking
            rules: [ { name: rivals, detect: terms, terms: [ rival corp ], sides: [ input ], action: escalate } ]
            """, Ct);
        await using var nodes = await StartAsync($"policies: {{ files: [ '{policy}' ], default: asking }}");
        using var http = nodes[1].CreateClient(nodes[0].SampleKey);

        var call = AskAsync(http, "Is rival corp better?");
        var held = await ReviewAsync(nodes, "waiting");
        await nodes[0].AdminAsync("POST", $"api/reviews/{held}/decision", new { decision = "approve" });
        var decided = TimeProvider.System.GetTimestamp();
        Assert.Equal(200, await call);
        Assert.InRange(TimeProvider.System.GetElapsedTime(decided).TotalSeconds, 0, 5); // a second, and a busy machine

        var lost = AskAsync(http, "Is rival corp cheaper?");
        var other = await ReviewAsync(nodes, "waiting");
        nodes[1].Kill();
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

        static async Task<Guid> ReviewAsync(NodeGroup nodes, string state)
        {
            var found = Guid.Empty;
            await SecondsUntilAsync(async () =>
            {
                var items = (await nodes[0].AdminAsync("GET", $"api/reviews?state={state}")).GetProperty("items");
                found = items.GetArrayLength() > 0 ? items[0].GetProperty("id").GetGuid() : Guid.Empty;
                return found != Guid.Empty;
            });
            return found;
        }
    }

    [Fact]
    public async Task Money_is_neither_lost_nor_counted_twice_when_nodes_are_killed()
    {
        await using var nodes = await StartAsync();
        const decimal cap = 0.02m;
        await nodes[0].AdminAsync("POST", "api/budgets", new { name = "shared", team = "sample", limit_usd = cap, period = "month" });

        for (var round = 0; round < 3; round++)
        {
            var calls = CallAsync(nodes, 40, 2);
            await nodes.RecordedAsync(await nodes.RecordedAsync() + 10);
            await nodes.StartAgainAsync(1);
            await calls;
        }

        await CallAsync(nodes, Clients, 2);
        await nodes.StartAgainAsync(1);
        var budget = await SettledAsync(nodes, "shared", 1);
        var spent = budget.GetProperty("spent_usd").GetDecimal();
        Assert.Equal(await nodes.LedgerUsdAsync(), spent);
        Assert.InRange(spent, cap / 2, cap);
        Assert.Equal(0, await nodes.Source.LongAsync("SELECT COUNT(*) - COUNT(DISTINCT id) FROM observability_ledger"));

        // What the killed runs held becomes free again: nothing of the cap is stuck.
        await Wait.UntilAsync(async () => await nodes.Source.LongAsync(
            "SELECT COUNT(*) FROM (SELECT node FROM governance_lease GROUP BY node HAVING COUNT(DISTINCT run) > 1) m") == 0);
    }

    private static Task<NodeGroup> StartAsync(string settings = "") => NodeGroup.StartAsync(2, $$"""
        providers:
          simulator: { kind: simulator }
        routes:
          simulator: { targets: [{ provider: simulator }] }
        {{settings}}
        """);

    /// <summary>Calls from many clients at once, half of them on each node. A node that is down answers 0.</summary>
    private static async Task<List<int>> CallAsync(NodeGroup nodes, int clients, int callsEach)
    {
        var key = nodes[0].SampleKey;
        using var first = nodes[0].CreateClient(key);
        var statuses = await Task.WhenAll(Enumerable.Range(0, clients).Select(async i =>
        {
            var found = new List<int>();
            for (var call = 0; call < callsEach; call++)
            {
                using var second = i % 2 == 0 ? null : nodes[1].CreateClient(key);
                found.Add(await CallOnceAsync(second ?? first));
            }

            return found;
        }));
        return [.. statuses.SelectMany(s => s)];
    }

    private static async Task<int> CallOnceAsync(HttpClient http, string model = "simulator")
    {
        try
        {
            using var response = await http.PostAsJsonAsync(
                "v1/chat/completions", new { model, max_tokens = 20, messages = new[] { new { role = "user", content = "Hello" } } }, Ct);
            await response.Content.ReadAsStringAsync(Ct);
            return (int)response.StatusCode;
        }
        catch (HttpRequestException)
        {
            return 0;
        }
    }

    /// <summary>The budget once so many calls are in the ledger and nothing is reserved on any node.</summary>
    private static async Task<JsonElement> SettledAsync(NodeGroup nodes, string name, int calls)
    {
        await nodes.RecordedAsync(calls);
        var (budget, ledger) = (default(JsonElement), 0m);
        await Wait.UntilAsync(
            async () =>
            {
                budget = (await nodes[0].AdminAsync("GET", "api/budgets")).GetProperty("items").EnumerateArray()
                    .Single(b => b.GetProperty("budget").GetProperty("name").GetString() == name);
                ledger = await nodes.LedgerUsdAsync();
                return budget.GetProperty("reserved_usd").GetDecimal() == 0 && budget.GetProperty("spent_usd").GetDecimal() == ledger;
            },
            () => $"The ledger holds {ledger}: {budget}");
        return budget;
    }

    /// <summary>Waits for the next minute when this one is nearly over.</summary>
    /// <returns>Its beginning, in microseconds.</returns>
    private static async Task<long> MinuteWithRoomAsync()
    {
        var now = TimeProvider.System.GetUtcNow();
        var minute = now.AddTicks(-(now.Ticks % TimeSpan.TicksPerMinute));
        if (now - minute > TimeSpan.FromSeconds(40))
        {
            minute = minute.AddMinutes(1);
            await Wait.UntilAsync(() => TimeProvider.System.GetUtcNow() >= minute);
        }

        return minute.ToUnixTimeMilliseconds() * 1000;
    }
}
