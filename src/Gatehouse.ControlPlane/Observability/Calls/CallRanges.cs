using Gatehouse.Contracts;
using Gatehouse.Storage;

namespace Gatehouse.Observability.Calls;

/// <summary>
/// Where in the ledger the calls of a filter are: the sums per hour know it for every name that they hold, so that no index on each call
/// is needed to find the few calls of a quiet system among the millions of a busy one.
/// </summary>
internal static class CallRanges
{
    private const long HourMicros = 3_600_000_000;

    /// <returns>
    /// Bounds of ids, newest first, that do not overlap and hold all calls of the filter; <see langword="null"/> where the sums do not
    /// help.
    /// </returns>
    public static async Task<List<IdRange>?> FindAsync(
        Database db, Person who, CallFilter filter, DateTimeOffset from, CancellationToken ct)
    {
        var isNarrow = who.TeamsWith(Permission.Read) is not null
            || filter is not { TeamId: null, SystemId: null, Environment: null, Route: null, Provider: null, Model: null, Outcome: null,
                ErrorCode: null };
        if (!isNarrow)
        {
            return null;
        }

        var first = from.AddMicroseconds(-(Micros(from) % HourMicros));
        var sql = new SqlText().Add($"SELECT bucket_at FROM observability_traffic WHERE step_seconds = 3600 AND bucket_at >= {first}");
        if (filter.To is { } to)
        {
            sql.Add($" AND bucket_at < {to}");
        }

        sql.AddTeams(who, filter);
        AddNamed(sql, filter);
        var hours = await db.ScanAsync(
            sql.Add($" GROUP BY bucket_at HAVING SUM(calls) > 0 ORDER BY bucket_at DESC").Build(), row => row.Instant(0), ct);
        return Join(hours);
    }

    /// <summary>Hours side by side become one range.</summary>
    private static List<IdRange> Join(List<DateTimeOffset> hours)
    {
        var ranges = new List<IdRange>();
        for (var i = 0; i < hours.Count;)
        {
            var last = i;
            while (last + 1 < hours.Count && hours[last] - hours[last + 1] <= TimeSpan.FromHours(1))
            {
                last++;
            }

            ranges.Add(IdRange.Between(CallConditions.EarliestId(hours[last]), CallConditions.LatestId(hours[i].AddHours(1))));
            i = last + 1;
        }

        return ranges;
    }

    private static long Micros(DateTimeOffset at) => (at - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond;

    private static void AddNamed(SqlText sql, CallFilter filter)
    {
        if (filter.SystemId is { } system)
        {
            sql.Add($" AND system_id = {system}");
        }

        if (filter.Environment is { } environment)
        {
            sql.Add($" AND environment = {Words.Of(environment)}");
        }

        // The sums know no name that nobody knows: they have all of them under one.
        if (filter.Route is { } route)
        {
            sql.Add($" AND route IN {(List<string>)[route, CallFilter.UnknownRoute]}");
        }

        if (filter.Provider is { } provider)
        {
            sql.Add($" AND provider = {provider}");
        }

        if (filter.Model is { } model)
        {
            sql.Add($" AND model IN {(List<string>)[model, CallFilter.UnknownRoute]}");
        }

        if (filter.Outcome is { } outcome)
        {
            sql.Add($" AND outcome = {Words.Of(outcome)}");
        }

        if (filter.ErrorCode is { } error)
        {
            sql.Add($" AND error_code = {error}");
        }
    }
}
