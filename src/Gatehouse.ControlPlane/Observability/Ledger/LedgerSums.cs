using Gatehouse.Contracts;
using Gatehouse.Observability.Calls;
using Gatehouse.Storage;

namespace Gatehouse.Observability;

/// <summary>What the calls of a scope and time were charged, by end user.</summary>
/// <param name="UnknownCalls">Calls that cost something nobody knows.</param>
public sealed record LedgerSum(string EndUser, long Nanos, long UnknownCalls);

/// <summary>Sums straight from the ledger, for who counts along and needs to begin at the right number.</summary>
public static class LedgerSums
{
    /// <param name="scope">A route ending in <c>*</c> stands for all that begin like it.</param>
    /// <returns>One sum, or one for each end user where the scope says so.</returns>
    public static async Task<IReadOnlyList<LedgerSum>> ReadAsync(
        Transaction transaction, CallScope scope, DateTimeOffset from, DateTimeOffset until, CancellationToken ct)
    {
        var shapes = new SqlText();
        if (scope.TeamId is { } team)
        {
            shapes.Add($" AND team_id = {team}");
        }

        if (scope.SystemId is { } system)
        {
            shapes.Add($" AND system_id = {system}");
        }

        if (scope.KeyId is { } key)
        {
            shapes.Add($" AND key_id = {key}");
        }

        if (scope.Route is { } route)
        {
            var prefix = route.TrimEnd('*');
            _ = prefix.Length == route.Length
                ? shapes.Add($" AND route = {route}")
                : shapes.Add($" AND SUBSTR(route, 1, CAST({prefix.Length} AS INTEGER)) = {prefix}");
        }

        // Past the view: each call is one look at a set of shapes, since this holds SQLite's only writer.
        var sql = new SqlText().Add($"""
            SELECT {(scope.IsPerUser ? (FormattableString)$"COALESCE(end_user, '')" : (FormattableString)$"''")} AS who,
                CAST(SUM(COALESCE(charged_nanos, cost_nanos, 0)) AS BIGINT),
                CAST(SUM(CASE WHEN cost_nanos IS NULL AND charged_nanos IS NULL AND (uncached_input_tokens IS NOT NULL
                    OR shape IN (SELECT number FROM observability_call_shape WHERE outcome = 'ok' OR answered_model <> '')) THEN 1 ELSE 0 END) AS BIGINT)
            FROM observability_call WHERE id >= {CallConditions.EarliestId(from)} AND started_at >= {from} AND started_at < {until}
                AND shape IN (SELECT number FROM observability_call_shape WHERE 1 = 1{shapes.Build()})
            """);
        if (scope.EndUser is { } user && !scope.IsPerUser)
        {
            sql.Add($" AND end_user = {user}");
        }

        sql.Add($" GROUP BY 1");
        return await transaction.QueryAsync(sql.Build(), row => new LedgerSum(row.Text(0), row.Long(1), row.Long(2)), ct);
    }
}
