using System.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Options;

namespace Gatehouse.Hosting;

/// <summary>
/// The transport's listeners, which can be closed before the server stops: the server itself closes idle connections in the same moment,
/// and whoever has just connected through a proxy would find its first request cut off.
/// </summary>
internal sealed class Listeners(IOptions<SocketTransportOptions> options, ILoggerFactory logs) : IConnectionListenerFactory
{
    private readonly SocketTransportFactory _inner = new(options, logs);
    private readonly List<IConnectionListener> _bound = [];

    public async ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default)
    {
        var listener = await _inner.BindAsync(endpoint, cancellationToken);
        _bound.Add(listener);
        return listener;
    }

    /// <summary>Nobody connects any longer; whoever is connected stays so.</summary>
    public async Task CloseAsync(CancellationToken ct)
    {
        foreach (var listener in _bound)
        {
            await listener.UnbindAsync(ct);
        }
    }
}
