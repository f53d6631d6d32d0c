using Gatehouse.Contracts;
using Gatehouse.Storage;

namespace Gatehouse.Governance;

/// <summary>A key to be made.</summary>
/// <param name="ExpiresAt"><see langword="null"/>: never.</param>
public sealed record NewKey(SystemEnvironment Environment, string Name, DateTimeOffset? ExpiresAt);

/// <summary>Keys of systems. Owns table <c>governance_key</c>, which holds a keyed hash and never the key.</summary>
public sealed class Keys
{
    private const int MaxNameChars = 100;

    private readonly Database _db;
    private readonly Systems _systems;
    private readonly Secrets _secrets;
    private readonly GovernanceWrites _writes;
    private readonly TimeProvider _clock;

    internal Keys(Database db, Systems systems, Secrets secrets, GovernanceWrites writes, TimeProvider clock)
    {
        _db = db;
        _systems = systems;
        _secrets = secrets;
        _writes = writes;
        _clock = clock;
    }

    /// <summary>Newest first, revoked and expired ones included.</summary>
    /// <exception cref="ProblemException">404: there is no such system that the person may see.</exception>
    public async Task<IReadOnlyList<ApiKey>> ListAsync(Person who, Guid systemId, CancellationToken ct)
    {
        var system = await _systems.GetAsync(who, systemId, ct);
        return [.. (await ReadAsync($"k.team_id = {system.TeamId} AND k.system_id = {systemId}", ct)).Select(k => k.Key)];
    }

    /// <returns>The key with its secret, which nothing shows again.</returns>
    /// <exception cref="ProblemException">There is no such system, the person may not, the system is retired, or a field is
    /// wrong.</exception>
    public async Task<CreatedKey> CreateAsync(Person who, Guid systemId, NewKey key, CancellationToken ct)
    {
        var system = await _systems.GetAsync(who, systemId, ct);
        who.Require(system.TeamId, Permission.WriteKeys);
        if (system.Stage == SystemStage.Retired)
        {
            throw new ProblemException(new Problem(
                "system_retired", 409, $"The system '{system.Name}' is retired and gets no keys; change its stage first."));
        }

        var expires = Expiry.Check(key.ExpiresAt, _clock);
        var valid = key with { Name = Words.Text("name", key.Name, MaxNameChars), ExpiresAt = expires };
        return await _writes.RunOnAllAsync(write => AddAsync(write, _secrets, who, system, valid, ct), ct);
    }

    /// <summary>Refuses the key on every node when this returns. Revoking twice changes nothing.</summary>
    /// <param name="reason">Goes to the audit log; <see langword="null"/> when none was given.</param>
    /// <exception cref="ProblemException">There is no such key, the person may not, or the reason is too long.</exception>
    public async Task<ApiKey> RevokeAsync(Person who, Guid keyId, string? reason, CancellationToken ct)
    {
        var (key, teamId) = await FindAsync(who, keyId, ct);
        who.Require(teamId, Permission.WriteKeys);
        return key.RevokedAt is not null ? key : await _writes.RunOnAllAsync(
            async write =>
            {
                await write.Sql.ExecuteAsync($"""
                    UPDATE governance_key SET revoked_at = {write.At} WHERE team_id = {teamId} AND id = {keyId} AND revoked_at IS NULL
                    """, ct);
                await write.AuditAsync(
                    who, "key.revoke", teamId, $"{key.System}/{key.Name}", keyId, Words.WithReason(key.Prefix, reason), ct);
                return key with { RevokedAt = write.At };
            },
            ct);
    }

    /// <exception cref="ProblemException">404: there is none that the person may see.</exception>
    internal async Task<(ApiKey Key, Guid TeamId)> FindAsync(Person who, Guid keyId, CancellationToken ct) =>
        await ReadAsync($"k.id = {keyId}", ct) is [var found] && who.May(found.TeamId, Permission.Read)
            ? found
            : throw new ProblemException(Problem.NotFound("key", keyId.ToString()));

    internal static async Task<CreatedKey> AddAsync(
        GovernanceWrite write, Secrets secrets, Person who, AiSystem system, NewKey key, CancellationToken ct)
    {
        var secret = secrets.Key(key.Environment);
        var created = new ApiKey(
            Guid.CreateVersion7(write.At), system.Id, system.Name, key.Environment, key.Name, secret.Prefix, who.Email, write.At,
            key.ExpiresAt, null);
        await write.Sql.ExecuteAsync($"""
            INSERT INTO governance_key (team_id, id, system_id, environment, name, prefix, hash, created_by, created_at, expires_at)
            VALUES ({system.TeamId}, {created.Id}, {system.Id}, {Words.Of(key.Environment)}, {key.Name}, {secret.Prefix},
                {secret.Hash.ToBytes()}, {created.CreatedBy}, {created.CreatedAt}, {created.ExpiresAt})
            """, ct);
        await write.AuditAsync(
            who, "key.create", system.TeamId, $"{system.Name}/{key.Name}", created.Id, $"{Words.Of(key.Environment)} {secret.Prefix}", ct);
        return new CreatedKey(created, secret.Text);
    }

    private Task<List<(ApiKey Key, Guid TeamId)>> ReadAsync(FormattableString condition, CancellationToken ct) => _db.QueryAsync(
        $"""
        SELECT k.id, k.system_id, s.name, k.environment, k.name, k.prefix, k.created_by, k.created_at, k.expires_at, k.revoked_at, k.team_id
        FROM governance_key k JOIN governance_system s ON s.team_id = k.team_id AND s.id = k.system_id
        WHERE {condition}
        ORDER BY k.id DESC
        """,
        row => (
            new ApiKey(
                row.Id(0), row.Id(1), row.Text(2), Words.Parse<SystemEnvironment>(row.Text(3)), row.Text(4), row.Text(5), row.Text(6),
                row.Instant(7), row.InstantOrNull(8), row.InstantOrNull(9)),
            row.Id(10)),
        ct);
}
