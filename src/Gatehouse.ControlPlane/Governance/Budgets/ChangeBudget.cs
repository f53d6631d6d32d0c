using System.Text.Json.Serialization;
using Gatehouse.Api;
using Gatehouse.Contracts;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace Gatehouse.Governance;

/// <summary>PATCH /api/budgets/{id} — changes what is given.</summary>
internal static class ChangeBudget
{
    [JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
    internal sealed record Request(
        decimal? LimitUsd = null, BudgetMode? Mode = null, int? AlertPercent = null, UnknownPrice? UnknownPrice = null,
        string? Reason = null);

    public static void Map(IEndpointRouteBuilder api) => api.MapPatch("/budgets/{id:guid}", HandleAsync).WithTags("budgets");

    /// <summary>Changes the fields that are given and leaves the others. What is spent stays spent.</summary>
    internal static async Task<Ok<BudgetStanding>> HandleAsync(
        Guid id, Request request, HttpContext http, Budgets budgets, CancellationToken ct) =>
        TypedResults.Ok(await budgets.ChangeAsync(
            ApiPerson.Require(http),
            id,
            new BudgetChange(request.LimitUsd, request.Mode, request.AlertPercent, request.UnknownPrice, request.Reason),
            ct));
}
