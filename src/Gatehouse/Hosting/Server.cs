using System.Data.Common;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;
using Gatehouse.Client;
using Gatehouse.Commands;
using Gatehouse.Configuration;
using Gatehouse.Gateway;
using Gatehouse.Gateway.Calls;
using Gatehouse.Gateway.Polling;
using Gatehouse.Gateway.Scheduling;
using Gatehouse.Governance;
using Gatehouse.Storage;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Gatehouse.Hosting;

/// <summary>What the command line says about the server beyond the configuration.</summary>
/// <param name="Sample">Make the sample team, system and key where they are missing.</param>
/// <param name="Drain">How long <c>/readyz</c> says no before the listener closes.</param>
/// <param name="LogLevel">Of Gatehouse itself.</param>
internal sealed record ServerFlags(bool Sample, TimeSpan Drain, LogLevel LogLevel);

/// <summary>The server from start to stop.</summary>
internal sealed partial class Server : IAsyncDisposable
{
    /// <summary>
    /// Between the last request after the end of the listener and the end of idle connections: a proxy sends one more on each that it has,
    /// and one that is closed under it is lost.
    /// </summary>
    private static readonly TimeSpan Settling = TimeSpan.FromMilliseconds(500);

    private static readonly TimeSpan LongestSettling = TimeSpan.FromSeconds(5);

    /// <summary>Longest wait at the stop for calls under way, then they are cut off.</summary>
    private static readonly TimeSpan StopPatience = TimeSpan.FromSeconds(30);

    /// <summary>Longest wait for who is connected while nothing is answered.</summary>
    private static readonly TimeSpan IdlePatience = TimeSpan.FromSeconds(10);

    /// <summary>Longest wait for workers, behind all calls: the ledger takes the last ones, leases go back.</summary>
    private static readonly TimeSpan WorkPatience = TimeSpan.FromSeconds(15);

    private readonly ServerParts _parts;
    private readonly WebApplication _app;
    private readonly ServerFlags _flags;
    private readonly ILoggerFactory _logs;
    private readonly CancellationTokenSource _hurry = new();
    private readonly FootprintKeeper _footprint = new();
    private bool _stopped;

    private Server(ServerParts parts, WebApplication app, ServerFlags flags, ILoggerFactory logs)
    {
        _parts = parts;
        _app = app;
        _flags = flags;
        _logs = logs;
    }

    private LoadedConfiguration Loaded => _parts.Configuration.Current;

    private string AddressFile => Path.Combine(Loaded.DataFolder, Connection.AddressFile);

    /// <exception cref="CommandException">It cannot start; the message says what to mend.</exception>
    public static async Task<Server> StartAsync(ConfigurationSource source, ServerFlags flags, CancellationToken ct)
    {
        Footprint.Limit();
        InlineSockets.ChooseThreads();
        var logging = Task.Run(() => Logs.Create(flags.LogLevel), CancellationToken.None); // meanwhile, as the next
        var warmUp = Task.Run(WarmUpAsync, ct);
        var parts = await ServerParts.OpenAsync(source, logging, ct);
        Pollers.Choose(parts.Configuration.Current.Config.Server.PollingThreads ?? Pollers.DefaultCount);
        var logs = await logging;
        var server = new Server(parts, Build(parts, flags, logs, ct), flags, logs);
        try
        {
            await warmUp; // before anything listens to metrics
            await server.StartAsync(ct);
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    /// <summary>
    /// On the other processor, in the order in which it is needed: what the start itself needs soon, then what a call needs.
    /// </summary>
    private static async Task WarmUpAsync()
    {
        ConfigurationLoader.WarmUp();
        HostWarmUp.Run();
        await GatewayWarmUp.RunAsync();
    }

    public Running Describe()
    {
        var url = LocalUrl();
        var shown = Loaded.Config.Server.PublicUrl ?? url;
        var isAway = _parts.Kept is not null; // it may be back by now, and go again
        var link = _app.Services.GetService<SampleStart>()?.Link;
        return new Running(
            url,
            shown,
            Loaded.SourcePath ?? "embedded default (no gatehouse.yaml here)",
            Loaded.SqlitePath ?? (isAway ? "PostgreSQL, which is away: the snapshot of its tables" : "PostgreSQL"),
            link is null ? null : new Uri(shown, link).ToString(),
            Connection.Local(Loaded.DataFolder, CallCommand.SampleKeyFile),
            Loaded.Compiled.DefaultModel);
    }

    /// <summary>
    /// Serves until cancelled, then asks load balancers to look away and the other ends of connections to close them, closes the
    /// listener, and lets the calls under way come to their end. A second signal meanwhile ends the process at once.
    /// </summary>
    /// <returns><see langword="false"/> when calls under way were cut off.</returns>
    public async Task<bool> RunAsync(CancellationToken ct)
    {
        var stopped = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using (ct.Register(stopped.SetResult))
        {
            await stopped.Task;
        }

        var begin = TimeProvider.System.GetTimestamp();
        var log = _logs.CreateLogger<Server>();
        Stopping(
            log, _app.Services.GetRequiredService<GatewayMetrics>().Active, (_flags.Drain + LongestSettling + StopPatience).TotalSeconds);
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Hurry);
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Hurry);
        _app.Services.GetRequiredService<Readiness>().Drain();
        var gateway = (GatewayServer)_app.Services.GetRequiredService<IServer>();
        gateway.Drain();
        await WaitAsync(_flags.Drain);
        File.Delete(AddressFile);
        var listeners = _app.Services.GetRequiredService<Listeners>();
        await listeners.CloseAsync(_hurry.Token);
        await SettleAsync(gateway, listeners);
        var cut = await StopAsync();
        Stopped(
            log, cut is null ? LogLevel.Information : LogLevel.Warning, TimeProvider.System.GetElapsedTime(begin).TotalSeconds, cut ?? 0);
        return cut is null;
    }

