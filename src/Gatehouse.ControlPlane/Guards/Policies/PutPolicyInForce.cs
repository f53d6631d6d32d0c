using System.Text.Json.Serialization;
using Gatehouse.Api;
using Gatehouse.Governance;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace Gatehouse.Guards;

/// <summary>PUT /api/policies/{name}/in-force — chooses the revision that applies.</summary>
internal static class PutPolicyInForce
{
    /// <param name="Revision">A number of its history: an older one rolls back.</param>
    /// <param name="Reason">Goes to the audit log.</param>
    [JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
    internal sealed record Request(long Revision, string? Reason = null);

    public static void Map(IEndpointRouteBuilder api) => api.MapPut("/policies/{name}/in-force", HandleAsync).WithTags("policies");

    /// <summary>Puts a revision in force, if its own tests pass; it applies on every live node when this answers.</summary>
    internal static async Task<Ok<PolicyRevision>> HandleAsync(
        string name, Request request, HttpContext http, GuardPolicies policies, CancellationToken ct) =>
        TypedResults.Ok(await policies.PutInForceAsync(ApiPerson.Require(http), name, request.Revision, request.Reason, ct));
}
