using Gatehouse.Contracts;
using Gatehouse.Gateway.Breakers;
using Gatehouse.Gateway.Routing;

namespace Gatehouse.Governance;

/// <summary>
/// What <see cref="GovernanceTables"/> are made of, as it lies in the database: hashes in place of keys and tokens, stored secrets and the
/// key ring of sessions sealed. A node keeps it on its disk too (<see cref="TablesFile"/>): a change of it is a change of that format.
/// </summary>
internal sealed record GovernanceRows(
    long Revision,
    IReadOnlyList<KeyRow> Keys,
    IReadOnlyList<AiSystem> Systems,
    IReadOnlyDictionary<Guid, string> Teams,
    IReadOnlyList<TokenRow> Tokens,
    IReadOnlyList<Switch> Switches,
    IReadOnlyList<Budget> Budgets,
    IReadOnlyList<RateLimit> Limits,
    IReadOnlyList<SealedSecret> Secrets,
    IReadOnlyList<PolicyRevision> Policies,
    IReadOnlyList<PolicyException> Exceptions,
    IReadOnlyList<KnownPerson> People,
    IReadOnlyList<SharedBreaker> Breakers,
    IReadOnlyList<string> RingKeys)
{
    public GovernanceTables ToTables(InstallationSecret secret)
    {
        var systems = Systems.ToDictionary(s => s.Id);
        return new GovernanceTables
        {
            Revision = Revision,
            Keys = Keys.Where(k => systems.ContainsKey(k.SystemId)).ToDictionary(
                k => KeyHash.FromBytes(k.Hash), k => PrincipalOf(k, systems[k.SystemId])),
            Teams = Teams,
            Systems = systems,
            KillSwitches = new KillSwitches(Reasons(SwitchKind.Provider), Reasons(SwitchKind.Model), Reasons(SwitchKind.Route)),
            Limits = [.. Budgets.Select(BudgetRows.RuleOf), .. Limits.SelectMany(BudgetRows.RulesOf)],
            Breakers = Breakers,
            StoredSecrets = StoredSecretRows.Open(Secrets, secret, strict: false),
            GuardPolicies = Policies,
            Exceptions = Exceptions,
            People = People.ToDictionary(p => p.Person.Id),
            Tokens = Tokens.ToDictionary(t => KeyHash.FromBytes(t.Hash), t => new KnownToken(t.PersonId, t.ExpiresAt)),
        };

        Dictionary<string, string> Reasons(SwitchKind kind) =>
            Switches.Where(s => s.Kind == kind).ToDictionary(s => s.Subject, s => s.Reason, StringComparer.Ordinal);
    }

    private Principal PrincipalOf(KeyRow key, AiSystem system)
    {
        var policy = system.Environments.First(p => p.Environment == key.Environment);
        return new(
            key.Id, system.TeamId, system.Id, system.Name, key.Environment, system.Stage, policy.StoreContent, key.ExpiresAt, key.Revoked)
        {
            Residency = system.Residency,
            DataClassification = system.DataClassification,
            GuardPolicy = policy.GuardPolicy,
            Off = Off(SwitchKind.System, system.Id, $"The system '{system.Name}'") ?? Off(SwitchKind.Key, key.Id, "This key"),
        };
    }

    private string? Off(SwitchKind kind, Guid id, string subject) =>
        Switches.FirstOrDefault(s => s.Kind == kind && s.Subject == id.ToString()) is { } found
            ? $"{subject} is switched off: {found.Reason}"
            : null;
}

internal sealed record KeyRow(
    Guid Id, Guid SystemId, SystemEnvironment Environment, byte[] Hash, DateTimeOffset? ExpiresAt, bool Revoked);

internal sealed record TokenRow(byte[] Hash, Guid PersonId, DateTimeOffset? ExpiresAt);

/// <param name="Value">Encrypted under the installation's secret.</param>
internal sealed record SealedSecret(string Name, byte[] Value);
