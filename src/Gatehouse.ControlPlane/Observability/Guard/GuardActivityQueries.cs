using Gatehouse.Contracts;
using Gatehouse.Storage;

namespace Gatehouse.Observability;

/// <summary>What the guards found, over time. Reads table <c>observability_guard</c>.</summary>
public sealed class GuardActivityQueries
{
    private static readonly TimeSpan Day = TimeSpan.FromDays(1);

    private readonly Database _db;
    private readonly SystemLookup _systems;
    private readonly TimeProvider _clock;

    internal GuardActivityQueries(Database db, SystemLookup systems, TimeProvider clock)
    {
        _db = db;
        _systems = systems;
        _clock = clock;
    }

    /// <summary>
    /// Sums by hour, or by day where more than a week is asked for; oldest first. A week back where the filter does not say.
    /// </summary>
    public async Task<IReadOnlyList<GuardActivity>> ListAsync(Person who, CallFilter filter, CancellationToken ct)
    {
        var to = filter.To ?? _clock.GetUtcNow();
        var from = filter.From ?? to - TimeSpan.FromDays(7);
        var step = to - from > TimeSpan.FromDays(7) ? Day : TimeSpan.FromHours(1);
        var micros = step.Ticks / TimeSpan.TicksPerMicrosecond;
        var first = (from - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond / micros * micros;
        var sql = new SqlText().Add($"""
            SELECT bucket_at - (bucket_at % {micros}) AS at, system_id, environment, policy, side, detector, type, rule, action, shadow, excepted,
            CAST(SUM(calls) AS BIGINT), CAST(SUM(findings) AS BIGINT) FROM observability_guard WHERE bucket_at >= {first} AND bucket_at < {to}
            """);
        Calls.CallConditions.AddTeams(sql, who, filter);
        if (filter.SystemId is { } system)
        {
            sql.Add($" AND system_id = {system}");
        }

        if (filter.Environment is { } environment)
        {
            sql.Add($" AND environment = {Words.Of(environment)}");
        }

        sql.Add($" GROUP BY 1, system_id, environment, policy, side, detector, type, rule, action, shadow, excepted ORDER BY 1, detector, type");
        return await _db.QueryAsync(
            sql.Build(),
            row => new GuardActivity(
                row.Instant(0), row.Id(1), _systems.NameOf(row.Id(1)) ?? row.Id(1).ToString(), Words.Environment(row.Text(2)) ?? default,
                row.Text(3),
                row.Text(4), row.Text(5), row.Text(6), row.Text(7), row.Text(8), row.Bool(9), row.Bool(10), row.Long(11), row.Long(12)),
            ct);
    }
}
