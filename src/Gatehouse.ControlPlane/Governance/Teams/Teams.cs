using Gatehouse.Contracts;
using Gatehouse.Storage;

namespace Gatehouse.Governance;

/// <summary>Teams: list and create. Owns table <c>governance_team</c>.</summary>
public sealed class Teams
{
    private readonly Database _db;
    private readonly GovernanceWrites _writes;

    internal Teams(Database db, GovernanceWrites writes)
    {
        _db = db;
        _writes = writes;
    }

    /// <summary>The teams that the person may see, by name.</summary>
    public async Task<IReadOnlyList<Team>> ListAsync(Person who, CancellationToken ct)
    {
        var visible = who.TeamsWith(Permission.Read);
        FormattableString where = visible is null ? $"" : (FormattableString)$"WHERE id IN {visible}";
        var teams = await _db.QueryAsync(
            $"SELECT id, name, created_at FROM governance_team {where}", row => new Team(row.Id(0), row.Text(1), row.Instant(2)), ct);
        return [.. teams.OrderBy(t => t.Name, StringComparer.Ordinal)];
    }

    /// <exception cref="ProblemException">The person may not, the name is malformed or taken.</exception>
    public async Task<Team> CreateAsync(Person who, string name, CancellationToken ct)
    {
        who.RequireEverywhere(Permission.WritePeople);
        Words.Name("name", name);
        return await _writes.RunAsync(write => AddAsync(write, who, name, ct), ct);
    }

    internal static async Task<Team> AddAsync(GovernanceWrite write, Person who, string name, CancellationToken ct)
    {
        var team = new Team(Guid.CreateVersion7(write.At), name, write.At);
        var added = await write.Sql.ExecuteAsync($"""
            INSERT INTO governance_team (id, name, created_at) VALUES ({team.Id}, {team.Name}, {team.CreatedAt})
            ON CONFLICT (name) DO NOTHING
            """, ct);
        if (added == 0)
        {
            throw new ProblemException(Problem.Conflict("team", name));
        }

        await write.AuditAsync(who, "team.create", team.Id, team.Name, team.Id, "", ct);
        return team;
    }
}
