using System.Threading.Channels;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Journal;
using Gatehouse.Gateway.Outbound;
using Gatehouse.Gateway.Responses;
using Gatehouse.Gateway.Routing;
using Gatehouse.Observability.Calls;
using Gatehouse.Observability.Guard;
using Gatehouse.Observability.Ledger;
using Gatehouse.Observability.Metrics;
using Gatehouse.Observability.Responses;
using Gatehouse.Observability.Rollups;
using Gatehouse.Observability.Traces;
using Gatehouse.Storage;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http.Json;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Gatehouse.Observability;

/// <summary>Everything the module registers and maps: read this file first.</summary>
public static class ObservabilityModule
{
    /// <summary>The version of this build, as exported telemetry names it.</summary>
    internal static string Version { get; } = typeof(ObservabilityModule).Assembly.GetName().Version?.ToString(3) ?? "0";

    /// <summary>
    /// Needs these singletons: <see cref="Database"/> (migrated), <see cref="CallJournal"/>, <see cref="Channel{T}"/> of
    /// <see cref="CallText"/>, <see cref="Snapshot{T}"/> of <see cref="GatewayTable"/>, <see cref="SystemLookup"/>, and
    /// <see cref="OtlpOptions"/> where telemetry is exported.
    /// </summary>
    public static IServiceCollection AddObservability(this IServiceCollection services)
    {
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton(OtlpOptions.Off);
        services.TryAddSingleton(LedgerJoint.None);
        services.AddSingleton<MetricCollector>();
        services.AddSingleton<RecordedSignal>();
        services.AddSingleton(s => new ObservabilityMetrics(s.GetRequiredService<CallJournal>()));
        services.AddSingleton(s => new CallQueries(
            s.GetRequiredService<Database>(),
            s.GetRequiredService<SystemLookup>(),
            s.GetRequiredService<RecordedSignal>(),
            s.GetRequiredService<TimeProvider>(),
            s.GetService<IHostApplicationLifetime>()?.ApplicationStopping ?? default));
        services.AddSingleton(s => new TrafficQueries(
            s.GetRequiredService<Database>(), s.GetRequiredService<SystemLookup>(), s.GetRequiredService<TimeProvider>()));

        services.AddSingleton(s => new GuardActivityQueries(
            s.GetRequiredService<Database>(), s.GetRequiredService<SystemLookup>(), s.GetRequiredService<TimeProvider>()));

        services.AddSingleton(s => new StoredCalls(
            s.GetRequiredService<Database>(), s.GetRequiredService<SystemLookup>(), s.GetRequiredService<TimeProvider>()));

        services.AddSingleton<LedgerStore>();
        services.AddSingleton(s => new Repricing(
            s.GetRequiredService<Database>(),
            s.GetRequiredService<Snapshot<GatewayTable>>(),
            s.GetRequiredService<LedgerJoint>(),
            s.GetRequiredService<TimeProvider>()));
        services.AddSingleton<TextStore>();
        services.AddSingleton<RetentionStore>();
        services.AddSingleton(s => new DeletionClock(
            s.GetRequiredService<Database>(), s.GetRequiredService<TimeProvider>(), s.GetRequiredService<RetentionStore>().LastCallAsync,
            s.GetRequiredService<ILogger<DeletionClock>>()));
        services.AddSingleton<ClosedBuckets>();
        services.AddSingleton<ResponseStore>();
        services.AddSingleton<KeptResponses>();
        services.AddSingleton<IResponseStore>(s => s.GetRequiredService<KeptResponses>());
        services.AddSingleton<OtlpTraces>();
        services.AddSingleton(s => new OtlpClient(
            s.GetRequiredService<OtlpOptions>(),
            new Lazy<HttpClient>(static () => OutboundClient.Create(OutboundRule.Infrastructure, TimeSpan.FromSeconds(10))),
            s.GetRequiredService<TimeProvider>()));
        services.AddSingleton<LedgerDrain>();
        services.AddSingleton<LedgerStanding>();

        services.Configure<JsonOptions>(o => o.SerializerOptions.TypeInfoResolverChain.Add(ObservabilityJson.Default)); // for OpenAPI

        // Started first, so that it hears everything.
        services.AddHostedService<MetricWorker>();

        // Stopped in the reverse order: the ledger is flushed before the exporter and the texts, which wait for it.
        services.AddHostedService<OtlpTraceWorker>();
        services.AddLateDatabaseWorker<RetentionWorker>();
        services.AddLateDatabaseWorker<ClosingWorker>();
        services.AddDatabaseWorker<TextWorker>();
        services.AddDatabaseWorker<ResponseWorker>();
        services.AddDatabaseWorker<LedgerWorker>();

        // For the API's document; the endpoints name their types themselves.
        services.ConfigureHttpJsonOptions(o => o.SerializerOptions.TypeInfoResolverChain.Insert(0, ObservabilityJson.Default));
        return services;
    }

    /// <summary>Maps <c>/metrics</c> and what is under <c>/api</c>; the host authenticates and turns problems into problem+json.</summary>
    public static void MapObservability(this IEndpointRouteBuilder app)
    {
        var api = app.MapGroup("/api");
        ListCalls.Map(api);
        FollowCalls.Map(api);
        GetCall.Map(api);
        GetTraffic.Map(api);
        GetTrafficShares.Map(api);
        RepriceCalls.Map(api);
        GetSpending.Map(api);
        GetGuardActivity.Map(api);
        GetMetrics.Map(app);
    }
}
