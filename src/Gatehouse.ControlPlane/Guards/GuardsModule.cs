using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Gatehouse.Guards;

/// <summary>The detectors as a service: everything the module registers and maps.</summary>
public static class GuardsModule
{
    public static IServiceCollection AddGuards(this IServiceCollection services) => services.ConfigureHttpJsonOptions(o =>
    {
        o.SerializerOptions.PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower;
        o.SerializerOptions.TypeInfoResolverChain.Insert(0, GuardsJson.Default);
    });

    /// <summary>Authentication comes before these routes and sets <see cref="Gatehouse.Api.ApiPerson"/>.</summary>
    public static void MapGuards(this IEndpointRouteBuilder app) => CheckTexts.Map(app.MapGroup("/api"));
}
