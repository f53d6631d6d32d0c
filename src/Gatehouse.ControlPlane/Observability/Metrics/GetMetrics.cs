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
    internal static IResult Handle(HttpContext http, MetricCollector metrics, PublicEdge edge)
    {
        if (!IsLocal(http, edge))
        {
            if (ApiPerson.Find(http) is not { } who)
            {
                return Refuse(
                    StatusCodes.Status401Unauthorized,
                    "From another machine or through a proxy, metrics take an access token: 'Authorization: Bearer ght_…'.");
            }

            if (!who.MayEverywhere(Permission.ReadSettings))
            {
                return Refuse(StatusCodes.Status403Forbidden, "Reading metrics takes the role admin, architect or auditor in all teams.");
            }
        }

        return TypedResults.Text(PrometheusText.Write(metrics.Collect()), PrometheusText.ContentType);
    }

    /// <summary>In plain text: the reader is a scraper, and a person who reads its log.</summary>
    private static Microsoft.AspNetCore.Http.HttpResults.ContentHttpResult Refuse(int status, string message) =>
        TypedResults.Text(message, statusCode: status);

    /// <summary>
    /// A request that a proxy on this machine passes on is not from this machine, and neither is one that a page made under a name that
    /// was bent to this machine.
    /// </summary>
    private static bool IsLocal(HttpContext http, PublicEdge edge) =>
        edge is { Url: null, Proxies.Count: 0 }
        && http.Connection.RemoteIpAddress is { } address
        && IPAddress.IsLoopback(address)
        && (http.Request.Host.Host == "localhost"
            || (IPAddress.TryParse(http.Request.Host.Host, out var host) && IPAddress.IsLoopback(host)))
        && !http.Request.Headers.ContainsKey("X-Forwarded-For")
        && !http.Request.Headers.ContainsKey("Forwarded");
}
