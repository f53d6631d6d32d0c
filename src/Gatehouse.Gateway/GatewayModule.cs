using System.Threading.Channels;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Batches;
using Gatehouse.Gateway.Breakers;
using Gatehouse.Gateway.Caching;
using Gatehouse.Gateway.Calls;
using Gatehouse.Gateway.Guarding;
using Gatehouse.Gateway.Guarding.PlugIns;
using Gatehouse.Gateway.Journal;
using Gatehouse.Gateway.Limits;
using Gatehouse.Gateway.Models;
using Gatehouse.Gateway.Polling;
using Gatehouse.Gateway.Providers;
using Gatehouse.Gateway.Resilience;
using Gatehouse.Gateway.Responses;
using Gatehouse.Gateway.Reviews;
using Gatehouse.Gateway.Routing;
using Gatehouse.Gateway.Scheduling;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;

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
        services.AddSingleton<CallCuts>();
        services.AddSingleton<Settlement>();
        services.AddSingleton<AllowanceBook>();
        services.AddSingleton<Admissions>();
        services.AddSingleton<SideCalls>();
        services.AddSingleton<Judge>();
        services.AddSingleton<PlugInBook>();
        services.AddSingleton(s => new PlugIns(
            new Lazy<SideCalls>(s.GetRequiredService<SideCalls>), s.GetRequiredService<PlugInBook>(),
            s.GetRequiredService<GatewayMetrics>(), s.GetRequiredService<TimeProvider>()));
        services.AddSingleton<RequestGuards>();
        services.AddSingleton(s => new ConfidenceRules(
            new Lazy<SideCalls>(s.GetRequiredService<SideCalls>), new Lazy<Judge>(s.GetRequiredService<Judge>)));
        services.AddSingleton(s => new AnswerGuards(
            new Lazy<PlugIns>(s.GetRequiredService<PlugIns>), s.GetRequiredService<ConfidenceRules>()));
        services.AddSingleton(s => new LowConfidence(new Lazy<Judge>(s.GetRequiredService<Judge>)));
        services.AddSingleton<ReviewDesk>();
        services.AddSingleton<Approvals>();
        services.AddSingleton<CallReviews>();
        services.AddSingleton<BreakerBook>();
        services.AddSingleton<CallBreakers>();
        services.AddSingleton<TargetCaller>();
        services.AddSingleton<HedgeBook>();
        services.AddSingleton<DownQueue>();
        services.AddSingleton<HealthProbe>();
        services.AddHostedService<HealthWorker>();
        services.AddSingleton<RouteCaller>();
        services.AddSingleton<AnswerCache>();
        services.AddSingleton<CacheServing>();
        services.AddSingleton<EmbeddingCache>();
        services.AddSingleton<QuestionEmbedder>();
        services.AddSingleton<CacheSteps>();
        services.AddSingleton<Mirrors>();
        services.AddHostedService(s => s.GetRequiredService<Mirrors>());
        services.AddSingleton<CallPipeline>();
        services.AddSingleton<ModelsHandler>();
        services.AddSingleton<BackgroundRuns>();
        services.AddSingleton<ResponsesHandler>();
        services.AddSingleton<GatewayDispatch>();
        return services;
    }

    /// <summary>
    /// Adds files and batches. The host adds an <see cref="IFileStore"/>, an <see cref="IBatchStore"/>, and the
    /// <see cref="BatchRunner"/> as a worker.
    /// </summary>
    public static IServiceCollection AddGatewayBatches(this IServiceCollection services)
    {
        services.AddSingleton<OwnedRequests>();
        services.AddSingleton<NamedFiles>();
        services.AddSingleton<FilesHandler>();
        services.AddSingleton<BatchesHandler>();
        services.AddSingleton<MessageBatchesHandler>();
        services.AddSingleton<BatchPaths>();
        services.AddSingleton<BatchCaller>();
        services.AddSingleton<BatchRunner>();
        return services;
    }

    /// <summary>What runs the batches, for the host to begin once the store can be asked.</summary>
    public static BackgroundService BatchRunner(IServiceProvider services) => services.GetRequiredService<BatchRunner>();

    /// <summary>
    /// Serves everything under <c>/v1</c> and <c>/v1beta</c> before the host sees it. What the host serves runs on the thread pool and may
    /// block. To be called when the server has been chosen.
    /// </summary>
    public static IServiceCollection AddGatewayServer(this IServiceCollection services)
    {
        if (Pollers.AreUsed)
        {
            services.AddSingleton<IConnectionListenerFactory, PolledTransport>();
        }

        var server = services.Last(s => s.ServiceType == typeof(IServer));
        services.Remove(server);
        return services.AddSingleton<IServer>(s => new GatewayServer(
            (IServer)ActivatorUtilities.CreateInstance(s, server.ImplementationType!), s.GetRequiredService<GatewayDispatch>()));
    }
}
