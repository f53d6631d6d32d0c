using Gatehouse.Contracts;
using Gatehouse.Storage;

namespace Gatehouse.Governance;

/// <summary>Names of budgets and limits are unique in their team. Writers come one at a time, so a look is enough.</summary>
internal static class RuleNames
{
    /// <exception cref="ProblemException">409: the name is taken.</exception>
    public static async Task RequireFreeAsync(Transaction sql, string what, string name, Guid? teamId, CancellationToken ct)
    {
        FormattableString table = what == "budget" ? (FormattableString)$"governance_budget" : $"governance_limit";
        FormattableString team = teamId is { } id ? (FormattableString)$"team_id = {id}" : $"team_id IS NULL";
        if ((await sql.QueryAsync($"SELECT 1 FROM {table} WHERE name = {name} AND {team}", row => row.Long(0), ct)).Count > 0)
        {
            throw new ProblemException(Problem.Conflict(what, name));
        }
    }
}
