using System.Collections.Concurrent;
using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace Gatehouse.Tests.Configuration;

/// <summary>Answers as Vault's HTTP API does, in what Gatehouse asks of it.</summary>
internal sealed class FakeVault : IAsyncDisposable
{
    public const string Token = "hvs.canary-token-of-the-vault";

    private readonly WebApplication _app;

    private FakeVault(WebApplication app) => _app = app;

    public Uri Url { get; private set; } = null!;

    /// <summary>Bodies by path; a path without one is 404.</summary>
    public ConcurrentDictionary<string, string> Answers { get; } = new();

    /// <summary>Tokens that are taken.</summary>
    public ConcurrentDictionary<string, bool> Tokens { get; } = new() { [Token] = true };

    /// <summary>Method, path and namespace of each request.</summary>
    public ConcurrentQueue<string> Requests { get; } = new();

    /// <summary>Paths of requests about the token itself.</summary>
    public ConcurrentQueue<string> TokenRequests { get; } = new();

    /// <summary>Answered to everything when above 0; -1 breaks the connection.</summary>
    public int Status { get; set; }

    public static async Task<FakeVault> StartAsync()
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(k => k.Listen(IPAddress.Loopback, 0));
        var app = builder.Build();
        var vault = new FakeVault(app);
        app.Run(vault.AnswerAsync);
        await app.StartAsync();
        vault.Url = new Uri(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single());
        return vault;
    }

    public void Keep(string path, string field, string value) => Answers[path] =
        $$$"""{"request_id":"r","lease_id":"","lease_duration":0,"data":{"data":{"{{{field}}}":"{{{value}}}","count":7},"metadata":{"version":1} } }""";

    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync(new CancellationToken(canceled: true));
        await _app.DisposeAsync();
    }

    private async Task AnswerAsync(HttpContext http)
    {
        var path = http.Request.Path.Value!["/v1/".Length..];
        (path.StartsWith("auth/token/", StringComparison.Ordinal) ? TokenRequests : Requests).Enqueue($"{http.Request.Method} {path} {http.Request.Headers["X-Vault-Namespace"]}".TrimEnd());
        if (Status < 0)
        {
            http.Abort();
            return;
        }

        using var reader = new StreamReader(http.Request.Body);
        var body = await reader.ReadToEndAsync(http.RequestAborted);
        var token = http.Request.Headers["X-Vault-Token"].ToString();
        var (status, text) = Status > 0 ? (Status, $"{{\"errors\":[\"token {token} is odd\"]}}")
            : path.StartsWith("auth/", StringComparison.Ordinal) && !path.StartsWith("auth/token/", StringComparison.Ordinal) ? SignIn(path, body)
            : !Tokens.ContainsKey(token) ? (403, $"{{\"errors\":[\"permission denied for {token}\"]}}")
            : Answers.TryGetValue(path, out var answer) ? (200, answer) : (404, "{\"errors\":[]}");
        http.Response.StatusCode = status;
        await http.Response.WriteAsync(text, http.RequestAborted);
    }

    private (int Status, string Text) SignIn(string path, string body) => Answers.TryGetValue($"{path} {body}", out var token)
        ? (200, $$$"""{"auth":{"client_token":"{{{token}}}","lease_duration":60,"renewable":true}}""")
        : (400, "{\"errors\":[\"invalid role or secret ID\"]}");
}
