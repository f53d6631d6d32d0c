using System.Collections.Concurrent;
using System.Net;
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
/// An upstream that repeats in an error whatever its request's headers held: in the message, the code and elsewhere. The status is the
/// number at the end of the model's name.
/// </summary>
internal sealed class EchoStub : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly SemaphoreSlim _received = new(0);

    private EchoStub(WebApplication app) => _app = app;

    public Uri Url { get; private set; } = null!;

    /// <summary>Answers of paths that have one.</summary>
    public ConcurrentDictionary<string, string> Answers { get; } = new();

    /// <summary>The credential headers of each request.</summary>
    public ConcurrentQueue<string> Presented { get; } = new();

    public ConcurrentQueue<string> Bodies { get; } = new();

    /// <summary>Answered to everything when above 0.</summary>
    public int Status { get; set; }

    public static async Task<EchoStub> StartAsync()
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(k => k.Listen(IPAddress.Loopback, 0));
        var app = builder.Build();
        var stub = new EchoStub(app);
        app.Run(stub.AnswerAsync);
        await app.StartAsync();
        stub.Url = new Uri(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single());
        return stub;
    }

    /// <summary>Ends with the next request.</summary>
    public Task ReceivedAsync(CancellationToken ct) => _received.WaitAsync(TimeSpan.FromSeconds(30), ct);

    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync(new CancellationToken(canceled: true));
        await _app.DisposeAsync();
        _received.Dispose();
    }

    private async Task AnswerAsync(HttpContext http)
    {
        using var reader = new StreamReader(http.Request.Body, Encoding.Latin1);
        var body = await reader.ReadToEndAsync(http.RequestAborted);
        Bodies.Enqueue(body);
        string[] credentials = ["Authorization", "x-api-key", "x-goog-api-key", "X-Auth", "X-Vault-Token", "Cookie"];
        var got = string.Join(' ', credentials.SelectMany(c => http.Request.Headers[c]));
        Presented.Enqueue(got);
        _received.Release();
        if (Answers.TryGetValue(http.Request.Path.Value!, out var known))
        {
            await http.Response.WriteAsync(known, http.RequestAborted);
            return;
        }

        http.Response.StatusCode = Status > 0 ? Status : StatusOf(http.Request.Path.Value + body);
        http.Response.ContentType = "application/json";
        http.Response.Headers.Location = "/elsewhere";
        var bare = got[(got.LastIndexOf(' ') + 1)..];
        await http.Response.WriteAsync(
            JsonSerializer.Serialize(
                new { type = "error",
                    error = new { message = $"no: {got}", type = "invalid_request_error", code = bare, status = bare, param = got, got },
                    got }),
            http.RequestAborted);
    }

    private static int StatusOf(string text)
    {
        foreach (var status in (int[])[200, 400, 401, 429, 500, 307])
        {
            if (text.Contains($"-{status}", StringComparison.Ordinal))
            {
                return status;
            }
        }

        return 404;
    }
}
