using System.Net;
using System.Text.Json;
using Gatehouse.Api;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Routing;
using Gatehouse.Observability;
using Gatehouse.Observability.Metrics;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Gatehouse.Tests.Observability;

public class ApiTests
{
    private static readonly Guid Team = Guid.CreateVersion7();

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("/api/calls?limit=0", "limit")]
    [InlineData("/api/calls?limit=many", "limit")]
    [InlineData("/api/calls?from=yesterday", "from")]
    [InlineData("/api/calls?team=blue", "team")]
    [InlineData("/api/calls?system=1", "system")]
    [InlineData("/api/calls?environment=moon", "environment")]
    [InlineData("/api/calls?outcome=fine", "outcome")]
    [InlineData("/api/calls?unpriced=maybe", "unpriced")]
    [InlineData("/api/calls?before=x", "before")]
    [InlineData("/api/calls?models=x", "models")]
    [InlineData("/api/calls?route=a&route=b", "route")]
    [InlineData("/api/calls/follow?outcome=fine", "outcome")]
    [InlineData("/api/traffic?step=7m", "step")]
    [InlineData("/api/traffic?step=1m&from=2026-01-01&to=2026-02-01", "step")]
    [InlineData("/api/traffic?from=2026-03-02&to=2026-03-01", "from")]
    [InlineData("/api/traffic/by/colour", "dimension")]
    public async Task A_wrong_parameter_is_named(string address, string field)
    {
        await using var api = await ObservabilityApi.StartAsync(TestLedger.Admin);

        using var answer = await api.Http.GetAsync(address, Ct);

        Assert.Equal(HttpStatusCode.UnprocessableEntity, answer.StatusCode);
        Assert.Equal(field, (await ReadAsync(answer)).GetProperty("field").GetString());
    }

    [Theory]
    [InlineData("/api/calls")]
    [InlineData("/api/calls/follow")]
    [InlineData("/api/calls/x")]
    [InlineData("/api/traffic")]
    [InlineData("/api/traffic/by/model")]
    public async Task Nobody_reads_without_sign_in(string address)
    {
        await using var api = await ObservabilityApi.StartAsync(null);

        using var answer = await api.Http.GetAsync(address, Ct);

        Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
    }

    [Fact]
    public async Task Calls_and_traffic_are_answered_in_snake_case()
    {
        await using var api = await ObservabilityApi.StartAsync(TestLedger.Admin);
        var records = Enumerable.Range(0, 5).Select(i => TestLedger.Call(Team, i, Samples.Noon.AddSeconds(i))).ToList();
        await api.Ledger.RecordAsync(records);
        api.Ledger.Clock.Now = Samples.Noon.AddMinutes(10);

        var page = await ReadAsync(await api.Http.GetAsync("/api/calls?limit=2", Ct));
        Assert.Equal(2, page.GetProperty("calls").GetArrayLength());
        Assert.Equal(records[3].Id, page.GetProperty("next").GetGuid());
        Assert.Equal(records[4].RequestId, page.GetProperty("calls")[0].GetProperty("request_id").GetString());
        var detail = await ReadAsync(await api.Http.GetAsync($"/api/calls/{records[0].RequestId}", Ct));
        Assert.Equal(records[0].Id, detail.GetProperty("call").GetProperty("id").GetGuid());
        Assert.Matches("^(ok|failed|refused|cancelled)$", detail.GetProperty("call").GetProperty("outcome").GetString());
        Assert.Equal("not_stored", detail.GetProperty("content_state").GetString());
        var traffic = await ReadAsync(
            await api.Http.GetAsync("/api/traffic?from=2026-03-01T12:00:00Z&to=2026-03-01T12:05:00Z&step=1m", Ct));
        Assert.Equal(5, traffic.GetProperty("total").GetProperty("calls").GetInt64());
        Assert.Equal(5, traffic.GetProperty("points").GetArrayLength());
        Assert.Equal("00:01:00", traffic.GetProperty("step").GetString());
        var shares = await ReadAsync(await api.Http.GetAsync("/api/traffic/by/environment", Ct));
        Assert.Equal(5, shares.GetProperty("items").EnumerateArray().Sum(s => s.GetProperty("sum").GetProperty("calls").GetInt64()));
        Assert.Equal(HttpStatusCode.NotFound, (await api.Http.GetAsync("/api/calls/req_none", Ct)).StatusCode);
    }

    [Fact]
    public async Task A_follower_gets_server_sent_events()
    {
        await using var api = await ObservabilityApi.StartAsync(TestLedger.Admin);
        using var answer = await api.Http.GetAsync("/api/calls/follow", HttpCompletionOption.ResponseHeadersRead, Ct);
        Assert.Equal("text/event-stream", answer.Content.Headers.ContentType?.MediaType);
        using var reader = new StreamReader(await answer.Content.ReadAsStreamAsync(Ct));
        Assert.Equal(": following", await reader.ReadLineAsync(Ct));
        await reader.ReadLineAsync(Ct);

        var record = TestLedger.Call(Team, 1, Samples.Noon);
        await api.Ledger.RecordAsync(record);

        Assert.Equal($"id: {record.Id}", await reader.ReadLineAsync(Ct));
        var data = await reader.ReadLineAsync(Ct);
        Assert.StartsWith("data: ", data);
        using var json = JsonDocument.Parse(data![6..]);
        Assert.Equal(record.RequestId, json.RootElement.GetProperty("request_id").GetString());
        Assert.Equal("", await reader.ReadLineAsync(Ct));
    }

    [Fact]
    public async Task Metrics_are_open_to_this_machine_only()
    {
        await using var api = await ObservabilityApi.StartAsync(null);

        using var local = await api.Http.GetAsync("/metrics", Ct);
        Assert.Equal(HttpStatusCode.OK, local.StatusCode);
        Assert.Equal("text/plain; version=0.0.4; charset=utf-8", local.Content.Headers.ContentType?.ToString());
        Assert.Contains("gatehouse_ledger_entries_total", await local.Content.ReadAsStringAsync(Ct));

        using var passedOn = new HttpRequestMessage(HttpMethod.Get, "/metrics");
        passedOn.Headers.Add("X-Forwarded-For", "203.0.113.9");
        Assert.Equal(HttpStatusCode.Unauthorized, (await api.Http.SendAsync(passedOn, Ct)).StatusCode);
    }

    [Theory]
    [InlineData("localhost", HttpStatusCode.OK)]
    [InlineData("[::1]:8080", HttpStatusCode.OK)]
    [InlineData("evil.example", HttpStatusCode.Unauthorized)]
    [InlineData("gatehouse.example.com:8080", HttpStatusCode.Unauthorized)]
    [InlineData("192.0.2.1", HttpStatusCode.Unauthorized)]
    public async Task Metrics_are_open_only_under_this_machines_own_names(string host, HttpStatusCode expected)
    {
        await using var api = await ObservabilityApi.StartAsync(null);
        using var request = new HttpRequestMessage(HttpMethod.Get, "/metrics") { Headers = { Host = host } };

        Assert.Equal(expected, (await api.Http.SendAsync(request, Ct)).StatusCode);
    }

    private static async Task<JsonElement> ReadAsync(HttpResponseMessage answer)
    {
        using var json = JsonDocument.Parse(await answer.Content.ReadAsStringAsync(Ct));
        return json.RootElement.Clone();
    }

    /// <summary>The module's endpoints on a loopback port, over a ledger of its own, for one person.</summary>
    private sealed class ObservabilityApi : IAsyncDisposable
    {
        private readonly WebApplication _app;

        private ObservabilityApi(WebApplication app, TestLedger ledger)
        {
            _app = app;
            Ledger = ledger;
            Http = new HttpClient { BaseAddress = new Uri(app.Urls.Single()) };
        }

        public TestLedger Ledger { get; }

        public HttpClient Http { get; }

        public static async Task<ObservabilityApi> StartAsync(Person? who)
        {
            var ledger = await TestLedger.StartAsync("sqlite");
            var builder = WebApplication.CreateSlimBuilder();
            builder.Logging.ClearProviders();
            builder.WebHost.UseUrls("http://127.0.0.1:0");
            builder.Services.AddSingleton<TimeProvider>(ledger.Clock);
            builder.Services.AddSingleton(ledger.Calls);
            builder.Services.AddSingleton(ledger.Traffic);
            builder.Services.AddSingleton(new GuardActivityQueries(ledger.Db, ledger.Systems, ledger.Clock));
            builder.Services.AddSingleton(ledger.Db);
            builder.Services.AddSingleton(
                new Repricing(ledger.Db, new Snapshot<GatewayTable>(GatewayTable.Empty), LedgerJoint.None, ledger.Clock));
            builder.Services.AddSingleton<MetricCollector>();
            builder.Services.AddSingleton(PublicEdge.Direct);
            var app = builder.Build();
            app.Use(async (http, next) =>
            {
                if (who is not null)
                {
                    ApiPerson.Set(http, who);
                }

                try
                {
                    await next(http);
                }
                catch (ProblemException e)
                {
                    http.Response.StatusCode = e.Problem.Status;
                    await http.Response.WriteAsJsonAsync(new { field = e.Problem.Field });
                }
            });
            app.MapObservability();
            await app.StartAsync();
            _ = app.Services.GetRequiredService<MetricCollector>();
            return new ObservabilityApi(app, ledger);
        }

        public async ValueTask DisposeAsync()
        {
            Http.Dispose();
            await _app.DisposeAsync();
            await Ledger.DisposeAsync();
        }
    }
}
