using Gatehouse.Storage;

namespace Gatehouse.Governance;

/// <summary>Reads tables <c>governance_guard_policy</c> and <c>governance_guard_policy_force</c>.</summary>
internal static class KeptPolicyRows
{
    /// <summary>A condition over <c>p</c>.</summary>
    public static FormattableString IsNewest =>
        $"p.number = (SELECT MAX(n.number) FROM governance_guard_policy n WHERE n.name = p.name)";

    /// <param name="where">A condition over <c>p</c> (the revision) and <c>f</c> (what is in force), with the word WHERE.</param>
    public static Task<List<PolicyRevision>> ReadAsync(
        Database db, FormattableString where, CancellationToken ct, int limit = int.MaxValue) => db.QueryAsync(
        $"""
        SELECT p.name, p.number, p.hash, p.text, p.note, p.person, p.made_at, f.number
        FROM governance_guard_policy p LEFT JOIN governance_guard_policy_force f ON f.name = p.name {where}
        ORDER BY p.name, p.number DESC LIMIT {limit}
        """,
        row => new PolicyRevision(
            row.Text(0), row.Long(1), row.Text(2), row.Text(3), row.Text(4), row.Text(5), row.Instant(6), row.LongOrNull(7) == row.Long(1)),
        ct);

    public static Task<List<PolicyRevision>> ReadInForceAsync(Database db, CancellationToken ct) =>
        ReadAsync(db, $"WHERE f.number = p.number", ct);
}
