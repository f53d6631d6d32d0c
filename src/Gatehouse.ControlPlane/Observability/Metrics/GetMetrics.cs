using System.Net;
using Gatehouse.Api;
using Gatehouse.Contracts;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Gatehouse.Observability.Metrics;

/// <summary>GET /metrics — for Prometheus.</summary>
internal static class GetMetrics
{
    public static void Map(IEndpointRouteBuilder app) => app.MapGet("/metrics", Handle).ExcludeFromDescription();

    /// <summary>Open to this machine; from elsewhere it takes the access token of a person who may read the settings.</summary>
    internal static IResult Handle(HttpContext http, MetricCollector metrics)
    {
        if (!IsLocal(http) && !ApiPerson.Require(http).MayEverywhere(Permission.ReadSettings))
        {
            throw new ProblemException(Problem.Forbidden("Reading metrics takes the role admin, architect or auditor in all teams."));
        }

        return TypedResults.Text(PrometheusText.Write(metrics.Collect()), PrometheusText.ContentType);
    }

    /// <summary>A request that a proxy on this machine passes on is not from this machine.</summary>
    private static bool IsLocal(HttpContext http) =>
        http.Connection.RemoteIpAddress is { } address
        && IPAddress.IsLoopback(address)
        && !http.Request.Headers.ContainsKey("X-Forwarded-For")
        && !http.Request.Headers.ContainsKey("Forwarded");
}
