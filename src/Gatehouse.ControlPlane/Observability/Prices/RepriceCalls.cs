using System.Text.Json.Serialization;
using Gatehouse.Api;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Gatehouse.Observability;

/// <summary>POST /api/prices/reprice — prices the calls of a period anew.</summary>
internal static class RepriceCalls
{
    [JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
    internal sealed record Request(DateTimeOffset From, DateTimeOffset To, bool DryRun = false, string? Reason = null);

    public static void Map(IEndpointRouteBuilder api) =>
        api.MapPost("/prices/reprice", HandleAsync).Produces<RepriceResult>().WithTags("prices");

    /// <summary>
    /// Prices the calls of a period by the table in force. The first figure of each call is kept; the act is in the audit log.
    /// </summary>
    internal static async Task<IResult> HandleAsync(
        Request request, HttpContext http, Repricing repricing, CancellationToken ct) => TypedResults.Json(
        await repricing.RunAsync(ApiPerson.Require(http), request.From, request.To, request.DryRun, request.Reason, ct),
        ObservabilityJson.Default.RepriceResult);
}
