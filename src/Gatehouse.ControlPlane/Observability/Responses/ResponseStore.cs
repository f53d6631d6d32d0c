using Gatehouse.Contracts;
using Gatehouse.Gateway.Responses;
using Gatehouse.Storage;

namespace Gatehouse.Observability.Responses;

/// <summary>Tables <c>observability_response</c> and <c>observability_response_item</c>.</summary>
internal sealed class ResponseStore(Database db, SystemLookup systems, TimeProvider clock)
{
    /// <summary>A run whose node was not heard of for this long is told as failed.</summary>
    public static readonly TimeSpan LongestSilence = TimeSpan.FromMinutes(1);

    private const string Deleted = "deleted";
    private const int MostAncestors = 10_000;
    private static readonly string[] ItemColumns = ["team_id", "system_id", "environment", "item_id", "response_id", "expires_at"];

    /// <summary>Writes new responses and newer states of those that run; one that has ended stays as it is.</summary>
    public Task WriteAsync(IReadOnlyList<StoredResponse> responses, CancellationToken ct) => db.TransactionAsync(
        async transaction =>
        {
            var items = new List<object?[]>();
            foreach (var r in responses)
            {
                var (team, system, environment) = (r.Scope.TeamId, r.Scope.SystemId, Words.Of(r.Scope.Environment));
                var expires = r.CreatedAt.AddDays(systems.PolicyOf(system, r.Scope.Environment)?.RetentionDays ?? 0);
                var written = await transaction.ExecuteAsync($"""
                    INSERT INTO observability_response
                        (team_id, system_id, environment, id, previous_id, status, created_at, refreshed_at, expires_at, cancel_asked, input, response, events)
                    VALUES ({team}, {system}, {environment}, {r.Id}, {r.PreviousId}, {r.Status}, {r.CreatedAt}, {clock.GetUtcNow()}, {expires}, {false},
                        {r.Input.ToArray()}, {r.Response.ToArray()}, {r.Events.ToArray()})
                    ON CONFLICT (team_id, system_id, environment, id) DO UPDATE
                    SET status = excluded.status, refreshed_at = excluded.refreshed_at, response = excluded.response, events = excluded.events
                    WHERE observability_response.status IN ('queued', 'in_progress')
                    """, ct);
                items.AddRange((written == 1 ? r.ItemIds : []).Select(item => (object?[])[team, system, environment, item, r.Id, expires]));
            }

            await transaction.InsertManyAsync("observability_response_item", ItemColumns, items, ct);
        },
        ct);

    /// <returns>The response and those that it goes on from, newest first, as far as they are here.</returns>
    /// <exception cref="ProblemException">They are larger together than <paramref name="maxBytes"/>; what is beyond is not
    /// read.</exception>
    public async Task<List<StoredResponse>> FindThreadAsync(ResponseScope scope, string id, long maxBytes, CancellationToken ct)
    {
        var nothing = Array.Empty<byte>();
        var (team, system, environment, now) = (scope.TeamId, scope.SystemId, Words.Of(scope.Environment), clock.GetUtcNow());
        var found = await db.QueryAsync($"""
            WITH RECURSIVE thread (id, previous_id, depth, bytes) AS (
                SELECT id, previous_id, 1, CAST(LENGTH(input) AS BIGINT) + LENGTH(response) FROM observability_response
                WHERE team_id = {team} AND system_id = {system} AND environment = {environment} AND id = {id} AND expires_at > {now} AND status <> {Deleted}
                UNION ALL
                SELECT r.id, r.previous_id, t.depth + 1, t.bytes + LENGTH(r.input) + LENGTH(r.response) FROM thread t
                JOIN observability_response r
                    ON r.team_id = {team} AND r.system_id = {system} AND r.environment = {environment} AND r.id = t.previous_id AND r.expires_at > {now}
                    AND r.status <> {Deleted}
                WHERE t.depth < {MostAncestors} AND t.bytes <= {maxBytes})
            SELECT r.id, r.previous_id, r.status, r.created_at, r.refreshed_at,
                CASE WHEN t.bytes <= {maxBytes} THEN r.input ELSE {nothing} END, CASE WHEN t.bytes <= {maxBytes} THEN r.response ELSE {nothing} END, t.bytes
            FROM thread t
            JOIN observability_response r
                ON r.team_id = {team} AND r.system_id = {system} AND r.environment = {environment} AND r.id = t.id
            ORDER BY t.depth
            """, row => row.Long(7) <= maxBytes ? Read(scope, row, now) : null, ct);
        return found.Contains(null) ? throw StoredResponse.TooLarge(maxBytes) : [.. found.OfType<StoredResponse>()];
    }

