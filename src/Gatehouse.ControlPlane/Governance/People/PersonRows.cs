using Gatehouse.Contracts;
using Gatehouse.Storage;

namespace Gatehouse.Governance;

/// <summary>A row of <c>governance_person</c> with its memberships.</summary>
/// <param name="Local">The command line of this machine: holds a token, cannot sign in.</param>
internal sealed record PersonRow(
    Person Person, bool Local, string? PasswordHash, string Stamp, DateTimeOffset CreatedAt, DateTimeOffset? LastSeenAt);

/// <summary>Reads people.</summary>
internal static class PersonRows
{
    /// <param name="where">A condition over <c>p</c> with the word WHERE, or empty.</param>
    public static async Task<List<PersonRow>> ReadAsync(Database db, FormattableString where, CancellationToken ct)
    {
        var memberships = (await db.QueryAsync(Memberships(where), ReadMembership, ct)).ToLookup(m => m.PersonId, m => m.Membership);
        return await db.QueryAsync(People(where), row => Read(row, memberships), ct);
    }

    /// <inheritdoc cref="ReadAsync(Database, FormattableString, CancellationToken)"/>
    public static async Task<List<PersonRow>> ReadAsync(Transaction sql, FormattableString where, CancellationToken ct)
    {
        var memberships = (await sql.QueryAsync(Memberships(where), ReadMembership, ct)).ToLookup(m => m.PersonId, m => m.Membership);
        return await sql.QueryAsync(People(where), row => Read(row, memberships), ct);
    }

    private static FormattableString Memberships(FormattableString where) =>
        $"SELECT m.person_id, m.team_id, m.role FROM governance_membership m JOIN governance_person p ON p.id = m.person_id {where}";

    private static FormattableString People(FormattableString where) =>
        $"""
        SELECT p.id, p.email, p.name, p.local, p.password_hash, p.stamp, p.created_at, p.last_seen_at
        FROM governance_person p {where} ORDER BY p.email
        """;

    private static (Guid PersonId, Membership Membership) ReadMembership(Row row) =>
        (row.Id(0), new Membership(row.IdOrNull(1), Words.Parse<Role>(row.Text(2))));

    private static PersonRow Read(Row row, ILookup<Guid, Membership> memberships) => new(
        new Person(row.Id(0), row.Text(1), row.Text(2), [.. memberships[row.Id(0)]]),
        row.Bool(3),
        row.TextOrNull(4),
        row.Text(5),
        row.Instant(6),
        row.InstantOrNull(7));
}
