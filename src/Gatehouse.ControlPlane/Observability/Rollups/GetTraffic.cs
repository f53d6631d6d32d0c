using Gatehouse.Api;
using Gatehouse.Contracts;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Gatehouse.Observability.Rollups;

/// <summary>GET /api/traffic — calls, tokens, cost and latency over time.</summary>
internal static class GetTraffic
{
    public static void Map(IEndpointRouteBuilder api) => api.MapGet("/traffic", HandleAsync).Produces<Traffic>().WithTags("Traffic")
        .WithCallFilter(
            new CallParameter("step", "The width of a bucket: 1m, 5m, 15m, 1h, 6h or 1d; chosen by the range when it is not given."));

    /// <summary>Sums calls per bucket. Takes the filter of /api/calls, and <c>step</c>: 1m, 5m, 15m, 1h, 6h or 1d.</summary>
    internal static async Task<IResult> HandleAsync(HttpContext http, TrafficQueries traffic, TimeProvider clock, CancellationToken ct)
    {
        var who = ApiPerson.Require(http);
        var filter = CallFilterQuery.Read(http.Request.Query, "step");
        var to = filter.To ?? clock.GetUtcNow();
        var step = CallFilterQuery.Step(http.Request.Query) ?? TrafficQueries.StepFor(filter.From ?? to.AddDays(-1), to);
        return TypedResults.Json(await traffic.SeriesAsync(who, filter, step, ct), ObservabilityJson.Default.Traffic);
    }
}
