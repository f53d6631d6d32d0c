using System.Globalization;
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
    private const int DefaultLimit = 50;

    public static void Map(IEndpointRouteBuilder api) => api.MapGet("/policies/{name}/revisions", HandleAsync).WithTags("policies");

    /// <summary>Lists the revisions of a policy that is kept in Gatehouse, newest first; those of files are in their repository.</summary>
    /// <param name="before">The <c>next</c> of the page before.</param>
    /// <param name="limit">1 to 200; default 50.</param>
    internal static async Task<Ok<Listing<PolicyRevision>>> HandleAsync(
        string name, long? before, int? limit, HttpContext http, GuardPolicies policies, CancellationToken ct)
    {
        var asked = limit ?? DefaultLimit;
        var items = await policies.HistoryAsync(ApiPerson.Require(http), name, before, asked, ct);
        return TypedResults.Ok(new Listing<PolicyRevision>(
            items, items.Count == asked ? items[^1].Number.ToString(CultureInfo.InvariantCulture) : null));
    }
}
