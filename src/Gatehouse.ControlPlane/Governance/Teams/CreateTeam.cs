using System.Text.Json.Serialization;
using Gatehouse.Api;
using Gatehouse.Contracts;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace Gatehouse.Governance;

/// <summary>POST /api/teams — creates a team.</summary>
internal static class CreateTeam
{
    [JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
    internal sealed record Request(string Name);

    public static void Map(IEndpointRouteBuilder api) => api.MapPost("/teams", HandleAsync).WithTags("teams");

    /// <summary>Creates a team. Needs an administrator of all teams.</summary>
    internal static async Task<Created<Team>> HandleAsync(Request request, HttpContext http, Teams teams, CancellationToken ct) =>
        TypedResults.Created((string?)null, await teams.CreateAsync(ApiPerson.Require(http), request.Name, ct));
}
