using System.Collections.Concurrent;
using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace Gatehouse.EndToEnd.Tests;

/// <summary>
/// Plants secrets wherever there may be some, has calls succeed and fail at the most talkative log level, and looks for them everywhere.
/// </summary>
public sealed class SecretsTests
{
    private const string FromEnvironment = "canary-environment-5f0c1d2e3a4b";
    private const string FromFile = "canary-file-7a6b5c4d3e2f";
    private const string Literal = "canary-literal-9e8d7c6b5a4f";
    private const string Collector = "canary-collector-1a2b3c4d5e6f";
    private const string Password = "canary-password-3c4d5e6f7a8b";
    private const string WrongPassword = "canary-guess-2b3c4d5e6f7a";
    private const string UnknownKey = "gh_dev_canaryunknown0123456789abcdefghi";
    private const string Prompt = "canary-prompt-8b7a6c5d4e3f";

    /// <summary>Files that are there to hold a secret; only the user who runs Gatehouse may read them.</summary>
    private static readonly string[] SecretFiles = ["secret", "sample-key", "cli-token"];

    [Fact]
    public async Task No_secret_and_no_prompt_is_in_what_the_process_writes()
    {
        await using var player = await WirePlayer.StartAsync();
        await using var collector = await CollectorStub.StartAsync();
        var folder = Directory.CreateTempSubdirectory("gatehouse-test-").FullName;
        await File.WriteAllTextAsync(Path.Combine(folder, "provider-key"), FromFile, TestContext.Current.CancellationToken);
        await using var gatehouse = await GatehouseProcess.StartAsync(
            Configuration(player.Url, collector.Url), folder, new Dictionary<string, string> { ["CANARY_KEY"] = FromEnvironment },
            "--log-level", "trace");
        var link = gatehouse.Output.Split('\n').First(l => l.Contains("/welcome/", StringComparison.Ordinal)).Trim();
        var welcome = gatehouse.Output[..(gatehouse.Output.IndexOf("READY ", StringComparison.Ordinal) + 1)];
        var sample = gatehouse.SampleKey;
        var token = gatehouse.CliToken;

        var (key, session) = await UseAsync(gatehouse, link[(link.LastIndexOf('/') + 1)..], sample);
        var written = await ReadAnswersAsync(gatehouse);
        Assert.Equal(0, await gatehouse.StopAsync());

        var log = gatehouse.Output[welcome.Length..];
        Assert.Contains("Microsoft.AspNetCore", log, StringComparison.Ordinal);
        written["log"] = log;
        written["collector"] = collector.Received;
        foreach (var file in Directory.EnumerateFiles(Path.Combine(folder, "data"), "*", SearchOption.AllDirectories))
        {
            if (!SecretFiles.Contains(Path.GetFileName(file)))
            {
                written[Path.GetRelativePath(folder, file)] = Encoding.Latin1.GetString(
                    await File.ReadAllBytesAsync(file, TestContext.Current.CancellationToken));
            }
        }

        Assert.True(collector.Received.Length > 0);
        string[] secrets =
        [
            FromEnvironment, FromFile, Literal, Collector, Password, WrongPassword, UnknownKey, Prompt, sample, token, key, session,
            link[(link.LastIndexOf('/') + 1)..],
        ];
        var leaks = from secret in secrets
                    from place in written
                    where place.Value.Contains(secret, StringComparison.Ordinal)
                    select $"{secret} is in {place.Key}";
        Assert.Empty(leaks);
        Directory.Delete(folder, recursive: true);
    }

    private static string Configuration(Uri player, Uri collector) => $$"""
        providers:
          openai:
            kind: openai
            base_url: {{player}}v1
            api_key: ${CANARY_KEY}
          anthropic:
            kind: anthropic
            base_url: {{player}}anthropic/v1
            api_key: ${file:provider-key}
          away:
            kind: openai
            base_url: http://127.0.0.1:9/v1
            api_key: {{Literal}}
          simulator:
            kind: simulator
        routes:
          openai*:
            targets: [{ provider: openai, model: "*" }]
          anthropic*:
            targets: [{ provider: anthropic, model: "*" }]
          away:
            targets: [{ provider: away, model: any }]
          simulator:
            targets: [{ provider: simulator }]
        telemetry:
          otlp: {{collector}}
          headers:
            authorization: {{Collector}}
        """;

