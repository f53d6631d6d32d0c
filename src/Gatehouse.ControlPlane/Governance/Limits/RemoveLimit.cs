using Gatehouse.Api;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace Gatehouse.Governance;

/// <summary>DELETE /api/limits/{id} — ends a limit.</summary>
internal static class RemoveLimit
{
    public static void Map(IEndpointRouteBuilder api) => api.MapDelete("/limits/{id:guid}", HandleAsync).WithTags("limits");

    /// <summary>Ends a limit: no live node holds calls to it any more when this answers.</summary>
    /// <param name="reason">Why; goes to the audit log.</param>
    internal static async Task<NoContent> HandleAsync(Guid id, string? reason, HttpContext http, RateLimits limits, CancellationToken ct)
    {
        await limits.RemoveAsync(ApiPerson.Require(http), id, reason, ct);
        return TypedResults.NoContent();
    }
}
