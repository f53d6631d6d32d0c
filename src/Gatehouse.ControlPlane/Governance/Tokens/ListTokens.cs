using Gatehouse.Api;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace Gatehouse.Governance;

/// <summary>GET /api/tokens — your access tokens.</summary>
internal static class ListTokens
{
    public static void Map(IEndpointRouteBuilder api) => api.MapGet("/tokens", HandleAsync).WithTags("tokens");

    /// <summary>Lists your own access tokens, without their secrets.</summary>
    internal static async Task<Ok<Listing<AccessToken>>> HandleAsync(HttpContext http, AccessTokens tokens, CancellationToken ct) =>
        TypedResults.Ok(new Listing<AccessToken>(await tokens.ListAsync(ApiPerson.Require(http), ct)));
}
