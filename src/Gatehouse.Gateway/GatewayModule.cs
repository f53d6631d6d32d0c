using System.Threading.Channels;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Calls;
using Gatehouse.Gateway.Journal;
using Gatehouse.Gateway.Models;
using Gatehouse.Gateway.Providers;
using Gatehouse.Gateway.Resilience;
using Gatehouse.Gateway.Responses;
using Gatehouse.Gateway.Routing;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Gatehouse.Gateway;

/// <summary>Everything the data plane registers and serves: read this file first.</summary>
public static class GatewayModule
{
    private const int ContentQueueLength = 1024;

    /// <summary>
    /// The host adds the <see cref="CallJournal"/>, whose directory it knows, and an <see cref="IResponseStore"/>; it may add another
    /// <see cref="Chance"/>.
    /// </summary>
    public static IServiceCollection AddGateway(this IServiceCollection services)
    {
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton(_ => new Chance(new Random()));
        services.TryAddSingleton(new Snapshot<GatewayTable>(GatewayTable.Empty)); // the control plane publishes
        services.TryAddSingleton(_ => Channel.CreateBounded<CallText>(ContentQueueLength)); // a full one refuses, and the drop is counted

        services.AddSingleton<ProviderFactory>();
        services.AddSingleton<GatewayMetrics>();
        services.AddSingleton<Settlement>();
        services.AddSingleton<TargetCaller>();
        services.AddSingleton<CallPipeline>();
        services.AddSingleton<ModelsHandler>();
        services.AddSingleton<BackgroundRuns>();
        services.AddSingleton<ResponsesHandler>();
        services.AddSingleton<GatewayDispatch>();
        return services;
    }

    /// <summary>
    /// Serves everything under <c>/v1</c> by itself. Comes first: no other middleware costs a call anything. What follows runs on the
    /// thread pool and may block.
    /// </summary>
    public static IApplicationBuilder UseGateway(this IApplicationBuilder app)
    {
        var dispatch = app.ApplicationServices.GetRequiredService<GatewayDispatch>();
        return app.Use(next => http => dispatch.HandleAsync(http, next));
    }
}
