using Gatehouse.Api;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace Gatehouse.Governance;

/// <summary>GET /api/secrets — the names of stored secrets.</summary>
internal static class ListSecrets
{
    public static void Map(IEndpointRouteBuilder api) => api.MapGet("/secrets", HandleAsync).WithTags("secrets");

    /// <summary>Lists the stored secrets by name, never their values, and whether the configuration refers to them.</summary>
    internal static async Task<Ok<Listing<StoredSecret>>> HandleAsync(HttpContext http, StoredSecrets secrets, CancellationToken ct) =>
        TypedResults.Ok(new Listing<StoredSecret>(await secrets.ListAsync(ApiPerson.Require(http), ct)));
}
