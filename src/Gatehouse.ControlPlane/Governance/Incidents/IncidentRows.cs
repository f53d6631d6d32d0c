using Gatehouse.Contracts;
using Gatehouse.Gateway.Breakers;
using Gatehouse.Storage;

namespace Gatehouse.Governance;

/// <summary>Table <c>governance_incident</c>.</summary>
internal static class IncidentRows
{
    private const string Breaker = "breaker";

    /// <summary>A breaker opened: a new incident, or one more opening of the one that nobody has closed.</summary>
    /// <returns>The id of a new incident.</returns>
    public static async Task<Guid?> OpenAsync(Transaction sql, BreakerChanged change, DateTimeOffset now, CancellationToken ct)
    {
        var (state, breaker) = (change.State, change.Breaker);
        if (await sql.ExecuteAsync($"""
            UPDATE governance_incident
            SET openings = openings + 1, reopened_at = {now}, mitigated_at = NULL, observed = {change.Observed},
                threshold = {breaker.Threshold}, action = {Words.Of(breaker.Action)}, watch = {Words.Of(breaker.Watch)}, policy = {change.Policy}
            WHERE system_id = {state.SystemId} AND environment = {Words.Of(state.Environment)} AND name = {state.Name} AND closed_at IS NULL
            """, ct) > 0)
        {
            return null;
        }

        var id = Guid.CreateVersion7(now);
        await sql.ExecuteAsync($"""
            INSERT INTO governance_incident (team_id, id, system_id, environment, kind, name, policy, watch, action, threshold, observed,
                openings, opened_at, reopened_at)
            VALUES ({change.TeamId}, {id}, {state.SystemId}, {Words.Of(state.Environment)}, {Breaker}, {state.Name}, {change.Policy},
                {Words.Of(breaker.Watch)}, {Words.Of(breaker.Action)}, {breaker.Threshold}, {change.Observed}, {1}, {now}, {now})
            """, ct);
        return id;
    }

    public static Task MitigateAsync(Transaction sql, SharedBreaker state, DateTimeOffset now, CancellationToken ct) => sql.ExecuteAsync(
        $"""
        UPDATE governance_incident SET mitigated_at = {now}
        WHERE system_id = {state.SystemId} AND environment = {Words.Of(state.Environment)} AND name = {state.Name}
            AND closed_at IS NULL AND mitigated_at IS NULL
        """, ct);

    /// <returns><see langword="false"/> when somebody has closed it already.</returns>
    public static async Task<bool> TryCloseAsync(
        Transaction sql, Guid id, string person, string note, DateTimeOffset now, CancellationToken ct) =>
        await sql.ExecuteAsync($"""
            UPDATE governance_incident
            SET closed_at = {now}, closed_by = {person}, note = {note}, mitigated_at = COALESCE(mitigated_at, {now})
            WHERE id = {id} AND closed_at IS NULL
            """, ct) == 1;

    /// <param name="where">A condition over <c>i</c>.</param>
    public static Task<List<Incident>> ReadAsync(Database db, FormattableString where, int limit, CancellationToken ct) => db.QueryAsync(
        $"""
        SELECT i.id, i.team_id, i.system_id, s.name, i.environment, i.name, i.policy, i.watch, i.action, i.threshold, i.observed,
            i.openings, i.opened_at, i.reopened_at, i.mitigated_at, i.closed_at, i.closed_by, i.note
        FROM governance_incident i JOIN governance_system s ON s.team_id = i.team_id AND s.id = i.system_id
        WHERE {where} ORDER BY i.id DESC LIMIT {limit}
        """,
        row => new Incident(
            row.Id(0), row.Id(1), row.Id(2), row.Text(3), Words.Parse<SystemEnvironment>(row.Text(4)), row.Text(5), row.Text(6),
            row.Text(7), row.Text(8), row.Double(9), row.Double(10), row.Long(11), row.Instant(12), row.Instant(13),
            row.InstantOrNull(14), row.InstantOrNull(15), row.TextOrNull(16), row.TextOrNull(17)),
        ct);
}
