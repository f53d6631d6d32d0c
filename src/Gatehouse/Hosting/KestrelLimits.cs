using System.Net;
using Gatehouse.Configuration;
using Gatehouse.Gateway.Scheduling;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;

namespace Gatehouse.Hosting;

/// <summary>What the listener refuses before any of our code runs: header bombs, slow clients, idle connections.</summary>
internal static class KestrelLimits
{
    /// <summary>The console and the API take no more; the gateway has a limit of its own in the configuration.</summary>
    public const long MaxApiBodyBytes = 1 << 20;

    public static void Apply(KestrelServerOptions kestrel)
    {
        kestrel.AddServerHeader = false;
        kestrel.Limits.MaxRequestBodySize = null;
        kestrel.Limits.MaxRequestLineSize = 8 << 10;
        kestrel.Limits.MaxRequestHeadersTotalSize = 32 << 10;
        kestrel.Limits.MaxRequestHeaderCount = 100;
        kestrel.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(15);
        kestrel.Limits.KeepAliveTimeout = TimeSpan.FromSeconds(130);
        kestrel.Limits.MinRequestBodyDataRate = new MinDataRate(bytesPerSecond: 240, gracePeriod: TimeSpan.FromSeconds(5));
        kestrel.Limits.MinResponseDataRate = new MinDataRate(bytesPerSecond: 240, gracePeriod: TimeSpan.FromSeconds(10));
    }

    public static void Apply(SocketTransportOptions sockets)
    {
        sockets.UnsafePreferInlineScheduling = true;
        sockets.WaitForDataBeforeAllocatingBuffer = false; // 4 KiB for each idle connection spare every request a system call
    }

    public static void Listen(KestrelServerOptions kestrel, string address)
    {
        if (!ServerAddress.TryParse(address, out var host, out var port))
        {
            throw new ArgumentException("The configuration's checks let no such address pass.", nameof(address));
        }

        foreach (var ip in Resolve(host))
        {
            kestrel.Listen(ip, port, static listen =>
            {
                listen.Protocols = HttpProtocols.Http1;
                listen.Use(InlineSockets.Accept);
            });
        }
    }

    private static IPAddress[] Resolve(string host) => host switch
    {
        "*" => [IPAddress.IPv6Any],
        "localhost" => [IPAddress.Loopback],
        _ => IPAddress.TryParse(host, out var ip) ? [ip] : Dns.GetHostAddresses(host),
    };
}
