using Gatehouse.Storage;

namespace Gatehouse.Governance;

/// <summary>Links that work once: the first administrator's and invitations. Owns table <c>governance_link</c>.</summary>
internal static class OneTimeLinks
{
    private static readonly TimeSpan Life = TimeSpan.FromDays(7);

    public static string Path(NewSecret link) => $"/welcome/{link.Text}";

    /// <param name="personId">Who is invited; <see langword="null"/> for the first administrator.</param>
    public static Task AddAsync(GovernanceWrite write, NewSecret link, Guid? personId, CancellationToken ct) =>
        write.Sql.ExecuteAsync($"""
            INSERT INTO governance_link (hash, person_id, expires_at) VALUES ({link.Hash.ToBytes()}, {personId}, {write.At + Life})
            """, ct);

    /// <summary>Uses the link up.</summary>
    /// <returns>Whose it was (a null id for the first administrator's), or <see langword="null"/> when it is unknown, used or too
    /// old.</returns>
    public static async Task<OneTimeLink?> TakeAsync(GovernanceWrite write, byte[] hash, CancellationToken ct) =>
        (await write.Sql.QueryAsync(
            $"DELETE FROM governance_link WHERE hash = {hash} AND expires_at > {write.At} RETURNING person_id",
            row => new OneTimeLink(row.IdOrNull(0)),
            ct)).SingleOrDefault();

    /// <summary>Looks without using it up.</summary>
    public static async Task<OneTimeLink?> FindAsync(Database db, byte[] hash, DateTimeOffset now, CancellationToken ct) =>
        (await db.QueryAsync(
            $"SELECT person_id FROM governance_link WHERE hash = {hash} AND expires_at > {now}", row =>
                new OneTimeLink(row.IdOrNull(0)), ct))
        .SingleOrDefault();
}

/// <param name="PersonId"><see langword="null"/> for the first administrator's.</param>
internal sealed record OneTimeLink(Guid? PersonId);
