using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Abstractions;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Gatehouse.Gateway.Scheduling;

/// <summary>
/// The host's server with a short way for the gateway's own paths: they meet no middleware, activity, log scope or counter of the host.
/// Everything else goes the host's way, on the thread pool.
/// </summary>
public sealed class GatewayServer : IServer
{
    private readonly IServer _inner;
    private readonly GatewayDispatch _dispatch;
    private readonly CancellationTokenSource _cut = new();
    private volatile bool _draining;
    private long _late;
    private long _underWay;

    internal GatewayServer(IServer inner, GatewayDispatch dispatch) => (_inner, _dispatch) = (inner, dispatch);

    /// <inheritdoc/>
    public IFeatureCollection Features => _inner.Features;

    /// <summary>From now on each answer asks the other end to close its connection: proxies take none for their next request.</summary>
    public void Drain() => _draining = true;

    /// <summary>Requests that came since <see cref="Drain"/>.</summary>
    public long Late => Interlocked.Read(ref _late);

    /// <inheritdoc/>
    public Task StartAsync<TContext>(IHttpApplication<TContext> application, CancellationToken cancellationToken)
        where TContext : notnull =>
        _inner.StartAsync(new Fork<TContext>(this, application), cancellationToken);

    /// <summary>
    /// Requests that wait for the end of their answer. At none, who is connected is idle, or still sends what nobody reads. Calls that
    /// nobody waits for, those of batches, are their workers' to end.
    /// </summary>
    public long UnderWay => Volatile.Read(ref _underWay);

    /// <summary>A stop that waits for connections waits no longer.</summary>
    public void Cut() => _cut.Cancel();

    /// <inheritdoc/>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _cut.Token);
        await _inner.StopAsync(patience.Token).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _inner.Dispose();
        _cut.Dispose();
    }

    /// <summary>One request at a time of one connection; used again for the next.</summary>
    private sealed class Exchange<TContext>
        where TContext : notnull
    {
        public DefaultHttpContext? Http { get; set; }

        /// <summary>The gateway's, and not the host's.</summary>
        public bool IsOurs { get; set; }

        public TContext? Other { get; set; }
    }

    private sealed class Fork<TContext>(GatewayServer server, IHttpApplication<TContext> other)
        : IHttpApplication<Exchange<TContext>>
        where TContext : notnull
    {
        public Exchange<TContext> CreateContext(IFeatureCollection contextFeatures)
        {
            if (server._draining)
            {
                contextFeatures.GetRequiredFeature<IHttpResponseFeature>().Headers.Connection = "close";
                Interlocked.Increment(ref server._late);
            }

            Interlocked.Increment(ref server._underWay);
            var exchange = Kept(contextFeatures);
            exchange.IsOurs = GatewayDispatch.Serves(contextFeatures.GetRequiredFeature<IHttpRequestFeature>().Path);
            if (!exchange.IsOurs)
            {
                exchange.Other = other.CreateContext(contextFeatures);
            }
            else if (exchange.Http is { } http)
            {
                http.Initialize(contextFeatures);
            }
            else
            {
                exchange.Http = new DefaultHttpContext(contextFeatures);
            }

            return exchange;
        }

        public Task ProcessRequestAsync(Exchange<TContext> context) =>
            context.IsOurs ? server._dispatch.HandleAsync(context.Http!) : PoolContext.RunAsync(other.ProcessRequestAsync, context.Other!);

        /// <summary>Behind the answer's last byte, and before what is left of the request is read.</summary>
        public void DisposeContext(Exchange<TContext> context, Exception? exception)
        {
            Interlocked.Decrement(ref server._underWay);
            if (context.IsOurs)
            {
                context.Http!.Uninitialize();
            }
            else
            {
                other.DisposeContext(context.Other!, exception);
                context.Other = default;
            }
        }

        private static Exchange<TContext> Kept(IFeatureCollection features)
        {
            if (features is not IHostContextContainer<Exchange<TContext>> container)
            {
                return new Exchange<TContext>();
            }

            return container.HostContext ??= new Exchange<TContext>();
        }
    }
}
