using Gatehouse.Api;
using Gatehouse.Contracts;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace Gatehouse.Governance;

/// <summary>GET /api/systems/{id} — one system.</summary>
internal static class GetSystem
{
    public static void Map(IEndpointRouteBuilder api) => api.MapGet("/systems/{id:guid}", HandleAsync).WithTags("systems");

    /// <summary>Shows one system with the policy of each environment.</summary>
    internal static async Task<Ok<AiSystem>> HandleAsync(Guid id, HttpContext http, Systems systems, CancellationToken ct) =>
        TypedResults.Ok(await systems.GetAsync(ApiPerson.Require(http), id, ct));
}
