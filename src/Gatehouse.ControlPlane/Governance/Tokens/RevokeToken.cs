using Gatehouse.Api;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace Gatehouse.Governance;

/// <summary>DELETE /api/tokens/{id} — revokes one of your access tokens.</summary>
internal static class RevokeToken
{
    public static void Map(IEndpointRouteBuilder api) => api.MapDelete("/tokens/{id:guid}", HandleAsync).WithTags("tokens");

    /// <summary>Revokes one of your own access tokens.</summary>
    internal static async Task<NoContent> HandleAsync(Guid id, HttpContext http, AccessTokens tokens, CancellationToken ct)
    {
        await tokens.RevokeAsync(ApiPerson.Require(http), id, ct);
        return TypedResults.NoContent();
    }
}
