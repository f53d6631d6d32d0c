using Gatehouse.Contracts;
using Gatehouse.Storage;

namespace Gatehouse.Governance;

/// <summary>Reads <see cref="GovernanceRows"/> from the database.</summary>
internal sealed class GovernanceReader(Database db, TimeProvider clock)
{
    public async Task<long> RevisionAsync(CancellationToken ct) =>
        (await db.QueryAsync($"SELECT revision FROM governance_revision WHERE id = {1}", row => row.Long(0), ct))[0];

    /// <summary>
    /// The revision is read first: a change that commits in between may be in the tables already, and is looked at again
    /// because its revision is higher.
    /// </summary>
    public async Task<GovernanceRows> ReadAsync(CancellationToken ct) => new(
        await RevisionAsync(ct),
        await db.QueryAsync(
            $"SELECT id, system_id, environment, hash, expires_at, revoked_at FROM governance_key",
            row => new KeyRow(
                row.Id(0), row.Id(1), Words.Parse<SystemEnvironment>(row.Text(2)), row.Bytes(3), row.InstantOrNull(4), !row.IsNull(5)),
            ct),
        await SystemRows.ReadAsync(db, $"", ct),
        (await db.QueryAsync($"SELECT id, name FROM governance_team", row => (Id: row.Id(0), Name: row.Text(1)), ct))
            .ToDictionary(t => t.Id, t => t.Name),
        await db.QueryAsync(
            $"SELECT hash, person_id, expires_at FROM governance_token",
            row => new TokenRow(row.Bytes(0), row.Id(1), row.InstantOrNull(2)), ct),
        await SwitchRows.ReadAsync(db, ct),
        await db.QueryAsync($"SELECT {BudgetRows.Columns} FROM governance_budget b", BudgetRows.Read, ct),
        await db.QueryAsync($"SELECT {BudgetRows.LimitColumns} FROM governance_limit b", BudgetRows.ReadLimit, ct),
        await StoredSecretRows.ReadAsync(db, ct),
        await KeptPolicyRows.ReadInForceAsync(db, ct),
        await ExceptionRows.ReadApprovedAsync(db, clock.GetUtcNow(), ct),
        [.. (await PersonRows.ReadAsync(db, $"", ct)).Select(p => new KnownPerson(p.Person, p.Stamp))],
        await BreakerRows.ReadAsync(db, ct),
        await KeyRingStore.ReadAsync(db, ct));
}
