using System.Net.Http.Headers;
using System.Net.Security;
using System.Net.Sockets;
using Gatehouse.Gateway.Outbound;
using Gatehouse.Gateway.Polling;
using Gatehouse.Gateway.Providers;

namespace Gatehouse.Configuration;

/// <summary>
/// What the doctor touches. Each throws what the real thing throws, or an <see cref="OperationCanceledException"/> when time is up.
/// </summary>
public sealed record DoctorEdges
{
    /// <summary>
    /// Opens the database and asks it something; gives its name and version, and its clock, if it has one. What may be shown of a failure
    /// is a <see cref="DatabasePingException"/>.
    /// </summary>
    public required Func<LoadedConfiguration, CancellationToken, Task<(string Version, DateTimeOffset? Clock)>> PingDatabase { get; init; }

    /// <summary>How fresh the tables are that calls are served from, or would be after a start; nothing: that is no question.</summary>
    public Func<LoadedConfiguration, DoctorCheck?> Tables { get; init; } = static _ => null;

    /// <summary>Why calls do not come into the ledger; nothing where they do, or where no server runs.</summary>
    public Func<DoctorCheck?> Ledger { get; init; } = static () => null;

    /// <summary>What a clock that is or was ahead leaves in a database that answers at a time; nothing where all is well.</summary>
    public Func<DateTimeOffset, CancellationToken, Task<IReadOnlyList<DoctorCheck>>> ClockTraces { get; init; } =
        static (_, _) => Task.FromResult<IReadOnlyList<DoctorCheck>>([]);

    /// <summary>Connects to a provider as calls would, and closes.</summary>
    public Func<ProviderSettings, CancellationToken, Task> Connect { get; init; } = ConnectAsync;

    /// <summary>The <c>Date</c> of a server's answer; <see langword="null"/> when it gives none.</summary>
    public Func<Uri, CancellationToken, Task<DateTimeOffset?>> ServerDate { get; init; } = ServerDateAsync;

    /// <summary>Bytes free to this user on the file system of a folder.</summary>
    public Func<string, long> FreeBytes { get; init; } = folder => new DriveInfo(folder).AvailableFreeSpace;

    /// <summary>How many files and sockets may be open; <see cref="int.MaxValue"/> where nobody says.</summary>
    public Func<int> OpenFiles { get; init; } = static () => Descriptors.Limit;

    public TimeProvider Clock { get; init; } = TimeProvider.System;

    /// <summary>Longest wait for one answer. Default 3 s.</summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromSeconds(3);

    private static async Task ConnectAsync(ProviderSettings settings, CancellationToken ct)
    {
        var addresses = await OutboundRule.Of(settings).ResolveAsync(settings.BaseUrl.IdnHost, ct);
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(addresses, settings.BaseUrl.Port, ct);
        if (settings.BaseUrl.Scheme == Uri.UriSchemeHttps)
        {
            await using var secure = new SslStream(new NetworkStream(socket));
            await secure.AuthenticateAsClientAsync(new SslClientAuthenticationOptions { TargetHost = settings.TlsName }, ct);
        }
    }

    private static async Task<DateTimeOffset?> ServerDateAsync(Uri address, CancellationToken ct)
    {
        using var client = OutboundClient.Create(OutboundRule.Infrastructure, TimeSpan.FromSeconds(10));
        using var request = new HttpRequestMessage(HttpMethod.Head, address);
        request.Headers.UserAgent.Add(new ProductInfoHeaderValue("gatehouse", null));
        using var response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, ct);
        return response.Headers.Date;
    }
}

/// <summary>The database does not answer as it should; the message says why, and holds no secret.</summary>
public sealed class DatabasePingException(string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>How to mend it, where that is known.</summary>
    public string? Mend { get; init; }
}
