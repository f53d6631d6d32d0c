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
        if (!IsLocal(http))
        {
            if (ApiPerson.Find(http) is not { } who)
            {
                return Refuse(StatusCodes.Status401Unauthorized, "From another machine, metrics take an access token: 'Authorization: Bearer ght_…'.");
            }

            if (!who.MayEverywhere(Permission.ReadSettings))
            {
                return Refuse(StatusCodes.Status403Forbidden, "Reading metrics takes the role admin, architect or auditor in all teams.");
            }
        }

        return TypedResults.Text(PrometheusText.Write(metrics.Collect()), PrometheusText.ContentType);
    }

    /// <summary>In plain text: the reader is a scraper, and a person who reads its log.</summary>
    private static Microsoft.AspNetCore.Http.HttpResults.ContentHttpResult Refuse(int status, string message) => TypedResults.Text(message, statusCode: status);

    /// <summary>A request that a proxy on this machine passes on is not from this machine.</summary>
    private static bool IsLocal(HttpContext http) =>
        http.Connection.RemoteIpAddress is { } address
        && IPAddress.IsLoopback(address)
        && !http.Request.Headers.ContainsKey("X-Forwarded-For")
        && !http.Request.Headers.ContainsKey("Forwarded");
}
