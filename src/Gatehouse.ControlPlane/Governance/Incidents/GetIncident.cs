using Gatehouse.Api;
using Gatehouse.Contracts;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace Gatehouse.Governance;

/// <summary>GET /api/incidents/{id} — one of them.</summary>
internal static class GetIncident
{
    public static void Map(IEndpointRouteBuilder api) => api.MapGet("/incidents/{id:guid}", HandleAsync).WithTags("incidents");

    /// <summary>Shows an incident.</summary>
    internal static async Task<Ok<Incident>> HandleAsync(Guid id, HttpContext http, Incidents incidents, CancellationToken ct) =>
        TypedResults.Ok(await incidents.GetAsync(ApiPerson.Require(http), id, ct));
}
