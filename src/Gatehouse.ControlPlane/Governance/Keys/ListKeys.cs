using Gatehouse.Api;
using Gatehouse.Contracts;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace Gatehouse.Governance;

/// <summary>GET /api/systems/{id}/keys — the keys of a system, without their secrets.</summary>
internal static class ListKeys
{
    public static void Map(IEndpointRouteBuilder api) => api.MapGet("/systems/{id:guid}/keys", HandleAsync).WithTags("keys");

    /// <summary>Lists the keys of a system, newest first, revoked and expired ones included. Secrets are never shown again.</summary>
    internal static async Task<Ok<Listing<ApiKey>>> HandleAsync(Guid id, HttpContext http, Keys keys, CancellationToken ct) =>
        TypedResults.Ok(new Listing<ApiKey>(await keys.ListAsync(ApiPerson.Require(http), id, ct)));
}
