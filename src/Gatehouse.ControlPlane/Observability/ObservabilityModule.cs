using Gatehouse.Observability.Calls;
using Gatehouse.Storage;
using Microsoft.Extensions.DependencyInjection;

namespace Gatehouse.Observability;

/// <summary>Everything the module registers and maps: read this file first.</summary>
public static class ObservabilityModule
{
    /// <summary>Needs a <see cref="Database"/>, a <see cref="SystemLookup"/> and a <see cref="TimeProvider"/> among the services.</summary>
    public static IServiceCollection AddObservability(this IServiceCollection services)
    {
        services.AddSingleton<RecordedSignal>();
        services.AddSingleton(s => new CallQueries(
            s.GetRequiredService<Database>(),
            s.GetRequiredService<SystemLookup>(),
            s.GetRequiredService<RecordedSignal>(),
            s.GetRequiredService<TimeProvider>()));
        services.AddSingleton(s => new TrafficQueries(
            s.GetRequiredService<Database>(), s.GetRequiredService<SystemLookup>(), s.GetRequiredService<TimeProvider>()));
        return services;
    }
}
