using Gatehouse.Contracts;
using Gatehouse.Storage;

namespace Gatehouse.Governance;

/// <summary>A token without its secret.</summary>
public sealed record AccessToken(Guid Id, string Name, string Prefix, DateTimeOffset CreatedAt, DateTimeOffset? ExpiresAt);

/// <summary>A token just made, with the secret that is shown this once.</summary>
public sealed record CreatedToken(AccessToken Entry, string Secret);

/// <summary>A person's own tokens for the command line and the API. Owns table <c>governance_token</c>.</summary>
public sealed class AccessTokens
{
    private const int MaxNameChars = 100;

    private readonly Database _db;
    private readonly Secrets _secrets;
    private readonly GovernanceWrites _writes;
    private readonly TimeProvider _clock;

    internal AccessTokens(Database db, Secrets secrets, GovernanceWrites writes, TimeProvider clock)
    {
        _db = db;
        _secrets = secrets;
        _writes = writes;
        _clock = clock;
    }

    /// <summary>The person's own, newest first.</summary>
    public async Task<IReadOnlyList<AccessToken>> ListAsync(Person who, CancellationToken ct) => await _db.QueryAsync(
        $"SELECT id, name, prefix, created_at, expires_at FROM governance_token WHERE person_id = {who.Id} ORDER BY id DESC",
        row => new AccessToken(row.Id(0), row.Text(1), row.Text(2), row.Instant(3), row.InstantOrNull(4)),
        ct);

    /// <summary>The token may do what the person may, then and later.</summary>
    /// <exception cref="ProblemException">A field is wrong.</exception>
    public async Task<CreatedToken> CreateAsync(Person who, string name, DateTimeOffset? expiresAt, CancellationToken ct)
    {
        var valid = Words.Text("name", name, MaxNameChars);
        var expires = Expiry.Check(expiresAt, _clock);
        return await _writes.RunOnAllAsync(write => AddAsync(write, _secrets, who, valid, expires, ct), ct);
    }

    /// <exception cref="ProblemException">404: the person has no such token.</exception>
    public Task RevokeAsync(Person who, Guid tokenId, CancellationToken ct) => _writes.RunOnAllAsync(
        async write =>
        {
            var gone = await write.Sql.QueryAsync(
                $"DELETE FROM governance_token WHERE id = {tokenId} AND person_id = {who.Id} RETURNING name, prefix",
                row => (Name: row.Text(0), Prefix: row.Text(1)),
                ct);
            if (gone is not [var token])
            {
                throw new ProblemException(Problem.NotFound("token", tokenId.ToString()));
            }

            await write.AuditAsync(who, "token.revoke", null, token.Name, tokenId, token.Prefix, ct);
            return true;
        },
        ct);

    internal static async Task<CreatedToken> AddAsync(
        GovernanceWrite write, Secrets secrets, Person who, string name, DateTimeOffset? expiresAt, CancellationToken ct)
    {
        var secret = secrets.Token();
        var token = new AccessToken(Guid.CreateVersion7(write.At), name, secret.Prefix, write.At, expiresAt);
        await write.Sql.ExecuteAsync($"""
            INSERT INTO governance_token (id, person_id, name, prefix, hash, created_at, expires_at)
            VALUES ({token.Id}, {who.Id}, {name}, {token.Prefix}, {secret.Hash.ToBytes()}, {token.CreatedAt}, {token.ExpiresAt})
            """, ct);
        await write.AuditAsync(who, "token.create", null, name, token.Id, secret.Prefix, ct);
        return new CreatedToken(token, secret.Text);
    }
}
