using System.Net.Http.Headers;
using System.Net.Sockets;

namespace Gatehouse.Configuration;

/// <summary>What the doctor touches. Each throws what the real thing throws, or an <see cref="OperationCanceledException"/> when time is up.</summary>
public sealed record DoctorEdges
{
    /// <summary>Opens the database and asks it something; gives its name and version.</summary>
    public required Func<LoadedConfiguration, CancellationToken, Task<string>> PingDatabase { get; init; }

    /// <summary>Resolves a host, connects to its port and closes.</summary>
    public Func<string, int, CancellationToken, Task> Connect { get; init; } = ConnectAsync;

    /// <summary>The <c>Date</c> of a server's answer; <see langword="null"/> when it gives none.</summary>
    public Func<Uri, CancellationToken, Task<DateTimeOffset?>> ServerDate { get; init; } = ServerDateAsync;

    /// <summary>Bytes free to this user on the file system of a folder.</summary>
    public Func<string, long> FreeBytes { get; init; } = folder => new DriveInfo(folder).AvailableFreeSpace;

    public TimeProvider Clock { get; init; } = TimeProvider.System;

    /// <summary>Longest wait for one answer. Default 3 s.</summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromSeconds(3);

    private static async Task ConnectAsync(string host, int port, CancellationToken ct)
    {
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(host, port, ct);
    }

    private static async Task<DateTimeOffset?> ServerDateAsync(Uri address, CancellationToken ct)
    {
        using var handler = new SocketsHttpHandler { AllowAutoRedirect = false };
        using var client = new HttpClient(handler);
        using var request = new HttpRequestMessage(HttpMethod.Head, address);
        request.Headers.UserAgent.Add(new ProductInfoHeaderValue("gatehouse", null));
        using var response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, ct);
        return response.Headers.Date;
    }
}
