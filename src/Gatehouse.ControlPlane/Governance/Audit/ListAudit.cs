using Gatehouse.Api;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace Gatehouse.Governance;

/// <summary>GET /api/audit — who changed what.</summary>
internal static class ListAudit
{
    private const int DefaultLimit = 100;

    public static void Map(IEndpointRouteBuilder api) => api.MapGet("/audit", HandleAsync).WithTags("audit");

    /// <summary>Lists changes, newest first, of the teams whose settings you may read.</summary>
    /// <param name="before">The <c>next</c> of the page before.</param>
    /// <param name="limit">1 to 500; default 100.</param>
    internal static async Task<Ok<Listing<AuditEntry>>> HandleAsync(
        Guid? before, int? limit, HttpContext http, AuditTrail audit, CancellationToken ct)
    {
        var entries = await audit.ListAsync(ApiPerson.Require(http), before, limit ?? DefaultLimit, ct);
        return TypedResults.Ok(
            new Listing<AuditEntry>(entries, entries.Count == (limit ?? DefaultLimit) ? entries[^1].Id.ToString() : null));
    }
}
