using Gatehouse.Api;
using Gatehouse.Contracts;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace Gatehouse.Governance;

/// <summary>GET /api/systems — the inventory that you may see.</summary>
internal static class ListSystems
{
    public static void Map(IEndpointRouteBuilder api) => api.MapGet("/systems", HandleAsync).WithTags("systems");

    /// <summary>Lists the systems that you may see, by team and name.</summary>
    /// <param name="team">The name of a team: only its systems.</param>
    internal static async Task<Ok<Listing<AiSystem>>> HandleAsync(
        string? team, HttpContext http, Teams teams, Systems systems, CancellationToken ct)
    {
        var who = ApiPerson.Require(http);
        Guid? teamId = null;
        if (team is not null)
        {
            var found = (await teams.ListAsync(who, ct)).FirstOrDefault(t => t.Name == team);
            teamId = found?.Id ?? throw new ProblemException(Problem.NotFound("team", team));
        }

        return TypedResults.Ok(new Listing<AiSystem>(await systems.ListAsync(who, teamId, ct)));
    }
}