    public async Task<StoredResponse?> FindAsync(ResponseScope scope, string id, CancellationToken ct)
    {
        var now = clock.GetUtcNow();
        var found = await db.QueryAsync($"""
            SELECT id, previous_id, status, created_at, refreshed_at, input, response, events FROM observability_response
            WHERE team_id = {scope.TeamId} AND system_id = {scope.SystemId} AND environment = {Words.Of(scope.Environment)} AND id = {id} AND expires_at > {now}
                AND status <> {Deleted}
            """, row => Read(scope, row, now) with { Events = row.Bytes(7) }, ct);
        return found is [var one] ? one : null;
    }

    public async Task<StoredResponse?> FindByItemAsync(ResponseScope scope, string itemId, CancellationToken ct)
    {
        var ids = await db.QueryAsync($"""
            SELECT response_id FROM observability_response_item
            WHERE team_id = {scope.TeamId} AND system_id = {scope.SystemId} AND environment = {Words.Of(scope.Environment)} AND item_id = {itemId}
            """, row => row.Text(0), ct);
        return ids is [var id] ? await FindAsync(scope, id, ct) : null;
    }

    /// <summary>
    /// What a node is still making stays as a tombstone until it would have expired: the node is told to stop, and its later states are
    /// refused.
    /// </summary>
    public async Task<bool> DeleteAsync(ResponseScope scope, string id, CancellationToken ct)
    {
        var environment = Words.Of(scope.Environment);
        await db.ExecuteAsync($"""
            DELETE FROM observability_response_item
            WHERE team_id = {scope.TeamId} AND system_id = {scope.SystemId} AND environment = {environment} AND response_id = {id}
            """, ct);
        var nothing = Array.Empty<byte>();
        if (await db.ExecuteAsync($"""
            UPDATE observability_response
            SET status = {Deleted}, cancel_asked = {true}, previous_id = NULL, input = {nothing}, response = {nothing}, events = {nothing}
            WHERE team_id = {scope.TeamId} AND system_id = {scope.SystemId} AND environment = {environment} AND id = {id}
                AND status IN ('queued', 'in_progress')
            """, ct) == 1)
        {
            return true;
        }

        return await db.ExecuteAsync($"""
            DELETE FROM observability_response
            WHERE team_id = {scope.TeamId} AND system_id = {scope.SystemId} AND environment = {environment} AND id = {id}
                AND status <> {Deleted} AND expires_at > {clock.GetUtcNow()}
            """, ct) == 1;
    }

    public Task CancelAsync(ResponseScope scope, string id, CancellationToken ct) => db.ExecuteAsync($"""
        UPDATE observability_response SET cancel_asked = {true}
        WHERE team_id = {scope.TeamId} AND system_id = {scope.SystemId} AND environment = {Words.Of(scope.Environment)} AND id = {id}
        """, ct);

    public async Task<bool> IsCancelAskedAsync(ResponseScope scope, string id, CancellationToken ct) =>
        await db.QueryAsync($"""
            SELECT cancel_asked FROM observability_response
            WHERE team_id = {scope.TeamId} AND system_id = {scope.SystemId} AND environment = {Words.Of(scope.Environment)} AND id = {id}
            """, row => row.Bool(0), ct) is [true];

    private static StoredResponse Read(ResponseScope scope, Row row, DateTimeOffset now)
    {
        var found = new StoredResponse(scope, row.Text(0), row.TextOrNull(1), row.Instant(3), row.Text(2), row.Bytes(5), row.Bytes(6));
        return found.IsRunning && row.Instant(4) + LongestSilence < now ? found.Abandoned() : found;
    }
}
