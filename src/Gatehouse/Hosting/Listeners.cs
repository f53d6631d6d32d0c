using System.Net;
using Microsoft.AspNetCore.Connections;

namespace Gatehouse.Hosting;

/// <summary>
/// The transport's listeners, which can be closed before the server stops: the server itself closes idle connections in the same moment,
/// and whoever has just connected through a proxy would find its first request cut off.
/// </summary>
internal sealed class Listeners(IConnectionListenerFactory inner) : IConnectionListenerFactory, IConnectionListenerFactorySelector
{
    private readonly List<Counted> _bound = [];
    private int _connected;

    /// <summary>Clients that are connected.</summary>
    public int Connected => Volatile.Read(ref _connected);

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
        var listener = new Counted(await inner.BindAsync(endpoint, cancellationToken), this);
        _bound.Add(listener);
        return listener;
    }

    /// <summary>Nobody connects any longer; whoever is connected, also if nobody has accepted it yet, stays so.</summary>
    public async Task CloseAsync(CancellationToken ct)
    {
        foreach (var listener in _bound)
        {
            await listener.UnbindAsync(ct);
            await listener.Ended.WaitAsync(ct).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private sealed class Counted(IConnectionListener inner, Listeners all) : IConnectionListener
    {
        private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public EndPoint EndPoint => inner.EndPoint;

        /// <summary>Nobody is accepted any more.</summary>
        public Task Ended => _ended.Task;

        public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
        {
            try
            {
                if (await inner.AcceptAsync(cancellationToken) is not { } connection)
                {
                    _ended.TrySetResult();
                    return null;
                }

                Interlocked.Increment(ref all._connected);
                connection.ConnectionClosed.UnsafeRegister(
                    static all => Interlocked.Decrement(ref ((Listeners)all!)._connected), all);
                return connection;
            }
            catch
            {
                _ended.TrySetResult(); // whoever accepts gives up
                throw;
            }
        }

        public ValueTask UnbindAsync(CancellationToken cancellationToken = default) => inner.UnbindAsync(cancellationToken);

        public ValueTask DisposeAsync()
        {
            _ended.TrySetResult();
            return inner.DisposeAsync();
        }
    }
}
