using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Gatehouse.Gateway.Polling;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;

namespace Gatehouse.Gateway.Tests.Polling;

/// <summary>The server on one of the transports, with an application that says what happened to it.</summary>
internal sealed class RawServer : IAsyncDisposable
{
    private const int PieceBytes = 64 << 10;

    private readonly WebApplication _app;

    private RawServer(WebApplication app)
    {
        _app = app;
        var address = new Uri(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single());
        EndPoint = new IPEndPoint(IPAddress.Loopback, address.Port);
    }

    public IPEndPoint EndPoint { get; }

    /// <summary>The application waits for its client's next move.</summary>
    public TaskCompletionSource Entered { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public TaskCompletionSource Released { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>The request was aborted while the application waited.</summary>
    public TaskCompletionSource Aborted { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>How much had been written when a flush first had to wait.</summary>
    public TaskCompletionSource<long> HeldBack { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public static async Task<RawServer> StartAsync(
        bool isPolled, Action<KestrelServerLimits>? limits = null, Action<ListenOptions>? listen = null)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().UseSockets(s => s.UnsafePreferInlineScheduling = true).ConfigureKestrel(k =>
        {
            k.Limits.MaxRequestBodySize = null;
            k.Limits.MinRequestBodyDataRate = null;
            k.Limits.MinResponseDataRate = null;
            limits?.Invoke(k.Limits);
            k.Listen(IPAddress.Loopback, 0, o => listen?.Invoke(o));
        });
        builder.Services.AddLogging().AddSingleton(TimeProvider.System);
        if (isPolled)
        {
            builder.Services.AddSingleton<IConnectionListenerFactory, PolledTransport>();
        }

        var app = builder.Build();
        RawServer? server = null;
        app.Run(http => server!.AnswerAsync(http));
        await app.StartAsync(TestContext.Current.CancellationToken);
        return server = new RawServer(app);
    }

    public async Task<Socket> ConnectAsync()
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(EndPoint, TestContext.Current.CancellationToken);
        return socket;
    }

    /// <returns>Everything until the server ends the connection.</returns>
    public static async Task<string> ReadToEndAsync(Socket socket)
    {
        var text = new StringBuilder();
        var buffer = new byte[PieceBytes];
        try
        {
            for (int read; (read = await socket.ReceiveAsync(buffer, TestContext.Current.CancellationToken)) > 0;)
            {
                text.Append(Encoding.Latin1.GetString(buffer, 0, read));
            }
        }
        catch (SocketException)
        {
            // A reset is an end too.
        }

        return text.ToString();
    }

    /// <inheritdoc cref="ReadToEndAsync"/>
    public static async Task<long> CountToEndAsync(Socket socket)
    {
        var buffer = new byte[PieceBytes];
        var count = 0L;
        try
        {
            for (int read; (read = await socket.ReceiveAsync(buffer, TestContext.Current.CancellationToken)) > 0;)
            {
                count += read;
            }
        }
        catch (SocketException)
        {
            // A reset is an end too.
        }

        return count;
    }

    public Task StopAsync() => _app.StopAsync(TestContext.Current.CancellationToken);

    public async ValueTask DisposeAsync()
    {
        Released.TrySetResult();
        await _app.DisposeAsync();
    }

    private async Task AnswerAsync(HttpContext http)
    {
        switch (http.Request.Path.Value)
        {
            case "/count":
                await CountAsync(http);
                break;
            case "/big":
                await SendAsync(http, long.Parse(http.Request.Query["bytes"].ToString(), CultureInfo.InvariantCulture));
                break;
            case "/wait":
                await using (http.RequestAborted.Register(() => Aborted.TrySetResult()))
                {
                    Entered.SetResult();
                    await Released.Task;
                    await http.Response.WriteAsync("done");
                }

                break;
            default:
                await http.Response.WriteAsync("hello");
                break;
        }
    }

    private static async Task CountAsync(HttpContext http)
    {
        var (count, sum) = (0L, 0L);
        var buffer = new byte[PieceBytes];
        for (int read; (read = await http.Request.Body.ReadAsync(buffer)) > 0;)
        {
            foreach (var one in buffer.AsSpan(0, read))
            {
                sum += one * ++count % 251;
            }
        }

        await http.Response.WriteAsync($"{count} {sum}");
    }

    private async Task SendAsync(HttpContext http, long bytes)
    {
        await using var aborted = http.RequestAborted.Register(() => Aborted.TrySetResult());
        var written = 0L;
        while (written < bytes)
        {
            var count = (int)Math.Min(PieceBytes, bytes - written);
            var piece = http.Response.BodyWriter.GetSpan(count)[..count];
            for (var i = 0; i < count; i++)
            {
                piece[i] = (byte)((written + i) % 251);
            }

            http.Response.BodyWriter.Advance(count);
            written += count;
            var flush = http.Response.BodyWriter.FlushAsync();
            if (!flush.IsCompleted)
            {
                HeldBack.TrySetResult(written);
            }

            if ((await flush).IsCompleted)
            {
                Aborted.TrySetResult(); // the request's token may be cancelled only when nobody listens to it any longer
                return;
            }
        }
    }
}
