using Gatehouse.Api;
using Gatehouse.Contracts;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace Gatehouse.Governance;

/// <summary>DELETE /api/switches/{id} — switches on again.</summary>
internal static class SwitchOn
{
    public static void Map(IEndpointRouteBuilder api) => api.MapDelete("/switches/{id:guid}", HandleAsync).WithTags("switches");

    /// <summary>Lets the calls through again: on every node when this answers.</summary>
    /// <param name="reason">Why; goes to the audit log.</param>
    internal static async Task<Ok<Switch>> HandleAsync(
        Guid id, string? reason, HttpContext http, Switches switches, CancellationToken ct) =>
        TypedResults.Ok(await switches.OnAsync(ApiPerson.Require(http), id, reason, ct));
}
