using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Gatehouse.Api;
using Gatehouse.Configuration;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Routing;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Gatehouse.Tests.Configuration;

public sealed class ConfigurationApiTests
{
    private const string Text = """
        providers:
          openai: { kind: openai, api_key: "sk-canary-of-the-api", region: eu-west-1 }
        routes:
          fast: { targets: [ { provider: openai, model: gpt-4.1-mini, weight: 3, lacks: [ images, tools ], enabled: false } ], strict: true, strategy: lowest_cost }
        """;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_configuration_is_shown_with_its_secrets_masked()
    {
        await using var app = await App.StartAsync();

        var shown = await app.GetAsync("/api/config", Role.Auditor);

        Assert.Equal(app.State.Current.Revision, (string)shown["revision"]!);
        Assert.Equal(app.State.Current.SourcePath, (string)shown["source_path"]!);
        Assert.Equal("fast", (string)shown["default_model"]!);
        Assert.Contains("api_key: \"***\"", (string)shown["text"]!, StringComparison.Ordinal);
        Assert.Empty(shown["errors"]!.AsArray());
        Assert.DoesNotContain("sk-canary", shown.ToJsonString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_text_is_checked_without_being_taken()
    {
        await using var app = await App.StartAsync();

        var answer = await app.SendAsync(HttpMethod.Post, "/api/config/check", Role.Admin, new { text = "servr:\n" });

        var error = Assert.Single(answer["items"]!.AsArray())!;
        Assert.Equal((1, 1, "Did you mean 'server'?"), ((int)error["line"]!, (int)error["column"]!, (string)error["suggestion"]!));
        Assert.Empty(app.State.LastErrors);
    }

    [Fact]
    public async Task Policy_files_that_are_sent_with_a_configuration_are_checked_and_their_tests_run()
    {
        await using var app = await App.StartAsync();
        const string text = "providers: { a: { kind: vllm, base_url: http://localhost:1/v1 } }\n"
            + "routes: { m: { targets: [ { provider: a, model: m } ] } }\npolicies: { files: [ 'policies/*.yaml' ], default: support }\n";
        const string policy = "name: support\nrules: [ { detect: secrets, action: block } ]\ntests: [ { text: hello, expect: blocked } ]\n";

        var failing = await app.SendAsync(
            HttpMethod.Post, "/api/config/check", Role.Admin,
            new { text, policies = new Dictionary<string, string> { ["policies/support.yaml"] = policy } });
        var right = await app.SendAsync(
            HttpMethod.Post, "/api/config/check", Role.Admin,
            new
            {
                text,
                policies = new Dictionary<string, string>
                {
                    ["policies/support.yaml"] = policy.Replace("expect: blocked", "expect: passed", StringComparison.Ordinal),
                },
            });
        var missing = await app.SendAsync(HttpMethod.Post, "/api/config/check", Role.Admin, new { text });
        var prying = await app.SendAsync(
            HttpMethod.Post, "/api/config/check", Role.Auditor,
            new
            {
                text,
                policies = new Dictionary<string, string>
                {
                    ["policies/support.yaml"] = "name: support\ntests: [ { text: \"${PATH}\", expect: passed, becomes: x } ]\n",
                },
            });

        var error = Assert.Single(failing["items"]!.AsArray())!;
        Assert.Equal(("policies/support.yaml", 3), ((string)error["file"]!, (int)error["line"]!));
        Assert.StartsWith("The test 'test 1' fails", (string)error["message"]!, StringComparison.Ordinal);
        Assert.Empty(right["items"]!.AsArray());
        Assert.Equal("The test 'test 1' fails: it becomes ''.", (string)Assert.Single(prying["items"]!.AsArray())!["message"]!);
        Assert.Contains("cannot be found", (string)missing["items"]![0]!["message"]!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Providers_are_listed_with_their_recent_traffic()
    {
        await using var app = await App.StartAsync();

        var items = (await app.GetAsync("/api/providers", Role.Viewer))["items"]!.AsArray();

        Assert.Equal(
            """{"name":"openai","kind":"openai","wire":"openai","host":"api.openai.com","has_credential":true,"reachable":true,"calls":5,"failed":2,"last_error":"overloaded","last_error_at":null,"breakers":[{"model":"gpt-4.1-mini","state":"closed"}],"credentials":[],"region":"eu-west-1","off":null}""",
            items[0]!.ToJsonString());
        Assert.Equal("in process", (string)items[1]!["host"]!);
        Assert.Null(items[1]!["reachable"]);
    }

    [Fact]
    public async Task Routes_are_listed_with_their_targets()
    {
        await using var app = await App.StartAsync();

        var items = (await app.GetAsync("/api/routes", Role.Viewer))["items"]!.AsArray();

        Assert.Equal(
            """{"name":"fast","strict":true,"targets":[{"provider":"openai","model":"gpt-4.1-mini","weight":3,"order":0,"region":"eu-west-1","lacks":["images","tools"],"canary":0,"off":"'enabled' is false in the configuration.","health":null,"health_error":null}],"strategy":"lowest_cost","off":null,"cache_ttl":null}""",
            items[0]!.ToJsonString().Replace("\\u0027", "'", StringComparison.Ordinal));
        Assert.Equal("simulator", (string)items[1]!["name"]!);
    }

    [Fact]
    public async Task The_doctor_answers_over_the_API()
    {
        await using var app = await App.StartAsync();

        var items = (await app.GetAsync("/api/doctor", Role.Architect))["items"]!.AsArray();

        Assert.Contains(items, i => (string)i!["name"]! == "database" && (string)i["state"]! == "ok" && i["mend"] is null);
    }

    [Theory]
    [InlineData("GET", "/api/config")]
    [InlineData("POST", "/api/config/check")]
    [InlineData("GET", "/api/doctor")]
    public async Task Settings_of_the_installation_are_not_for_every_role_nor_for_a_role_in_one_team(string method, string path)
    {
        await using var app = await App.StartAsync();

        foreach (var role in Enum.GetValues<Role>())
        {
            var expected = role is Role.Admin or Role.Architect or Role.Auditor ? HttpStatusCode.OK : HttpStatusCode.Forbidden;
            Assert.Equal(expected, await app.StatusAsync(method, path, new(null, role)));
            Assert.Equal(HttpStatusCode.Forbidden, await app.StatusAsync(method, path, new(Guid.CreateVersion7(), role)));
        }
    }

    [Theory]
    [InlineData("GET", "/api/config")]
    [InlineData("POST", "/api/config/check")]
    [InlineData("GET", "/api/doctor")]
    [InlineData("GET", "/api/providers")]
    [InlineData("GET", "/api/routes")]
    public async Task Nobody_reads_anything_without_signing_in(string method, string path)
    {
        await using var app = await App.StartAsync();

        Assert.Equal(HttpStatusCode.Unauthorized, await app.StatusAsync(method, path, null));
    }

    /// <summary>The module alone on a loopback port; a header says who is signed in.</summary>
    private sealed class App(WebApplication host, Configurations configurations, ConfigurationState state) : IAsyncDisposable
    {
        private readonly HttpClient _client = new() { BaseAddress = new(host.Urls.First()) };

        public ConfigurationState State => state;

        public static async Task<App> StartAsync()
        {
            var configurations = new Configurations();
            var loaded = await configurations.LoadGoodAsync(Text);
            var state = new ConfigurationState(configurations.Loader(), loaded, NullLogger<ConfigurationState>.Instance);
            var builder = WebApplication.CreateSlimBuilder();
            builder.Logging.ClearProviders();
            builder.WebHost.UseUrls("http://127.0.0.1:0");
            builder.Services.AddSingleton(state);
            builder.Services.AddSingleton(new Snapshot<GatewayTable>(GatewayTable.Empty));
            builder.Services.AddSingleton(TimeProvider.System);
            builder.Services.AddSingleton<ReadProviderTraffic>((_, _) =>
                Task.FromResult<IReadOnlyList<ProviderTraffic>>([new("openai", 5, 2, "overloaded", null)]));
            builder.Services.AddSingleton(new DoctorEdges
            {
                PingDatabase = (_, _) => Task.FromResult(("SQLite", (DateTimeOffset?)null)),
                Connect = (_, _) => Task.CompletedTask,
                ServerDate = (_, _) => Task.FromResult<DateTimeOffset?>(null),
            });
            builder.Services.AddConfiguration();
            var host = builder.Build();
            host.Use(SignInAsync);
            host.MapConfiguration();
            await host.StartAsync(Ct);
            return new(host, configurations, state);
        }

        public Task<JsonNode> GetAsync(string path, Role role) => SendAsync(HttpMethod.Get, path, role, null);

        public async Task<JsonNode> SendAsync(HttpMethod method, string path, Role role, object? body)
        {
            using var response = await _client.SendAsync(Request(method, path, new(null, role), body), Ct);
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
            return (await response.Content.ReadFromJsonAsync<JsonNode>(Ct))!;
        }

        public async Task<HttpStatusCode> StatusAsync(string method, string path, Membership? membership)
        {
            using var response = await _client.SendAsync(
                Request(new(method), path, membership, method == "POST" ? new { text = "" } : null), Ct);
            return response.StatusCode;
        }

        public async ValueTask DisposeAsync()
        {
            await host.DisposeAsync();
            _client.Dispose();
            state.Dispose();
            configurations.Dispose();
        }

        private static HttpRequestMessage Request(HttpMethod method, string path, Membership? membership, object? body)
        {
            var request = new HttpRequestMessage(method, path) { Content = body is null ? null : JsonContent.Create(body) };
            if (membership is not null)
            {
                request.Headers.Add("X-Role", $"{membership.Role}/{membership.TeamId}");
            }

            return request;
        }

        private static async Task SignInAsync(HttpContext http, RequestDelegate next)
        {
            if (http.Request.Headers["X-Role"].FirstOrDefault()?.Split('/') is [var role, var team])
            {
                ApiPerson.Set(
                    http, new(Guid.CreateVersion7(), "a@example.com", "A",
                        [new(team.Length > 0 ? Guid.Parse(team) : null, Enum.Parse<Role>(role))]));
            }

            try
            {
                await next(http);
            }
            catch (ProblemException e)
            {
                http.Response.StatusCode = e.Problem.Status;
            }
        }
    }
}
