using Gatehouse.Api;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace Gatehouse.Guards;

/// <summary>GET /api/policies/{name} — one policy with its text and its tests.</summary>
internal static class GetPolicy
{
    public static void Map(IEndpointRouteBuilder api) => api.MapGet("/policies/{name}", HandleAsync).WithTags("policies");

    /// <summary>Shows a policy as it is written, its rules in words, and what its tests give.</summary>
    /// <param name="name">A name, for what is in force; name@3 for a revision of a kept policy.</param>
    internal static async Task<Ok<PolicyView>> HandleAsync(string name, HttpContext http, PolicyLibrary library, CancellationToken ct) =>
        TypedResults.Ok(await library.GetAsync(ApiPerson.Require(http), name, ct));
}