    /// <returns>A key made through the API, and the cookie of the session.</returns>
    private static async Task<(string Key, string Session)> UseAsync(GatehouseProcess gatehouse, string link, string sample)
    {
        using var api = gatehouse.CreateClient(gatehouse.CliToken);
        using var anybody = new HttpClient(new HttpClientHandler { UseCookies = false }) { BaseAddress = gatehouse.Url };
        using var accepted = await SendAsync(
            anybody, "api/session/welcome", new { token = link, name = "First", email = "first@example.com", password = Password });
        using var guessed = await SendAsync(anybody, "api/session", new { email = "first@example.com", password = WrongPassword });
        using var again = await SendAsync(
            anybody, "api/session/welcome", new { token = link, name = "Second", email = "second@example.com", password = Password });
        Assert.Equal((HttpStatusCode.OK, HttpStatusCode.Unauthorized), (accepted.StatusCode, guessed.StatusCode));
        Assert.False(again.IsSuccessStatusCode);
        var session = accepted.Headers.GetValues("Set-Cookie").First();
        session = session[(session.IndexOf('=', StringComparison.Ordinal) + 1)..session.IndexOf(';', StringComparison.Ordinal)];

        var created = JsonElement.Parse((await gatehouse.CliAsync("key", "create", "hello", "--json")).Output).GetProperty("secret")
            .GetString()!;
        foreach (var key in (string[])[sample, created, UnknownKey])
        {
            using var http = gatehouse.CreateClient(key);
            foreach (var model in (string[])[
                "simulator", "openai-text", "openai-talkative", "anthropic-talkative", "openai-rate-limited", "anthropic-text",
                "anthropic-bad-request", "away", "no-such"])
            {
                foreach (var path in (string[])["v1/chat/completions", "v1/messages"])
                {
                    foreach (var stream in (bool[])[false, true])
                    {
                        using var answer = await SendAsync(
                            http, path, new { model, stream, max_tokens = 50,
                                messages = new[] { new { role = "user", content = Prompt } } });
                        var text = await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
                        Assert.DoesNotContain("canary-environment", text, StringComparison.Ordinal);
                        Assert.DoesNotContain("canary-file", text, StringComparison.Ordinal);
                        Assert.DoesNotContain("canary-literal", text, StringComparison.Ordinal);
                    }
                }
            }

            using var garbage = new StringContent($"{{\"model\": {Prompt}", Encoding.UTF8, "application/json");
            using var refused = await http.PostAsync(
                new Uri("v1/chat/completions", UriKind.Relative), garbage, TestContext.Current.CancellationToken);
            Assert.False(refused.IsSuccessStatusCode);
        }

        using var list = await api.GetAsync(new Uri("api/me", UriKind.Relative), TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.OK, list.StatusCode);
        return (created, session);
    }

    private static async Task<Dictionary<string, string>> ReadAnswersAsync(GatehouseProcess gatehouse)
    {
        using var api = gatehouse.CreateClient(gatehouse.CliToken);
        var answers = new Dictionary<string, string>();
        async Task ReadAsync(string path)
        {
            using var answer = await api.GetAsync(new Uri(path, UriKind.Relative), TestContext.Current.CancellationToken);
            Assert.True(answer.IsSuccessStatusCode, $"{path}: {(int)answer.StatusCode}");
            answers[path] = await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        }

        foreach (var path in (string[])[
            "api/config", "api/providers", "api/routes", "api/doctor", "api/systems", "api/people", "api/tokens", "metrics",
            "api/calls?limit=500"])
        {
            await ReadAsync(path);
        }

        foreach (var call in JsonElement.Parse(answers["api/calls?limit=500"]).GetProperty("calls").EnumerateArray())
        {
            await ReadAsync($"api/calls/{call.GetProperty("request_id").GetString()}");
        }

        return answers;
    }

    private static Task<HttpResponseMessage> SendAsync(HttpClient http, string path, object body) =>
        http.PostAsJsonAsync(path, body, TestContext.Current.CancellationToken);

    /// <summary>Keeps the bodies of what is exported, not the headers that carry its credential.</summary>
    private sealed class CollectorStub(WebApplication app) : IAsyncDisposable
    {
        private readonly ConcurrentQueue<string> _bodies = new();

        public Uri Url { get; private set; } = null!;

        public string Received => string.Concat(_bodies);

        public static async Task<CollectorStub> StartAsync()
        {
            var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
            builder.WebHost.UseKestrelCore().ConfigureKestrel(k => k.Listen(IPAddress.Loopback, 0));
            var app = builder.Build();
            var collector = new CollectorStub(app);
            app.Run(collector.KeepAsync);
            await app.StartAsync();
            collector.Url = new Uri(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single());
            return collector;
        }

        public async ValueTask DisposeAsync()
        {
            await app.StopAsync(new CancellationToken(canceled: true));
            await app.DisposeAsync();
        }

        private async Task KeepAsync(HttpContext http)
        {
            using var body = new MemoryStream();
            await http.Request.Body.CopyToAsync(body, http.RequestAborted);
            _bodies.Enqueue(Encoding.Latin1.GetString(body.ToArray()));
        }
    }
}
