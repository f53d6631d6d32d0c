using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Routing;
using Gatehouse.Governance;
using Gatehouse.Observability;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Gatehouse.Guards;

/// <summary>
/// The detectors as a service, the policies there are, and what they did and would do: everything the module registers and maps.
/// </summary>
public static class GuardsModule
{
    /// <summary>Needs Configuration, Governance and Observability beside it.</summary>
    public static IServiceCollection AddGuards(this IServiceCollection services)
    {
        services.AddSingleton<PolicyLibrary>();
        services.AddSingleton<PlugInStandings>();
        services.AddSingleton(static s => new PolicyReplays(
            s.GetRequiredService<PolicyLibrary>(), s.GetRequiredService<StoredCalls>(), s.GetRequiredService<CallQueries>(), Table(s),
            s.GetRequiredService<TimeProvider>()));
        services.AddSingleton(static s => new GuardSamples(
            s.GetRequiredService<CallQueries>(), s.GetRequiredService<Labels>(), Table(s), s.GetRequiredService<TimeProvider>()));
        return services.ConfigureHttpJsonOptions(o =>
        {
            o.SerializerOptions.PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower;
            o.SerializerOptions.TypeInfoResolverChain.Insert(0, GuardsJson.Default);
        });
    }

    /// <summary>Authentication comes before these routes and sets <see cref="Gatehouse.Api.ApiPerson"/>.</summary>
    public static void MapGuards(this IEndpointRouteBuilder app)
    {
        var api = app.MapGroup("/api");
        CheckTexts.Map(api);
        ListGuardSamples.Map(api);
        ListPlugIns.Map(api);

        ListPolicies.Map(api);
        DiffPolicies.Map(api);
        ReplayPolicies.Map(api);
        CheckPolicy.Map(api);
        GetPolicy.Map(api);
        SavePolicy.Map(api);
        ListPolicyRevisions.Map(api);
        PutPolicyInForce.Map(api);
        TakePolicyOutOfForce.Map(api);
    }

    private static Func<Gateway.Guarding.PolicyTable> Table(IServiceProvider services)
    {
        var table = services.GetRequiredService<Snapshot<GatewayTable>>();
        return () => table.Current.Policies;
    }
}
