using System.Text.Json.Serialization;
using Gatehouse.Api;
using Gatehouse.Contracts;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace Gatehouse.Governance;

/// <summary>PATCH /api/systems/{id} — changes what is given.</summary>
internal static class ChangeSystem
{
    [JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
    internal sealed record Request(string? Purpose = null, string? Owner = null, SystemStage? Stage = null, string? Reason = null,
        string? Residency = null, DataClassification? DataClassification = null);

    public static void Map(IEndpointRouteBuilder api) => api.MapPatch("/systems/{id:guid}", HandleAsync).WithTags("systems");

    /// <summary>
    /// Changes the fields that are given and leaves the others. Stage, residency (a region, or <c>anywhere</c>) and data classification are
    /// changed by architects and administrators.
    /// </summary>
    internal static async Task<Ok<AiSystem>> HandleAsync(
        Guid id, Request request, HttpContext http, Systems systems, CancellationToken ct) =>
        TypedResults.Ok(await systems.ChangeAsync(
            ApiPerson.Require(http), id,
            new SystemChange(request.Purpose, request.Owner, request.Stage, request.Reason, request.Residency, request.DataClassification),
            ct));
}
