using Gatehouse.Api;
using Gatehouse.Contracts;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Gatehouse.Observability.Calls;

/// <summary>GET /api/calls/{id} — everything kept about one call.</summary>
internal static class GetCall
{
    public static void Map(IEndpointRouteBuilder api) => api.MapGet("/calls/{id}", HandleAsync).Produces<CallDetail>().WithTags("Calls");

    /// <summary>Shows one call: attempts, spans, cost line by line, and its text where that is stored and may be read.</summary>
    /// <param name="id">The call's id, or its request id.</param>
    internal static async Task<IResult> HandleAsync(string id, HttpContext http, CallQueries calls, CancellationToken ct)
    {
        var who = ApiPerson.Require(http);
        var detail = await calls.FindAsync(who, id, ct) ?? throw new ProblemException(Problem.NotFound("call", id));
        return TypedResults.Json(detail, ObservabilityJson.Default.CallDetail);
    }
}
