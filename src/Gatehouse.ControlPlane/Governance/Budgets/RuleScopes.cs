using Gatehouse.Contracts;
using Gatehouse.Storage;

namespace Gatehouse.Governance;

/// <summary>The parts of a scope as a request names them.</summary>
/// <param name="Team">A team's name; may be left out beside a system or key, which belong to one.</param>
public sealed record NamedScope(string? Team, Guid? System, Guid? Key, string? Route, string? EndUser);

/// <summary>Turns named scopes into <see cref="CallScope"/>, as far as the person may see and set rules there.</summary>
internal sealed class RuleScopes(Database db, Systems systems)
{
    private const int MaxRouteChars = 256;
    private const int MaxUserChars = 128;

    /// <exception cref="ProblemException">A part is unknown to the person or does not fit the others, or they may not set rules
    /// there.</exception>
    public async Task<CallScope> ResolveAsync(Person who, NamedScope named, CancellationToken ct)
    {
        var team = named.Team is null ? null : (Guid?)await TeamAsync(who, named.Team, ct);
        var system = named.System;
        if (named.Key is { } key)
        {
            var of = await db.QueryAsync($"SELECT system_id FROM governance_key WHERE id = {key}", row => row.Id(0), ct);
            if (of is not [var owner] || (await FindAsync(who, owner, ct)) is null)
            {
                throw new ProblemException(Problem.NotFound("key", key.ToString()));
            }

            system ??= owner;
            if (system != owner)
            {
                throw new ProblemException(Problem.Invalid("key", "must be a key of the system that is named"));
            }
        }

        if (system is { } id)
        {
            var found = await systems.GetAsync(who, id, ct);
            team ??= found.TeamId;
            if (team != found.TeamId)
            {
                throw new ProblemException(Problem.Invalid("system", "must be a system of the team that is named"));
            }
        }

        Require(who, team);
        return new CallScope(
            team, system, named.Key, OrNull("route", named.Route, MaxRouteChars), OrNull("end_user", named.EndUser, MaxUserChars));
    }

    /// <exception cref="ProblemException">403: the person may not set rules there.</exception>
    public static void Require(Person who, Guid? team)
    {
        if (team is { } id)
        {
            who.Require(id, Permission.WritePolicies);
        }
        else
        {
            who.RequireEverywhere(Permission.WritePolicies);
        }
    }

    /// <summary>Rules of all teams are seen by those who see all teams.</summary>
    public static bool MaySee(Person who, Guid? team) =>
        team is { } id ? who.May(id, Permission.Read) : who.MayEverywhere(Permission.Read);

    private static string? OrNull(string field, string? text, int maxChars) =>
        string.IsNullOrEmpty(text) ? null : Words.Text(field, text, maxChars);

    private async Task<Guid> TeamAsync(Person who, string name, CancellationToken ct)
    {
        var teams = await db.QueryAsync($"SELECT id FROM governance_team WHERE name = {name}", row => row.Id(0), ct);
        return teams is [var id] && who.May(id, Permission.Read) ? id : throw new ProblemException(Problem.NotFound("team", name));
    }

    private async Task<AiSystem?> FindAsync(Person who, Guid id, CancellationToken ct) =>
        (await systems.ListAsync(who, null, ct)).FirstOrDefault(s => s.Id == id);
}
