using Gatehouse.Api;
using Gatehouse.Contracts;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace Gatehouse.Governance;

/// <summary>GET /api/budgets — the budgets and how they stand.</summary>
internal static class ListBudgets
{
    public static void Map(IEndpointRouteBuilder api) => api.MapGet("/budgets", HandleAsync).WithTags("budgets");

    /// <summary>Lists the budgets that you may see, with what is spent, reserved, left and forecast in their present period.</summary>
    internal static async Task<Ok<Listing<BudgetStanding>>> HandleAsync(HttpContext http, Budgets budgets, CancellationToken ct) =>
        TypedResults.Ok(new Listing<BudgetStanding>(await budgets.ListAsync(ApiPerson.Require(http), ct)));
}
