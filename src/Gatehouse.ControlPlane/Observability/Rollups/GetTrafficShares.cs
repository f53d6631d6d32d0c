using Gatehouse.Api;
using Gatehouse.Contracts;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Gatehouse.Observability.Rollups;

/// <summary>GET /api/traffic/by/{dimension} — who and what makes the traffic.</summary>
internal static class GetTrafficShares
{
    public static void Map(IEndpointRouteBuilder api) =>
        api.MapGet("/traffic/by/{dimension}", HandleAsync).Produces<TrafficShareList>().WithTags("Traffic").WithCallFilter();

    /// <summary>Sums calls per value of a dimension, the busiest first. Takes the filter of /api/calls.</summary>
    /// <param name="dimension">system, environment, route, provider, model or error.</param>
    internal static async Task<IResult> HandleAsync(string dimension, HttpContext http, TrafficQueries traffic, CancellationToken ct)
    {
        var who = ApiPerson.Require(http);
        var filter = CallFilterQuery.Read(http.Request.Query);
        TrafficDimension? by = dimension switch
        {
            "system" => TrafficDimension.System,
            "environment" => TrafficDimension.Environment,
            "route" => TrafficDimension.Route,
            "provider" => TrafficDimension.Provider,
            "model" => TrafficDimension.Model,
            "error" => TrafficDimension.Error,
            _ => null,
        };
        if (by is not { } found)
        {
            throw CallFilterQuery.Invalid("dimension", "must be system, environment, route, provider, model or error");
        }

        var shares = await traffic.ByAsync(who, filter, found, ct);
        return TypedResults.Json(new TrafficShareList(shares), ObservabilityJson.Default.TrafficShareList);
    }
}
