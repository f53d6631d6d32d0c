using System.Text.Json.Serialization;
using Gatehouse.Api;
using Gatehouse.Contracts;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace Gatehouse.Governance;

/// <summary>POST /api/incidents/{id}/close — a person has dealt with it.</summary>
internal static class CloseIncident
{
    [JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
    internal sealed record Request(string Note);

    public static void Map(IEndpointRouteBuilder api) => api.MapPost("/incidents/{id:guid}/close", HandleAsync).WithTags("incidents");

    /// <summary>Closes an incident with a note. A breaker that is still open closes with it, on every node when this answers.</summary>
    internal static async Task<Ok<Incident>> HandleAsync(
        Guid id, Request request, HttpContext http, Incidents incidents, CancellationToken ct) =>
        TypedResults.Ok(await incidents.CloseAsync(ApiPerson.Require(http), id, request.Note, ct));
}