    public async ValueTask DisposeAsync()
    {
        if (!_stopped)
        {
            await StopAsync();
        }

        await _app.DisposeAsync();
        await _parts.DisposeAsync();
        _logs.Dispose();
        _hurry.Dispose();
        await _footprint.DisposeAsync();
    }

    private async Task SettleAsync(GatewayServer gateway, Listeners listeners)
    {
        var clock = TimeProvider.System;
        var begin = clock.GetTimestamp();
        var (quiet, late) = (begin, gateway.Late);
        while (listeners.Connected > 0 && !_hurry.IsCancellationRequested && clock.GetElapsedTime(quiet) < Settling
            && clock.GetElapsedTime(begin) < LongestSettling)
        {
            await WaitAsync(TimeSpan.FromMilliseconds(20));
            if (gateway.Late is var now && now != late)
            {
                (quiet, late) = (clock.GetTimestamp(), now);
            }
        }
    }

    private async Task WaitAsync(TimeSpan time) =>
        await Task.Delay(time, TimeProvider.System, _hurry.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);

    /// <returns>How many calls were cut off; <see langword="null"/> when all came to their end in time.</returns>
    private async Task<long?> StopAsync()
    {
        _stopped = true;
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(_hurry.Token);
        patience.CancelAfter(StopPatience);
        using var hurried = new CancellationTokenSource();
        var gateway = (GatewayServer)_app.Services.GetRequiredService<IServer>();
        var cuts = _app.Services.GetRequiredService<CallCuts>();
        var metrics = _app.Services.GetRequiredService<GatewayMetrics>();
        long? underWay = null;
        await using (patience.Token.Register(() =>
        {
            var active = _hurry.IsCancellationRequested ? metrics.Active : 0; // calls of workers too, which else have their own time
            underWay = Math.Max(gateway.UnderWay, active) is > 0 and var calls ? calls : null;
            cuts.Begin();
            gateway.Cut();
            if (_hurry.IsCancellationRequested)
            {
                hurried.Cancel();
            }
        }))
        {
            var stopping = _app.StopAsync(hurried.Token);
            await CutIdleAsync(gateway, stopping);
            await stopping;
        }

        return underWay;
    }

    /// <summary>
    /// Once it stops, the server bounds no longer how slowly clients send and receive: those to whom nothing is answered are cut off.
    /// </summary>
    private async Task CutIdleAsync(GatewayServer gateway, Task stopping)
    {
        var clock = TimeProvider.System;
        var quiet = clock.GetTimestamp();
        while (!stopping.IsCompleted && !_hurry.IsCancellationRequested && clock.GetElapsedTime(quiet) < IdlePatience)
        {
            await Task.WhenAny(stopping, WaitAsync(TimeSpan.FromMilliseconds(100)));
            quiet = gateway.UnderWay == 0 ? quiet : clock.GetTimestamp();
        }

        if (!_hurry.IsCancellationRequested) // else calls that are cut are told so first
        {
            gateway.Cut();
        }
    }

    private void Hurry(PosixSignalContext context)
    {
        context.Cancel = true;
        _hurry.Cancel();
    }

