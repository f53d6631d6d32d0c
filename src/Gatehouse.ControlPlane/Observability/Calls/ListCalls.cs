using Gatehouse.Api;
using Gatehouse.Contracts;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Gatehouse.Observability.Calls;

/// <summary>GET /api/calls — the calls that match a filter, newest first.</summary>
internal static class ListCalls
{
    public static void Map(IEndpointRouteBuilder api) =>
        api.MapGet("/calls", HandleAsync).Produces<CallPage>().WithTags("Calls").WithCallFilter();

    /// <summary>Lists calls, newest first.</summary>
    internal static async Task<IResult> HandleAsync(HttpContext http, CallQueries calls, CancellationToken ct)
    {
        var who = ApiPerson.Require(http);
        var page = await calls.ListAsync(who, CallFilterQuery.Read(http.Request.Query), ct);
        return TypedResults.Json(page, ObservabilityJson.Default.CallPage);
    }
}
