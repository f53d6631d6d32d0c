using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Gatehouse.Configuration;

/// <summary>Everything the module registers and maps: read this file first.</summary>
public static class ConfigurationModule
{
    /// <summary>
    /// Needs a <see cref="ConfigurationState"/>, made before the host because it says where to listen, and a
    /// <see cref="ReadProviderTraffic"/>,
    /// <see cref="DoctorEdges"/> and <see cref="TimeProvider"/> among the services.
    /// </summary>
    public static IServiceCollection AddConfiguration(this IServiceCollection services)
    {
        services.AddSingleton<ReadKnownSystems>(static () => []); // a joint: who knows the systems says so
        services.AddSingleton<ProviderViews>();
        services.AddSingleton<RouteViews>();
        services.AddSingleton<KeptPolicies>();
        services.AddSingleton(s => Doctor.Of(
            s.GetRequiredService<ConfigurationState>(), s.GetRequiredService<DoctorEdges>(), s.GetRequiredService<ReadKnownSystems>()));
        services.AddHostedService<ConfigurationWatcher>();
        services.AddSingleton<CredentialWatcher>();
        services.AddHostedService(s => s.GetRequiredService<CredentialWatcher>());
        services.ConfigureHttpJsonOptions(o =>
        {
            o.SerializerOptions.PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower;
            o.SerializerOptions.TypeInfoResolverChain.Insert(0, ConfigurationJson.Default);
        });
        return services;
    }

    /// <summary>Authentication comes before these routes and sets <see cref="Gatehouse.Api.ApiPerson"/>.</summary>
    public static void MapConfiguration(this IEndpointRouteBuilder app)
    {
        var api = app.MapGroup("/api");
        ShowConfiguration.Map(api);
        CheckConfiguration.Map(api);
        ListProviders.Map(api);
        ListRoutes.Map(api);
        RunDoctor.Map(api);
    }
}
