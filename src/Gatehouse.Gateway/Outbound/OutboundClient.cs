using System.Net.Sockets;

namespace Gatehouse.Gateway.Outbound;

/// <summary>
/// The platform's HTTP client, for requests off the hot path: it goes only where its rule lets it, follows no redirect (which would carry
/// a credential elsewhere) and keeps no cookie.
/// </summary>
public static class OutboundClient
{
    private const long MaxAnswerBytes = 4 << 20;

    public static HttpClient Create(OutboundRule rule, TimeSpan patience) =>
        new(Handler(rule)) { Timeout = patience, MaxResponseContentBufferSize = MaxAnswerBytes };

    private static SocketsHttpHandler Handler(OutboundRule rule) => new()
    {
        AllowAutoRedirect = false,
        UseCookies = false,
        ActivityHeadersPropagator = null,
        PooledConnectionLifetime = TimeSpan.FromMinutes(10), // follow DNS
        ConnectCallback = (context, ct) => ConnectAsync(rule, context, ct),
    };

    private static async ValueTask<Stream> ConnectAsync(OutboundRule rule, SocketsHttpConnectionContext context, CancellationToken ct)
    {
        var (asked, there) = (context.InitialRequestMessage.RequestUri!.IdnHost, context.DnsEndPoint.Host);
        if (!asked.Trim('[', ']').Equals(there.Trim('[', ']'), StringComparison.OrdinalIgnoreCase))
        {
            // The way to a proxy, which looks the name up itself.
            rule.CheckLiteral(asked);
            rule = OutboundRule.Infrastructure;
        }

        var addresses = await rule.ResolveAsync(there, ct);
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(addresses, context.DnsEndPoint.Port, ct);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
