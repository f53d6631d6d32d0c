using System.Text.Json.Serialization;
using Gatehouse.Api;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace Gatehouse.Governance;

/// <summary>POST /api/exceptions/{id}/decision — says yes or no to an exception that somebody else asks for.</summary>
internal static class DecideException
{
    /// <param name="Reason">Goes to the audit log.</param>
    [JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
    internal sealed record Request(bool Approve, string? Reason = null);

    public static void Map(IEndpointRouteBuilder api) => api.MapPost("/exceptions/{id:guid}/decision", HandleAsync).WithTags("guard");

    /// <summary>Approves or declines. Never the person who asked; an approved one holds on every node when this answers.</summary>
    internal static async Task<Ok<PolicyException>> HandleAsync(
        Guid id, Request request, HttpContext http, PolicyExceptions exceptions, CancellationToken ct) =>
        TypedResults.Ok(await exceptions.DecideAsync(ApiPerson.Require(http), id, request.Approve, request.Reason, ct));
}
