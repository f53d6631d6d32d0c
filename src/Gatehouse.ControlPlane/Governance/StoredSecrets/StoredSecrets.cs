using Gatehouse.Contracts;
using Gatehouse.Storage;

namespace Gatehouse.Governance;

/// <summary>A stored secret without its value, which nothing returns.</summary>
/// <param name="Person">Who set it last.</param>
/// <param name="InUse">Whether the configuration in force refers to it.</param>
public sealed record StoredSecret(string Name, DateTimeOffset CreatedAt, DateTimeOffset ChangedAt, string Person, bool InUse);

/// <summary>What this module asks of whoever uses the stored secrets; the host joins it.</summary>
public sealed record SecretsJoint
{
    public static readonly SecretsJoint None = new();

    /// <summary>Names that the configuration in force refers to.</summary>
    public Func<IReadOnlyCollection<string>> InUse { get; init; } = static () => [];

    /// <summary>Ends when this node uses the values that were just published.</summary>
    public Func<CancellationToken, Task> ApplyAsync { get; init; } = static _ => Task.CompletedTask;
}

/// <summary>
/// Credentials kept in Gatehouse, encrypted: <c>${secret:NAME}</c> in the configuration stands for one. Values go in and never come out.
/// Owns table <c>governance_secret</c>.
/// </summary>
public sealed class StoredSecrets
{
    private const int MaxValueChars = 64 << 10;

    private readonly Database _db;
    private readonly InstallationSecret _secret;
    private readonly GovernanceWrites _writes;
    private readonly SecretsJoint _joint;

    internal StoredSecrets(Database db, InstallationSecret secret, GovernanceWrites writes, SecretsJoint joint)
    {
        _db = db;
        _secret = secret;
        _writes = writes;
        _joint = joint;
    }

    /// <summary>For a command that works on the database itself while no server runs.</summary>
    /// <param name="inUse">Names that the configuration refers to.</param>
    /// <exception cref="DatabaseException">The database was written under another installation secret.</exception>
    public static async Task<StoredSecrets> OpenAsync(
        Database db, InstallationSecret secret, IReadOnlyCollection<string> inUse, TimeProvider clock, CancellationToken ct)
    {
        await InstallationCheck.RunAsync(db, secret, ct);
        var publisher = new GovernancePublisher(
            new GovernanceReader(db, clock), secret, new GovernanceChanges(new Snapshot<GovernanceTables>(GovernanceTables.Empty)), clock);
        return new StoredSecrets(db, secret, new GovernanceWrites(db, publisher, clock), new SecretsJoint { InUse = () => inUse });
    }

    /// <summary>Every value by its name, for the configuration.</summary>
    /// <exception cref="DatabaseException">One cannot be opened.</exception>
    public static async Task<IReadOnlyDictionary<string, string>> ReadAsync(
        Database db, InstallationSecret secret, CancellationToken ct) =>
        StoredSecretRows.Open(await StoredSecretRows.ReadAsync(db, ct), secret, strict: true);

    public async Task<IReadOnlyList<StoredSecret>> ListAsync(Person who, CancellationToken ct)
    {
        who.RequireEverywhere(Permission.WriteSecrets);
        var used = _joint.InUse();
        return await _db.QueryAsync(
            $"SELECT name, made_at, changed_at, person FROM governance_secret ORDER BY name",
            row => new StoredSecret(row.Text(0), row.Instant(1), row.Instant(2), row.Text(3), used.Contains(row.Text(0))),
            ct);
    }

    /// <summary>
    /// Stores a value under a name, in place of the one before. It is used on this node when this returns, on the others within a second.
    /// </summary>
    /// <exception cref="ProblemException">The person may not, or name or value break the rule.</exception>
    public async Task<StoredSecret> SetAsync(Person who, string name, string value, CancellationToken ct)
    {
        who.RequireEverywhere(Permission.WriteSecrets);
        var valid = Words.Name("name", name);
        var text = value.Trim('\r', '\n', ' ', '\t');
        if (text.Length is 0 or > MaxValueChars || text.Contains('\0', StringComparison.Ordinal))
        {
            throw new ProblemException(Problem.Invalid("value", $"must be 1 to {MaxValueChars} characters"));
        }

        var made = await _writes.RunAsync(
            async write =>
            {
                var madeAt = (await write.Sql.QueryAsync(
                    $"""
                    INSERT INTO governance_secret (name, value, made_at, changed_at, person)
                    VALUES ({valid}, {StoredSecretRows.Seal(_secret, valid, text)}, {write.At}, {write.At}, {who.Email})
                    ON CONFLICT (name) DO UPDATE SET value = excluded.value, changed_at = excluded.changed_at, person = excluded.person
                    RETURNING made_at
                    """,
                    row => row.Instant(0),
                    ct))[0];
                await write.AuditAsync(who, "secret.set", null, valid, null, madeAt == write.At ? "made" : "changed", ct);
                return new StoredSecret(valid, madeAt, write.At, who.Email, _joint.InUse().Contains(valid));
            },
            ct);
        await _joint.ApplyAsync(CancellationToken.None);
        return made;
    }

    /// <exception cref="ProblemException">The person may not, there is none of this name, or the configuration refers to it.</exception>
    public async Task RemoveAsync(Person who, string name, CancellationToken ct)
    {
        who.RequireEverywhere(Permission.WriteSecrets);
        if (_joint.InUse().Contains(name))
        {
            throw new ProblemException(new Problem(
                "secret_in_use", 409,
                $"The configuration refers to '{name}', and Gatehouse would not start again without it: remove ${{secret:{name}}} there first."));
        }

        await _writes.RunAsync(
            async write =>
            {
                if (await write.Sql.ExecuteAsync($"DELETE FROM governance_secret WHERE name = {name}", ct) == 0)
                {
                    throw new ProblemException(Problem.NotFound("secret", name.Length <= Words.MaxNameChars ? name : "…"));
                }

                await write.AuditAsync(who, "secret.remove", null, name, null, "", ct);
                return true;
            },
            ct);
    }
}
