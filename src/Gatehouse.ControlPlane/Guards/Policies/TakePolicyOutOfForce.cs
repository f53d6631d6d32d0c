using Gatehouse.Api;
using Gatehouse.Governance;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace Gatehouse.Guards;

/// <summary>DELETE /api/policies/{name}/in-force — no revision applies any more.</summary>
internal static class TakePolicyOutOfForce
{
    public static void Map(IEndpointRouteBuilder api) => api.MapDelete("/policies/{name}/in-force", HandleAsync).WithTags("policies");

    /// <summary>Takes a kept policy out of force; its revisions stay. One that a system has chosen is refused.</summary>
    /// <param name="reason">Why; goes to the audit log.</param>
    internal static async Task<NoContent> HandleAsync(
        string name, string? reason, HttpContext http, GuardPolicies policies, CancellationToken ct)
    {
        await policies.TakeOutOfForceAsync(ApiPerson.Require(http), name, reason, ct);
        return TypedResults.NoContent();
    }
}
