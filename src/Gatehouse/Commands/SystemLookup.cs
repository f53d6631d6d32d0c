using Gatehouse.Client;
using Gatehouse.Contracts;

namespace Gatehouse.Commands;

/// <summary>Finds what people name: a system by <c>name</c>, <c>team/name</c> or id.</summary>
internal static class SystemLookup
{
    public static async Task<AiSystem> FindAsync(ApiClient api, string named, CancellationToken ct)
    {
        var systems = (await api.GetAsync("api/systems", ClientJson.Default.Systems, ct)).Rows;
        var found = systems.Where(s => s.Name == named || $"{s.Team}/{s.Name}" == named || s.Id.ToString() == named).ToList();
        return found.Count switch
        {
            1 => found[0],
            0 => throw new ProblemException(Problem.NotFound("system", named)),
            _ => throw new CommandException(ExitCodes.Refused, "ambiguous",
                $"Several teams have a system '{named}': write {string.Join(" or ", found.Select(s => $"{s.Team}/{s.Name}"))}."),
        };
    }

    public static async Task<string> OnlyTeamAsync(ApiClient api, CancellationToken ct)
    {
        var teams = (await api.GetAsync("api/teams", ClientJson.Default.Teams, ct)).Rows;
        return teams.Count == 1
            ? teams[0].Name
            : throw new CommandException(ExitCodes.Usage, "team_required",
                $"Name the team with --team: {string.Join(", ", teams.Select(t => t.Name))}.");
    }
}
