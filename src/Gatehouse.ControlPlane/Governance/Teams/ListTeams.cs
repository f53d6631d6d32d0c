using Gatehouse.Api;
using Gatehouse.Contracts;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace Gatehouse.Governance;

/// <summary>GET /api/teams — the teams that you may see.</summary>
internal static class ListTeams
{
    public static void Map(IEndpointRouteBuilder api) => api.MapGet("/teams", HandleAsync).WithTags("teams");

    /// <summary>Lists the teams that you may see, by name.</summary>
    internal static async Task<Ok<Listing<Team>>> HandleAsync(HttpContext http, Teams teams, CancellationToken ct) =>
        TypedResults.Ok(new Listing<Team>(await teams.ListAsync(ApiPerson.Require(http), ct)));
}
