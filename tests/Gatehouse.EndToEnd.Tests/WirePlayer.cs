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
/// silent until the caller leaves; <c>held</c> is a text that pauses in its middle; <c>talkative</c> refuses the credential and repeats it.
/// Faults and pauses in mid-stream wait until the client says by <c>GET /seen/{model}</c> that it has the text before.
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
        player.Url = new Uri(
            player._app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single());
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
        var wire = WireOf(http.Request.Path);
        var (model, streamed) = Asked(wire, http.Request.Path.Value!, body.RootElement);
        var scenario = model[(model.IndexOf('-', StringComparison.Ordinal) + 1)..];
        Requests.Enqueue(new WireRequest(
            model, http.Request.Path, http.Request.Headers.ToDictionary(h => h.Key.ToLowerInvariant(), h => h.Value.ToString()),
            body.RootElement.Clone()));

        if (scenario == "talkative")
        {
            http.Response.StatusCode = 401;
            var credential = $"{http.Request.Headers.Authorization}{http.Request.Headers["x-api-key"]}";
            await http.Response.WriteAsync(
                $$$"""{"type":"error","error":{"type":"authentication_error","message":"Incorrect API key provided: {{{credential}}}"}}""");
            return;
        }

        http.Response.StatusCode = scenario switch { "rate-limited" => 429, "bad-request" => 400, _ => 200 };
        http.Response.Headers["request-id"] = "req_recorded";
        if (scenario == "rate-limited")
        {
            http.Response.Headers.RetryAfter = "37";
        }

        var asStream = streamed && http.Response.StatusCode == 200;
        http.Response.ContentType = !asStream
            ? "application/json"
            : wire == "bedrock" ? "application/vnd.amazon.eventstream" : "text/event-stream";
        var extension = !asStream ? "json" : wire == "bedrock" ? "events" : "sse";
        var file = Path.Combine(AppContext.BaseDirectory, "Wire", wire, $"{(scenario == "held" ? "text" : scenario)}.{extension}");
        var text = await File.ReadAllTextAsync(file, http.RequestAborted);
        byte[] Bytes(string part) => extension == "events" ? EventStreamFrames.Encode(part) : Encoding.UTF8.GetBytes(part);
        switch (scenario)
        {
            case "mid-stream-error":
                var lastEvent = LastEvent(text, extension);
                await WriteAsync(http, Bytes(text[..lastEvent]));
                await Signal(_seen, model).Task.WaitAsync(http.RequestAborted);
                await WriteAsync(http, Bytes(text[lastEvent..]));
                break;
            case "held":
                await WriteAsync(http, Bytes(text[..(text.Length / 2)]));
                await Signal(_seen, model).Task.WaitAsync(http.RequestAborted);
                await WriteAsync(http, Bytes(text[(text.Length / 2)..]));
                break;
            case "truncated":
                await WriteAsync(http, Bytes(text));
                await Signal(_seen, model).Task.WaitAsync(http.RequestAborted);
                http.Abort();
                break;
            case "abort":
                await WriteAsync(http, Bytes(text));
                http.RequestAborted.Register(() => Signal(_left, model).TrySetResult());
                await Signal(_left, model).Task;
                break;
            default:
                await WriteAsync(http, Bytes(text));
                break;
        }
    }

    private static string WireOf(PathString path) =>
        ((string[])["anthropic", "gemini", "bedrock"]).FirstOrDefault(w => path.StartsWithSegments($"/{w}"))
        ?? (path.Value!.EndsWith("/responses", StringComparison.Ordinal) ? "responses" : "openai");

    /// <summary>
    /// The model and whether to stream, which two of the formats say in the path: <c>/models/M:streamGenerateContent</c>,
    /// <c>/model/M/converse-stream</c>.
    /// </summary>
    private static (string Model, bool Streamed) Asked(string wire, string path, JsonElement body)
    {
        if (wire is "openai" or "responses" or "anthropic")
        {
            return (body.GetProperty("model").GetString()!, body.TryGetProperty("stream", out var stream) && stream.GetBoolean());
        }

        var end = path.LastIndexOf(wire == "gemini" ? ':' : '/');
        return (path[(path.LastIndexOf('/', end - 1) + 1)..end], path[end..].Contains("stream", StringComparison.Ordinal));
    }

    private static int LastEvent(string text, string extension)
    {
        var body = text.TrimEnd();
        return extension == "events" ? body.LastIndexOf('\n') + 1
            : text.Contains("\r\n\r\n", StringComparison.Ordinal) ? body.LastIndexOf("\r\n\r\n", StringComparison.Ordinal) + 4
            : body.LastIndexOf("\n\n", StringComparison.Ordinal) + 2;
    }

    private static async Task WriteAsync(HttpContext http, byte[] bytes)
    {
        foreach (var part in Parts(bytes))
        {
            await http.Response.Body.WriteAsync(part, http.RequestAborted);
            await http.Response.Body.FlushAsync(http.RequestAborted);
        }
    }

    /// <summary>Splits a recording in the middle of events, as networks do.</summary>
    private static IEnumerable<ReadOnlyMemory<byte>> Parts(byte[] bytes)
    {
        const int length = 97;
        for (var at = 0; at < bytes.Length; at += length)
        {
            yield return bytes.AsMemory(at, Math.Min(length, bytes.Length - at));
        }
    }
}

/// <summary>One request as the provider got it.</summary>
/// <param name="Headers">Names in lower case.</param>
internal sealed record WireRequest(string Model, string Path, IReadOnlyDictionary<string, string> Headers, JsonElement Body);
