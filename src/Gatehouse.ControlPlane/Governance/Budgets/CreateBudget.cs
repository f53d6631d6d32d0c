using System.Text.Json.Serialization;
using Gatehouse.Api;
using Gatehouse.Contracts;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace Gatehouse.Governance;

/// <summary>POST /api/budgets — makes a budget.</summary>
internal static class CreateBudget
{
    [JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
    internal sealed record Request(
        string Name,
        decimal LimitUsd,
        BudgetPeriod Period,
        BudgetMode Mode = BudgetMode.Hard,
        string? Team = null,
        Guid? System = null,
        Guid? Key = null,
        string? Route = null,
        string? EndUser = null,
        int AlertPercent = 80,
        UnknownPrice UnknownPrice = UnknownPrice.Refuse);

    public static void Map(IEndpointRouteBuilder api) => api.MapPost("/budgets", HandleAsync).WithTags("budgets");

    /// <summary>Makes a budget for the calls that fit every part that is given: team (a name), system, key, route, end user.</summary>
    internal static async Task<Created<BudgetStanding>> HandleAsync(
        Request request, HttpContext http, Budgets budgets, CancellationToken ct) =>
        TypedResults.Created((string?)null, await budgets.CreateAsync(
            ApiPerson.Require(http),
            new NewBudget(
                request.Name,
                new NamedScope(request.Team, request.System, request.Key, request.Route, request.EndUser),
                request.Period,
                request.Mode,
                request.LimitUsd,
                request.AlertPercent,
                request.UnknownPrice),
            ct));
}