    /// <summary>What a host has, whatever it serves.</summary>
    internal static WebApplicationBuilder NewBuilder()
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory });
        builder.WebHost.UseKestrelCore().UseSockets(KestrelLimits.Apply).ConfigureKestrel(KestrelLimits.Apply);
        builder.Services.AddRouting();
        builder.Services.AddLogging();
        builder.Services.Configure<HostOptions>(static host => host.ShutdownTimeout = StopPatience + WorkPatience);
        return builder;
    }

    private static WebApplication Build(ServerParts parts, ServerFlags flags, ILoggerFactory logs, CancellationToken ct)
    {
        var builder = NewBuilder();
        builder.WebHost.ConfigureKestrel(kestrel => KestrelLimits.Listen(kestrel, parts.Configuration.Current.Config.Server.Address));
        builder.Services.Replace(ServiceDescriptor.Singleton<ILoggerFactory>(
            new StartLogs(new TroubleLogs(logs, TimeProvider.System), e => ct.IsCancellationRequested || Told(e, parts) is not null)));
        builder.Services.AddModules(parts);
        if (parts.Kept is null)
        {
            builder.Services.AddSingleton(flags);
            builder.Services.AddSingleton<SampleStart>();
            builder.Services.AddHostedService(static s => s.GetRequiredService<SampleStart>()); // behind the tables, before the listener
        }

        builder.Services.AddGatewayServer();
        Listeners.Wrap(builder.Services);
        var app = builder.Build();
        app.UseModules();
        return app;
    }

    private async Task StartAsync(CancellationToken ct)
    {
        try
        {
            await _app.StartAsync(ct);
        }
        catch (Exception e) when (Told(e, _parts) is { } told)
        {
            throw told;
        }

        await KnockAsync(LocalUrl(), ct);
        await File.WriteAllTextAsync(AddressFile, LocalUrl().ToString(), ct);
    }

    /// <returns>What is to be mended; <see langword="null"/> where nobody knows.</returns>
    private static CommandException? Told(Exception e, ServerParts parts)
    {
        var address = parts.Configuration.Current.Config.Server.Address;
        return e switch
        {
            IOException { InnerException: AddressInUseException } => new(ExitCodes.AddressInUse, "address_in_use",
                $"{address} is taken by another program. Stop it, or choose another address with --address, for example --address 127.0.0.1:0."),
            SocketException { SocketErrorCode: SocketError.AddressNotAvailable } => new(ExitCodes.AddressInUse, "address_unusable",
                $"Cannot listen on {address}: no network interface of this machine has that address. Take one that it has (ip address), "
                + "127.0.0.1 for programs of this machine alone, or 0.0.0.0 for all that it has."),
            SocketException { SocketErrorCode: SocketError.AccessDenied } => new(ExitCodes.AddressInUse, "address_unusable",
                $"Cannot listen on {address}: this user may not take that port. Choose one from 1024 on, or give the service CAP_NET_BIND_SERVICE."),
            SocketException socket => new(ExitCodes.AddressInUse, "address_unusable",
                $"Cannot listen on {address}: {socket.Message}. Choose another address with --address, for example --address 127.0.0.1:8080."),
            NodeTakenException => new(ExitCodes.Storage, "data_folder_copied",
                $"Another node runs on a copy of the data directory {parts.Configuration.Current.DataFolder}, or this is a copy of its own. "
                + "Delete the file journal/node in this one: this node then gets a name of its own, and records what waits in its journal."),
            DatabaseException or DbException => new(
                ExitCodes.Storage, "storage_unusable", $"The database cannot be used: {e.Message}"),
            _ => null,
        };
    }

    /// <summary>A request of our own that is refused without a key: the listener has seen one before somebody's first.</summary>
    private static async Task KnockAsync(Uri url, CancellationToken ct)
    {
        try
        {
            using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
            await socket.ConnectAsync(url.Host, url.Port, ct);
            await socket.SendAsync(
                Encoding.ASCII.GetBytes($"GET /v1/models HTTP/1.1\r\nHost: {url.Authority}\r\nConnection: close\r\n\r\n"), SocketFlags.None,
                ct);
            var answer = new byte[4096];
            while (await socket.ReceiveAsync(answer, SocketFlags.None, ct) > 0)
            {
            }
        }
        catch (SocketException)
        {
            // It listens on an address that this machine does not reach itself by.
        }
    }

    /// <summary>Where it listens, as this machine reaches it.</summary>
    private Uri LocalUrl()
    {
        var bound = new UriBuilder(_app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First());
        bound.Host = bound.Host is "[::]" or "0.0.0.0" ? "127.0.0.1" : bound.Host;
        return bound.Uri;
    }
    [LoggerMessage(Level = LogLevel.Information,
        Message = "Stopping. Calls in flight: {Calls}. What has not ended within {Seconds} s is cut off, or at once at a second signal.")]
    private static partial void Stopping(ILogger log, long calls, double seconds);

    [LoggerMessage(Message = "Stopped after {Seconds:0.0} s. Calls cut off: {Calls}.")]
    private static partial void Stopped(ILogger log, LogLevel level, double seconds, long calls);
}
