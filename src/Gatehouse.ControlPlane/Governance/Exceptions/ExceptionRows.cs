using System.Text.Json;
using Gatehouse.Storage;

namespace Gatehouse.Governance;

/// <summary>Reads table <c>governance_exception</c>.</summary>
internal static class ExceptionRows
{
    /// <param name="where">A condition over <c>e</c> (the exception), with the word WHERE, or empty.</param>
    /// <param name="now">Decides which are over.</param>
    public static Task<List<PolicyException>> ReadAsync(
        Database db, FormattableString where, DateTimeOffset now, CancellationToken ct, int limit = int.MaxValue) =>
        db.QueryAsync(
            $"""
            SELECT e.id, e.team_id, e.system_id, s.name, e.detector, e.types, e.until_at, e.reason, e.requested_by_id, e.requested_by, e.made_at,
                e.approved, e.decided_by, e.decided_at, e.decision, e.revoked_by, e.revoked_at
            FROM governance_exception e JOIN governance_system s ON s.team_id = e.team_id AND s.id = e.system_id {where}
            ORDER BY e.id DESC LIMIT {limit}
            """,
            row => Read(row, now),
            ct);

    /// <summary>Those that hold or may hold again: approved and not revoked. The time of a call decides about their end.</summary>
    public static Task<List<PolicyException>> ReadApprovedAsync(Database db, DateTimeOffset now, CancellationToken ct) =>
        ReadAsync(db, $"WHERE {Is(ExceptionState.Approved, now)}", now, ct);

    /// <summary>A condition over <c>e</c>; says the same as <see cref="Read"/>.</summary>
    public static FormattableString Is(ExceptionState state, DateTimeOffset now) => state switch
    {
        ExceptionState.Revoked => $"e.revoked_at IS NOT NULL",
        ExceptionState.Declined => $"e.revoked_at IS NULL AND e.approved = {false}",
        ExceptionState.Requested => $"e.revoked_at IS NULL AND e.approved IS NULL AND e.until_at > {now}",
        ExceptionState.Approved => $"e.revoked_at IS NULL AND e.approved = {true} AND e.until_at > {now}",
        _ => $"e.revoked_at IS NULL AND (e.approved IS NULL OR e.approved = {true}) AND e.until_at <= {now}",
    };

    private static PolicyException Read(Row row, DateTimeOffset now)
    {
        var until = row.Instant(6);
        var state = !row.IsNull(16) ? ExceptionState.Revoked
            : row.IsNull(11) ? now >= until ? ExceptionState.Expired : ExceptionState.Requested
            : !row.Bool(11) ? ExceptionState.Declined
            : now >= until ? ExceptionState.Expired
            : ExceptionState.Approved;
        return new PolicyException(
            row.Id(0), row.Id(1), row.Id(2), row.Text(3), row.TextOrNull(4),
            JsonSerializer.Deserialize(row.Text(5), GovernanceJson.Default.IReadOnlyListString) ?? [], until, row.Text(7), state,
            row.Text(9), row.Instant(10), row.TextOrNull(12), row.InstantOrNull(13), row.TextOrNull(14), row.TextOrNull(15),
            row.InstantOrNull(16))
        {
            RequestedById = row.Id(8),
        };
    }
}
