using System.Net;
using System.Text;
using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Governance;
using Gatehouse.Observability.Calls;
using Gatehouse.Tests.Host;
using Microsoft.Extensions.DependencyInjection;

namespace Gatehouse.Tests.Governance;

/// <summary>An answer of the gateway or the API, read to its end.</summary>
internal sealed record Answer(int Status, string Body, IReadOnlyDictionary<string, string> Headers)
{
    public string? Header(string name) => Headers.GetValueOrDefault(name);
}

/// <summary>A team with a system and a key, its administrator, and a caller.</summary>
internal sealed class TestTeam : IAsyncDisposable
{
    private readonly TestApp _app;
    private readonly HttpClient _admin;
    private readonly HttpClient _caller;
    private readonly string _token;
    private readonly string _secret;

    private TestTeam(TestApp app, Guid team, Guid system, Guid key, string token, string secret)
    {
        _app = app;
        (_token, _secret) = (token, secret);
        (Team, System, Key) = (team, system, key);
        _admin = app.Program(token);
        _caller = app.Program(secret);
    }

    public Guid Team { get; }

    public Guid System { get; }

    public Guid Key { get; }

    /// <summary>Presents the key.</summary>
    public HttpClient Caller => _caller;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public static async Task<TestTeam> BuildAsync(TestApp app, string name)
    {
        var root = new Person(Guid.Empty, "test", "test", [new Membership(null, Role.Admin)]);
        var team = (await app.Services.GetRequiredService<Teams>().CreateAsync(root, name, Ct)).Id;
        var (_, token) = await app.AddPersonAsync($"admin@{name}.example.org", team, Role.Admin);
        using var http = app.Program(token);
        var system = await http.SendAsync("POST", "api/systems", new { team = name, name = $"{name}-shop", purpose = "p", owner = "o" })
            .JsonAsync(HttpStatusCode.Created);
        var key = await http.SendAsync("POST", $"api/systems/{system.Id()}/keys", new { environment = "development", name = "key" })
            .JsonAsync(HttpStatusCode.Created);
        return new TestTeam(app, team, system.Id(), key.GetProperty("key").Id(), token, key.Text("secret"));
    }

    /// <summary>The same team, by way of another node.</summary>
    public TestTeam On(TestApp node) => new(node, Team, System, Key, _token, _secret);

    public async Task<Guid> AddBudgetAsync(object budget) =>
        (await _admin.SendAsync("POST", "api/budgets", budget).JsonAsync(HttpStatusCode.Created)).GetProperty("budget").Id();

    public async Task<Guid> AddLimitAsync(object limit) =>
        (await _admin.SendAsync("POST", "api/limits", limit).JsonAsync(HttpStatusCode.Created)).GetProperty("limit").Id();

    public Task<JsonElement> SendAsync(string method, string path, object? body, HttpStatusCode expected) =>
        _admin.SendAsync(method, path, body).JsonAsync(expected);

    public Task<JsonElement> GetAsync(string path) => _admin.GetAsync(path, Ct).JsonAsync(HttpStatusCode.OK);

    public Task<string> GetTextAsync(string path) => _admin.GetStringAsync(new Uri(path, UriKind.Relative), Ct);

    public Task<Answer> PostRawAsync(string path, string json) => PostAsync(_admin, path, json);

    public Task<Answer> CallAsync(
        string model = "simulator", int? maxTokens = 20, string? user = null, string content = "Hello", bool stream = false) =>
        PostAsync(_caller, "v1/chat/completions", Chat(model, maxTokens, user, content, stream));

    public Task<Answer> MessagesAsync() => PostAsync(
        _caller, "v1/messages", """{"model":"simulator","max_tokens":20,"messages":[{"role":"user","content":"Hello"}]}""");

