using Gatehouse.Api;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace Gatehouse.Governance;

/// <summary>DELETE /api/budgets/{id} — ends a budget.</summary>
internal static class RemoveBudget
{
    public static void Map(IEndpointRouteBuilder api) => api.MapDelete("/budgets/{id:guid}", HandleAsync).WithTags("budgets");

    /// <summary>Ends a budget: no live node holds calls to it any more when this answers.</summary>
    /// <param name="reason">Why; goes to the audit log.</param>
    internal static async Task<NoContent> HandleAsync(Guid id, string? reason, HttpContext http, Budgets budgets, CancellationToken ct)
    {
        await budgets.RemoveAsync(ApiPerson.Require(http), id, reason, ct);
        return TypedResults.NoContent();
    }
}
