using Gatehouse.Api;
using Gatehouse.Contracts;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace Gatehouse.Governance;

/// <summary>GET /api/limits — the limits of requests, tokens and concurrency.</summary>
internal static class ListLimits
{
    public static void Map(IEndpointRouteBuilder api) => api.MapGet("/limits", HandleAsync).WithTags("limits");

    /// <summary>Lists the limits that you may see.</summary>
    internal static async Task<Ok<Listing<RateLimitEntry>>> HandleAsync(HttpContext http, RateLimits limits, CancellationToken ct) =>
        TypedResults.Ok(new Listing<RateLimitEntry>(await limits.ListAsync(ApiPerson.Require(http), ct)));
}
