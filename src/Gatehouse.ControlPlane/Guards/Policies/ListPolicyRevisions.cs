using Gatehouse.Api;
using Gatehouse.Governance;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace Gatehouse.Guards;

/// <summary>GET /api/policies/{name}/revisions — the history of a kept policy.</summary>
internal static class ListPolicyRevisions
{
    public static void Map(IEndpointRouteBuilder api) => api.MapGet("/policies/{name}/revisions", HandleAsync).WithTags("policies");

    /// <summary>Lists the revisions of a policy that is kept in Gatehouse, newest first; those of files are in their repository.</summary>
    internal static async Task<Ok<Listing<PolicyRevision>>> HandleAsync(
        string name, HttpContext http, GuardPolicies policies, CancellationToken ct) =>
        TypedResults.Ok(new Listing<PolicyRevision>(await policies.HistoryAsync(ApiPerson.Require(http), name, ct)));
}
