using Gatehouse.Contracts;
using Gatehouse.Gateway.Routing;
using Gatehouse.Storage;

namespace Gatehouse.Governance;

/// <summary>Builds <see cref="GovernanceTables"/> from the database.</summary>
internal sealed class GovernanceReader(Database db, InstallationSecret secret, TimeProvider clock)
{
    public async Task<long> RevisionAsync(CancellationToken ct) =>
        (await db.QueryAsync($"SELECT revision FROM governance_revision WHERE id = {1}", row => row.Long(0), ct))[0];

    /// <summary>
    /// The revision is read first: a change that commits in between may be in the tables already, and is looked at again
    /// because its revision is higher.
    /// </summary>
    public async Task<GovernanceTables> ReadAsync(CancellationToken ct)
    {
        var revision = await RevisionAsync(ct);
        var keys = await db.QueryAsync(
            $"SELECT id, system_id, environment, hash, expires_at, revoked_at FROM governance_key",
            row => (Id: row.Id(0), SystemId: row.Id(1), Environment: Words.Parse<SystemEnvironment>(row.Text(2)),
                Hash: KeyHash.FromBytes(row.Bytes(3)), ExpiresAt: row.InstantOrNull(4), Revoked: !row.IsNull(5)),
            ct);
        var systems = (await SystemRows.ReadAsync(db, $"", ct)).ToDictionary(s => s.Id);
        var teams = await db.QueryAsync($"SELECT id, name FROM governance_team", row => (Id: row.Id(0), Name: row.Text(1)), ct);
        var tokens = await db.QueryAsync(
            $"SELECT hash, person_id, expires_at FROM governance_token",
            row => (Hash: KeyHash.FromBytes(row.Bytes(0)), Token: new KnownToken(row.Id(1), row.InstantOrNull(2))),
            ct);
        var switches = await SwitchRows.ReadAsync(db, ct);
        var budgets = await db.QueryAsync($"SELECT {BudgetRows.Columns} FROM governance_budget b", BudgetRows.Read, ct);
        var limits = await db.QueryAsync($"SELECT {BudgetRows.LimitColumns} FROM governance_limit b", BudgetRows.ReadLimit, ct);
        var secrets = await StoredSecretRows.ReadAsync(db, secret, strict: false, ct);
        var people = await PersonRows.ReadAsync(db, $"", ct);
        var policies = await KeptPolicyRows.ReadInForceAsync(db, ct);
        var exceptions = await ExceptionRows.ReadApprovedAsync(db, clock.GetUtcNow(), ct);

        return new GovernanceTables
        {
            Revision = revision,
            Keys = keys.Where(k => systems.ContainsKey(k.SystemId)).ToDictionary(
                k => k.Hash, k => PrincipalOf(k, systems[k.SystemId], switches)),
            Teams = teams.ToDictionary(t => t.Id, t => t.Name),
            Systems = systems,
            KillSwitches = new KillSwitches(Reasons(SwitchKind.Provider), Reasons(SwitchKind.Model), Reasons(SwitchKind.Route)),
            Limits = [.. budgets.Select(BudgetRows.RuleOf), .. limits.SelectMany(BudgetRows.RulesOf)],
            Breakers = await BreakerRows.ReadAsync(db, ct),
            StoredSecrets = secrets,
            GuardPolicies = policies,
            Exceptions = exceptions,
            People = people.ToDictionary(p => p.Person.Id, p => new KnownPerson(p.Person, p.Stamp)),
            Tokens = tokens.ToDictionary(t => t.Hash, t => t.Token),
        };

        Dictionary<string, string> Reasons(SwitchKind kind) =>
            switches.Where(s => s.Kind == kind).ToDictionary(s => s.Subject, s => s.Reason, StringComparer.Ordinal);
    }

    private static Principal PrincipalOf(
        (Guid Id, Guid SystemId, SystemEnvironment Environment, KeyHash Hash, DateTimeOffset? ExpiresAt, bool Revoked) key, AiSystem system,
        List<Switch> switches) =>
        new(
            key.Id,
            system.TeamId,
            system.Id,
            system.Name,
            key.Environment,
            system.Stage,
            system.Environments.First(p => p.Environment == key.Environment).StoreContent,
            key.ExpiresAt,
            key.Revoked)
        {
            Residency = system.Residency,
            DataClassification = system.DataClassification,
            GuardPolicy = system.Environments.First(p => p.Environment == key.Environment).GuardPolicy,
            Off = Off(SwitchKind.System, system.Id, $"The system '{system.Name}'", switches) ?? Off(
                SwitchKind.Key, key.Id, "This key", switches),
        };

    private static string? Off(SwitchKind kind, Guid id, string subject, List<Switch> switches) =>
        switches.Find(s => s.Kind == kind && s.Subject == id.ToString()) is { } found ? $"{subject} is switched off: {found.Reason}" : null;
}
