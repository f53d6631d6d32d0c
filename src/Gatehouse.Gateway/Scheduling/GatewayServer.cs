using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Abstractions;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Gatehouse.Gateway.Scheduling;

/// <summary>
/// The host's server with a short way for the gateway's own paths: they meet no middleware, activity, log scope or counter of the host.
/// Everything else goes the host's way, on the thread pool.
/// </summary>
internal sealed class GatewayServer(IServer inner, GatewayDispatch dispatch) : IServer
{
    public IFeatureCollection Features => inner.Features;

    public Task StartAsync<TContext>(IHttpApplication<TContext> application, CancellationToken cancellationToken)
        where TContext : notnull =>
        inner.StartAsync(new Fork<TContext>(application, dispatch), cancellationToken);

    public Task StopAsync(CancellationToken cancellationToken) => inner.StopAsync(cancellationToken);

    public void Dispose() => inner.Dispose();

    /// <summary>One request at a time of one connection; used again for the next.</summary>
    private sealed class Exchange<TContext>
        where TContext : notnull
    {
        public DefaultHttpContext? Http { get; set; }

        /// <summary>The gateway's, and not the host's.</summary>
        public bool IsOurs { get; set; }

        public TContext? Other { get; set; }
    }

    private sealed class Fork<TContext>(IHttpApplication<TContext> other, GatewayDispatch dispatch) : IHttpApplication<Exchange<TContext>>
        where TContext : notnull
    {
        public Exchange<TContext> CreateContext(IFeatureCollection contextFeatures)
        {
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
            context.IsOurs ? dispatch.HandleAsync(context.Http!) : PoolContext.RunAsync(other.ProcessRequestAsync, context.Other!);

        public void DisposeContext(Exchange<TContext> context, Exception? exception)
        {
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
