using Gatehouse.Api;
using Gatehouse.Contracts;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace Gatehouse.Governance;

/// <summary>GET /api/incidents — what went wrong.</summary>
internal static class ListIncidents
{
    private const int DefaultLimit = 50;

    public static void Map(IEndpointRouteBuilder api) => api.MapGet("/incidents", HandleAsync).WithTags("incidents");

    /// <summary>Lists incidents, newest first, of the teams that you may read.</summary>
    /// <param name="open">Only those that nobody has closed.</param>
    /// <param name="before">The <c>next</c> of the page before.</param>
    /// <param name="limit">1 to 500; default 50.</param>
    internal static async Task<Ok<Listing<Incident>>> HandleAsync(
        Guid? team, Guid? system, bool? open, Guid? before, int? limit, HttpContext http, Incidents incidents, CancellationToken ct)
    {
        var found = await incidents.ListAsync(
            ApiPerson.Require(http), team, system, open == true, before, limit ?? DefaultLimit, ct);
        return TypedResults.Ok(new Listing<Incident>(found, found.Count == (limit ?? DefaultLimit) ? found[^1].Id.ToString() : null));
    }
}
