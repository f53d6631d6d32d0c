using Gatehouse.Contracts;
using Gatehouse.Storage;

namespace Gatehouse.Governance;

/// <summary>A system to be registered.</summary>
/// <param name="Team">The name of the team that will own it.</param>
public sealed record NewSystem(string Team, string Name, string Purpose, string Owner, SystemStage Stage);

/// <summary>What to change about a system; <see langword="null"/> leaves as it is.</summary>
/// <param name="Reason">Why; goes to the audit log.</param>
/// <param name="Residency">A region such as <c>eu</c>; <c>anywhere</c> takes the limit away.</param>
public sealed record SystemChange(
    string? Purpose, string? Owner, SystemStage? Stage, string? Reason = null, string? Residency = null,
    DataClassification? DataClassification = null);

/// <summary>The inventory of AI systems. Owns tables <c>governance_system</c> and <c>governance_policy</c>.</summary>
public sealed class Systems
{
    private const int MaxPurposeChars = 2000;
    private const int MaxOwnerChars = 200;
    private const int MaxRetentionDays = 3650;
    private const string Anywhere = "anywhere";

    private readonly Database _db;
    private readonly GovernanceWrites _writes;
    private readonly GuardPolicyNames _policies;

    internal Systems(Database db, GovernanceWrites writes, GuardPolicyNames policies)
    {
        _policies = policies;
        _db = db;
        _writes = writes;
    }

    /// <summary>The systems that the person may see, by team and name.</summary>
    /// <param name="teamId">Only those of this team; a team that the person may not see has none.</param>
    public async Task<IReadOnlyList<AiSystem>> ListAsync(Person who, Guid? teamId, CancellationToken ct)
    {
        var visible = who.TeamsWith(Permission.Read);
        if (teamId is { } team)
        {
            visible = visible is null || visible.Contains(team) ? [team] : [];
        }

        return await SystemRows.ReadAsync(_db, visible is null ? $"" : (FormattableString)$"WHERE s.team_id IN {visible}", ct);
    }

    /// <exception cref="ProblemException">404: there is none that the person may see.</exception>
    public async Task<AiSystem> GetAsync(Person who, Guid id, CancellationToken ct)
    {
        var system = (await SystemRows.ReadAsync(_db, $"WHERE s.id = {id}", ct)).SingleOrDefault();
        return system is not null && who.May(system.TeamId, Permission.Read)
            ? system
            : throw new ProblemException(Problem.NotFound("system", id.ToString()));
    }

    /// <exception cref="ProblemException">The person may not, the team is not there, a field is wrong, or the name is taken.</exception>
    public async Task<AiSystem> CreateAsync(Person who, NewSystem system, CancellationToken ct)
    {
        var teams = await _db.QueryAsync(
            $"SELECT id, name, created_at FROM governance_team WHERE name = {system.Team}",
            row => new Team(row.Id(0), row.Text(1), row.Instant(2)),
            ct);
        if (teams is not [var team] || !who.May(team.Id, Permission.Read))
        {
            throw new ProblemException(Problem.NotFound("team", system.Team));
        }

        who.Require(team.Id, Permission.WriteSystems);
        if (system.Stage is SystemStage.Live or SystemStage.Retired)
        {
            who.Require(team.Id, Permission.WritePolicies);
        }

        var valid = system with
        {
            Name = Words.Name("name", system.Name),
            Purpose = Words.Text("purpose", system.Purpose, MaxPurposeChars),
            Owner = Words.Text("owner", system.Owner, MaxOwnerChars),
        };
        return await _writes.RunAsync(write => AddAsync(write, who, team, valid, ct), ct);
    }

    /// <summary>Engineers change purpose and owner; stage, residency and classification are changed by those who set policies.</summary>
    /// <exception cref="ProblemException">There is no such system, the person may not, or a field is wrong.</exception>
    public async Task<AiSystem> ChangeAsync(Person who, Guid id, SystemChange change, CancellationToken ct)
    {
        var before = await GetAsync(who, id, ct);
        who.Require(before.TeamId, Permission.WriteSystems);
        var after = before with
        {
            Purpose = change.Purpose is null ? before.Purpose : Words.Text("purpose", change.Purpose, MaxPurposeChars),
            Owner = change.Owner is null ? before.Owner : Words.Text("owner", change.Owner, MaxOwnerChars),
            Stage = change.Stage ?? before.Stage,
            Residency = change.Residency is null ? before.Residency : change.Residency == Anywhere ? null : Words.Name(
                "residency", change.Residency),
            DataClassification = change.DataClassification ?? before.DataClassification,
        };
        if (after.Stage != before.Stage || after.Residency != before.Residency || after.DataClassification != before.DataClassification)
        {
            who.Require(before.TeamId, Permission.WritePolicies);
        }

        return await _writes.RunOnAllAsync(
            async write =>
            {
                await write.Sql.ExecuteAsync($"""
                    UPDATE governance_system
                    SET purpose = COALESCE({(change.Purpose is null ? null : after.Purpose)}, purpose),
                        owner = COALESCE({(change.Owner is null ? null : after.Owner)}, owner),
                        stage = COALESCE({(change.Stage is { } stage ? Words.Of(stage) : null)}, stage),
                        residency = {after.Residency},
                        data_classification = COALESCE({(change.DataClassification is { } data ? Words.Of(data) : null)}, data_classification)
                    WHERE team_id = {after.TeamId} AND id = {id}
                    """, ct);
                await write.AuditAsync(
                    who, "system.change", after.TeamId, after.Name, id, Words.WithReason(Difference(before, after), change.Reason), ct);
                return after;
            },
            ct);
    }

