using Gatehouse.Api;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace Gatehouse.Governance;

/// <summary>DELETE /api/exceptions/{id} — takes an exception back.</summary>
internal static class RevokeException
{
    public static void Map(IEndpointRouteBuilder api) => api.MapDelete("/exceptions/{id:guid}", HandleAsync).WithTags("guard");

    /// <summary>Takes a request or an exception back: the rules bite again, on every node when this answers.</summary>
    /// <param name="reason">Why; goes to the audit log.</param>
    internal static async Task<Ok<PolicyException>> HandleAsync(
        Guid id, string? reason, HttpContext http, PolicyExceptions exceptions, CancellationToken ct) =>
        TypedResults.Ok(await exceptions.RevokeAsync(ApiPerson.Require(http), id, reason, ct));
}
