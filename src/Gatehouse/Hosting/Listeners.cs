using System.Net;
using Microsoft.AspNetCore.Connections;

namespace Gatehouse.Hosting;

/// <summary>
/// The transport's listeners, which can be closed before the server stops: the server itself closes idle connections in the same moment,
/// and whoever has just connected through a proxy would find its first request cut off.
/// </summary>
internal sealed class Listeners(IConnectionListenerFactory inner) : IConnectionListenerFactory, IConnectionListenerFactorySelector
{
    private readonly List<IConnectionListener> _bound = [];

    /// <summary>Stands before the transport that the server would take.</summary>
    public static void Wrap(IServiceCollection services)
    {
        var transport = services.Last(s => s.ServiceType == typeof(IConnectionListenerFactory));
        services.AddSingleton(
            s => new Listeners((IConnectionListenerFactory)ActivatorUtilities.CreateInstance(s, transport.ImplementationType!)));
        services.AddSingleton<IConnectionListenerFactory>(static s => s.GetRequiredService<Listeners>());
    }

    public bool CanBind(EndPoint endpoint) => inner is not IConnectionListenerFactorySelector selector || selector.CanBind(endpoint);

    public async ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default)
    {
        var listener = await inner.BindAsync(endpoint, cancellationToken);
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