    /// <summary>Sets what applies to a system in an environment; a guard policy of <see langword="null"/> stays as it is.</summary>
    /// <exception cref="ProblemException">There is no such system or guard policy, the person may not, or the retention is out of
    /// range.</exception>
    public async Task<AiSystem> SetPolicyAsync(Person who, Guid id, EnvironmentPolicy policy, CancellationToken ct)
    {
        var system = await GetAsync(who, id, ct);
        who.Require(system.TeamId, Permission.WritePolicies);
        if (policy.RetentionDays is < 1 or > MaxRetentionDays)
        {
            throw new ProblemException(Problem.Invalid("retention_days", $"must be between 1 and {MaxRetentionDays}"));
        }

        var before = system.Environments.First(p => p.Environment == policy.Environment).GuardPolicy;
        var guard = policy.GuardPolicy switch { null => before, GuardPolicyNames.Default => null, { } chosen => chosen };
        if (guard is not null && guard != before && !_policies.Known().Contains(guard))
        {
            throw new ProblemException(
                Problem.Invalid("guard_policy", $"must be one of {string.Join(", ", _policies.Known())}, or '{GuardPolicyNames.Default}'"));
        }

        policy = policy with { GuardPolicy = guard };
        return await _writes.RunOnAllAsync(
            async write =>
            {
                await write.Sql.ExecuteAsync($"""
                    INSERT INTO governance_policy (team_id, system_id, environment, store_content, retention_days, guard_policy)
                    VALUES ({system.TeamId}, {id}, {Words.Of(policy.Environment)}, {policy.StoreContent}, {policy.RetentionDays}, {guard})
                    ON CONFLICT (team_id, system_id, environment)
                    DO UPDATE SET store_content = excluded.store_content, retention_days = excluded.retention_days, guard_policy = excluded.guard_policy
                    """, ct);
                await write.AuditAsync(
                    who, "policy.set", system.TeamId, system.Name, id,
                    $"{Words.Of(policy.Environment)}: store_content {(policy.StoreContent ? "on" : "off")}, retention_days {policy.RetentionDays}"
                    + (guard == before
                        ? ""
                        : $", guard_policy {before ?? GuardPolicyNames.Default} -> {guard ?? GuardPolicyNames.Default}"),
                    ct);
                return system with { Environments = SystemRows.Environments([policy, .. system.Environments]) };
            },
            ct);
    }

    internal static async Task<AiSystem> AddAsync(GovernanceWrite write, Person who, Team team, NewSystem system, CancellationToken ct)
    {
        var created = new AiSystem(
            Guid.CreateVersion7(write.At), team.Id, team.Name, system.Name, system.Purpose, system.Owner, system.Stage,
            SystemRows.Environments([]), write.At);
        var added = await write.Sql.ExecuteAsync($"""
            INSERT INTO governance_system (team_id, id, name, purpose, owner, stage, created_at)
            VALUES ({team.Id}, {created.Id}, {created.Name}, {created.Purpose}, {created.Owner}, {Words.Of(created.Stage)}, {created.CreatedAt})
            ON CONFLICT (team_id, name) DO NOTHING
            """, ct);
        if (added == 0)
        {
            throw new ProblemException(Problem.Conflict("system", system.Name));
        }

        await write.AuditAsync(who, "system.create", team.Id, created.Name, created.Id, $"stage {Words.Of(created.Stage)}", ct);
        return created;
    }

    private static string Difference(AiSystem before, AiSystem after)
    {
        var changes = new List<string>();
        if (before.Purpose != after.Purpose)
        {
            changes.Add("purpose");
        }

        if (before.Owner != after.Owner)
        {
            changes.Add($"owner {before.Owner} -> {after.Owner}");
        }

        if (before.Stage != after.Stage)
        {
            changes.Add($"stage {Words.Of(before.Stage)} -> {Words.Of(after.Stage)}");
        }

        if (before.Residency != after.Residency)
        {
            changes.Add($"residency {before.Residency ?? Anywhere} -> {after.Residency ?? Anywhere}");
        }

        if (before.DataClassification != after.DataClassification && after.DataClassification is { } data)
        {
            changes.Add($"data_classification {(before.DataClassification is { } was ? Words.Of(was) : "not stated")} -> {Words.Of(data)}");
        }

        return string.Join(", ", changes);
    }
}
