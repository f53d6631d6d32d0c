using Gatehouse.Contracts;
using Gatehouse.Gateway.Breakers;
using Gatehouse.Storage;

namespace Gatehouse.Governance;

/// <summary>Table <c>governance_breaker</c>: how each breaker stands, for all nodes. The last change counts.</summary>
internal static class BreakerRows
{
    /// <summary>Those that ever opened.</summary>
    public static Task<List<SharedBreaker>> ReadAsync(Database db, CancellationToken ct) => db.QueryAsync(
        $"SELECT system_id, environment, name, is_open, until_at, changed_at FROM governance_breaker",
        row => new SharedBreaker(
            row.Id(0), Words.Parse<SystemEnvironment>(row.Text(1)), row.Text(2), row.Bool(3), row.Long(4), row.Long(5)),
        ct);

    /// <returns>
    /// <see langword="false"/> when a later change is there, or another node has opened it already: two that come to the threshold together
    /// open it once.
    /// </returns>
    public static async Task<bool> TryWriteAsync(Transaction sql, Guid teamId, SharedBreaker state, CancellationToken ct) =>
        await sql.ExecuteAsync($"""
            INSERT INTO governance_breaker (team_id, system_id, environment, name, is_open, until_at, changed_at)
            VALUES ({teamId}, {state.SystemId}, {Words.Of(state.Environment)}, {state.Name}, {state.IsOpen}, {state.Until},
                {state.ChangedAt})
            ON CONFLICT (team_id, system_id, environment, name) DO UPDATE
            SET is_open = excluded.is_open, until_at = excluded.until_at, changed_at = excluded.changed_at
            WHERE excluded.changed_at > governance_breaker.changed_at
                AND NOT (governance_breaker.is_open AND excluded.is_open AND governance_breaker.until_at > excluded.changed_at)
            """, ct) == 1;

    /// <summary>A person closes it: that is later than what any node said before, whatever its clock says.</summary>
    public static Task CloseAsync(Transaction sql, Incident incident, DateTimeOffset now, CancellationToken ct) => sql.ExecuteAsync(
        $"""
        UPDATE governance_breaker
        SET is_open = {false}, until_at = 0, changed_at = CASE WHEN changed_at < {now} THEN {now} ELSE changed_at + 1 END
        WHERE team_id = {incident.TeamId} AND system_id = {incident.SystemId} AND environment = {Words.Of(incident.Environment)}
            AND name = {incident.Name}
        """, ct);
}
