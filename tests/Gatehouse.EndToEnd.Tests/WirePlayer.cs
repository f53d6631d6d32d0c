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
/// A provider that plays recorded wire files from <c>Wire/</c>: the model name of a request, after its prefix, names the file. Faults
/// are names too: <c>rate-limited</c> and <c>bad-request</c> are statuses, <c>truncated</c> breaks the connection, <c>abort</c> goes
/// silent until the caller leaves; <c>held</c> is a text that pauses in its middle; <c>talkative</c> refuses the credential and repeats it. Faults and pauses in mid-stream wait until the client says by <c>GET /seen/{model}</c> that it has the text before.
/// </summary>
internal sealed class WirePlayer : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly ConcurrentDictionary<string, TaskCompletionSource> _left = new();
    private readonly ConcurrentDictionary<string, TaskCompletionSource> _seen = new();

    private WirePlayer(WebApplication app) => _app = app;

    /// <summary>What arrived, newest last.</summary>
    public ConcurrentQueue<WireRequest> Requests { get; } = new();

    public Uri Url { get; private set; } = null!;

    public static async Task<WirePlayer> StartAsync()
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(k => k.Listen(IPAddress.Loopback, 0));
        var player = new WirePlayer(builder.Build());
        player._app.Run(player.PlayAsync);
        await player._app.StartAsync();
        player.Url = new Uri(player._app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single());
        return player;
    }

    /// <summary>Ends when a caller of this model has gone away before the answer was complete.</summary>
    public Task LeftAsync(string model, CancellationToken ct) => Signal(_left, model).Task.WaitAsync(TimeSpan.FromSeconds(10), ct);

    /// <summary>Lets a paused stream of this model go on.</summary>
    public void GoOn(string model) => Signal(_seen, model).TrySetResult();

    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync(new CancellationToken(canceled: true));
        await _app.DisposeAsync();
    }

    private static TaskCompletionSource Signal(ConcurrentDictionary<string, TaskCompletionSource> signals, string model) =>
        signals.GetOrAdd(model, static _ => new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));

    private async Task PlayAsync(HttpContext http)
    {
        if (http.Request.Path.StartsWithSegments("/seen", out var seen))
        {
            Signal(_seen, seen.Value![1..]).TrySetResult();
            return;
        }

        using var body = await JsonDocument.ParseAsync(http.Request.Body, cancellationToken: http.RequestAborted);
        var model = body.RootElement.GetProperty("model").GetString()!;
        var scenario = model[(model.IndexOf('-', StringComparison.Ordinal) + 1)..];
        var streamed = body.RootElement.TryGetProperty("stream", out var stream) && stream.GetBoolean();
        Requests.Enqueue(new WireRequest(
            model, http.Request.Path, http.Request.Headers.ToDictionary(h => h.Key.ToLowerInvariant(), h => h.Value.ToString()), body.RootElement.Clone()));

        if (scenario == "talkative")
        {
            http.Response.StatusCode = 401;
            var credential = $"{http.Request.Headers.Authorization}{http.Request.Headers["x-api-key"]}";
            await http.Response.WriteAsync($$$"""{"type":"error","error":{"type":"authentication_error","message":"Incorrect API key provided: {{{credential}}}"}}""");
            return;
        }

        var wire = http.Request.Path.StartsWithSegments("/anthropic") ? "anthropic"
            : http.Request.Path.Value!.EndsWith("/responses", StringComparison.Ordinal) ? "responses" : "openai";
        http.Response.StatusCode = scenario switch { "rate-limited" => 429, "bad-request" => 400, _ => 200 };
        http.Response.Headers["request-id"] = "req_recorded";
        if (scenario == "rate-limited")
        {
            http.Response.Headers.RetryAfter = "37";
        }

        var asStream = streamed && http.Response.StatusCode == 200;
        http.Response.ContentType = asStream ? "text/event-stream" : "application/json";
        var file = Path.Combine(AppContext.BaseDirectory, "Wire", wire, $"{(scenario == "held" ? "text" : scenario)}.{(asStream ? "sse" : "json")}");
        var text = await File.ReadAllTextAsync(file, http.RequestAborted);
        switch (scenario)
        {
            case "mid-stream-error":
                var lastEvent = text.LastIndexOf("\n\n", text.Length - 3, StringComparison.Ordinal) + 2;
                await WriteAsync(http, text[..lastEvent]);
                await Signal(_seen, model).Task.WaitAsync(http.RequestAborted);
                await WriteAsync(http, text[lastEvent..]);
                break;
            case "held":
                await WriteAsync(http, text[..(text.Length / 2)]);
                await Signal(_seen, model).Task.WaitAsync(http.RequestAborted);
                await WriteAsync(http, text[(text.Length / 2)..]);
                break;
            case "truncated":
                await WriteAsync(http, text);
                await Signal(_seen, model).Task.WaitAsync(http.RequestAborted);
                http.Abort();
                break;
            case "abort":
                await WriteAsync(http, text);
                http.RequestAborted.Register(() => Signal(_left, model).TrySetResult());
                await Signal(_left, model).Task;
                break;
            default:
                await WriteAsync(http, text);
                break;
        }
    }

    private static async Task WriteAsync(HttpContext http, string text)
    {
        foreach (var part in Parts(text))
        {
            await http.Response.Body.WriteAsync(Encoding.UTF8.GetBytes(part), http.RequestAborted);
            await http.Response.Body.FlushAsync(http.RequestAborted);
        }
    }

    /// <summary>Splits a recording in the middle of events, as networks do.</summary>
    private static IEnumerable<string> Parts(string text)
    {
        const int length = 97;
        for (var at = 0; at < text.Length; at += length)
        {
            yield return text.Substring(at, Math.Min(length, text.Length - at));
        }
    }
}

/// <summary>One request as the provider got it.</summary>
/// <param name="Headers">Names in lower case.</param>
internal sealed record WireRequest(string Model, string Path, IReadOnlyDictionary<string, string> Headers, JsonElement Body);
