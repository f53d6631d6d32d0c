using Gatehouse.Api;
using Gatehouse.Contracts;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace Gatehouse.Governance;

/// <summary>GET /api/budgets/events — what budgets reported.</summary>
internal static class ListBudgetEvents
{
    private static readonly TimeSpan Default = TimeSpan.FromDays(7);

    public static void Map(IEndpointRouteBuilder api) => api.MapGet("/budgets/events", HandleAsync).WithTags("budgets");

    /// <summary>Lists budgets that reached the share at which they alert, or their end, newest first; at most 100.</summary>
    /// <param name="since">Default: seven days ago.</param>
    internal static async Task<Ok<Listing<BudgetEvent>>> HandleAsync(
        DateTimeOffset? since, HttpContext http, Budgets budgets, TimeProvider clock, CancellationToken ct) =>
        TypedResults.Ok(
            new Listing<BudgetEvent>(await budgets.EventsAsync(ApiPerson.Require(http), since ?? clock.GetUtcNow() - Default, ct)));
}