    /// <summary>A call under way: its head is here, and its answer goes on for long.</summary>
    public async Task<HttpResponseMessage> OpenStreamAsync()
    {
        var response = await _caller.SendAsync(
            new HttpRequestMessage(HttpMethod.Post, "v1/chat/completions")
            {
                Content = new StringContent(
                    Chat("simulator", null, null, "[simulator: words=4000 tokens_per_second=10] Hello", true), Encoding.UTF8,
                    "application/json"),
            },
            HttpCompletionOption.ResponseHeadersRead,
            Ct);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        return response;
    }

    /// <summary>Calls until a budget or limit says no.</summary>
    /// <returns>How many were answered.</returns>
    public async Task<int> ExhaustAsync(string? user)
    {
        for (var answered = 0; ; answered++)
        {
            if ((await CallAsync(user: user)).Status != 200)
            {
                return answered;
            }
        }
    }

    public async Task<JsonElement> BudgetAsync(string name) => (await GetAsync("api/budgets")).GetProperty("items").EnumerateArray()
        .Single(b => b.GetProperty("budget").Text("name") == name);

    /// <summary>The budget once so many calls are in the ledger and nothing is reserved any more.</summary>
    public async Task<JsonElement> SettledAsync(string name, int calls)
    {
        await RecordedAsync(calls);
        while (true)
        {
            var budget = await BudgetAsync(name);
            if (budget.GetProperty("reserved_usd").GetDecimal() == 0)
            {
                return budget;
            }
        }
    }

    /// <summary>Returns when so many calls of this team are in the ledger.</summary>
    public async Task RecordedAsync(int calls)
    {
        var recorded = _app.Services.GetRequiredService<RecordedSignal>();
        while (true)
        {
            var next = recorded.Next;
            if (await _app.Db.CountAsync($"SELECT COUNT(*) FROM observability_ledger WHERE team_id = {Team}") >= calls)
            {
                return;
            }

            await next.WaitAsync(TimeSpan.FromSeconds(30), Ct);
        }
    }

    public async Task<decimal> LedgerCostAsync() => Nanos.ToUsd(await _app.Db.CountAsync(
        $"SELECT CAST(COALESCE(SUM(COALESCE(charged_nanos, cost_nanos, 0)), 0) AS BIGINT) FROM observability_ledger WHERE team_id = {Team}"));

    /// <summary>Returns when this node's tables have so many rules.</summary>
    public async Task SeesLimitsAsync(int rules)
    {
        var tables = _app.Services.GetRequiredService<Snapshot<GovernanceTables>>();
        var changes = _app.Services.GetRequiredService<GovernanceChanges>();
        while (tables.Current.Limits.Count < rules)
        {
            var published = new TaskCompletionSource();
            changes.Published += () => published.TrySetResult();
            if (tables.Current.Limits.Count < rules)
            {
                await published.Task.WaitAsync(TimeSpan.FromSeconds(30), Ct);
            }
        }
    }

    public ValueTask DisposeAsync()
    {
        _admin.Dispose();
        _caller.Dispose();
        return ValueTask.CompletedTask;
    }

    private static string Chat(string model, int? maxTokens, string? user, string content, bool stream) =>
        $$"""
        {"model":"{{model}}",{{(maxTokens is null ? "" : $"\"max_tokens\":{maxTokens},")}}{{(user is null ? "" : $"\"user\":\"{user}\",")}}"stream":{{(stream ? "true" : "false")}},"messages":[{"role":"user","content":"{{content}}"}]}
        """;

    private static async Task<Answer> PostAsync(HttpClient http, string path, string json)
    {
        using var response = await http.PostAsync(path, new StringContent(json, Encoding.UTF8, "application/json"), Ct);
        var headers = response.Headers.ToDictionary(h => h.Key, h => string.Join(",", h.Value), StringComparer.OrdinalIgnoreCase);
        return new Answer((int)response.StatusCode, await response.Content.ReadAsStringAsync(Ct), headers);
    }
}

/// <summary>Looks of tests into the database and at the routes.</summary>
internal static class Looks
{
    public static async Task<long> CountAsync(this Gatehouse.Storage.Database db, FormattableString sql) =>
        (await db.QueryAsync(sql, row => row.Long(0), TestContext.Current.CancellationToken))[0];
}
