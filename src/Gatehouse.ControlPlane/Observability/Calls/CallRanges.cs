using Gatehouse.Contracts;
using Gatehouse.Observability.Rollups;
using Gatehouse.Storage;

namespace Gatehouse.Observability.Calls;

/// <summary>
/// Where in the ledger the calls of a filter are: the sums know it for every name that they hold, so that no index on each call is needed
/// to find the few calls of a quiet system among the millions of a busy one. Days first, then the hours of those that have any.
/// </summary>
internal sealed class CallRanges(Database db, ClosedBuckets closed, Person who, CallFilter filter, DateTimeOffset from, DateTimeOffset to)
{
    private const long HourSeconds = 3600;
    private const long DaySeconds = 86_400;

    /// <summary>The error of calls that a policy refused because a guard could not check them.</summary>
    private const string GuardFailed = "guard_failed";

    /// <summary>Days whose hours are asked for at once.</summary>
    private const int DaysAtOnce = 3;

    private static readonly TimeSpan Day = TimeSpan.FromDays(1);

    /// <summary>
    /// Bounds of ids, newest first, that do not overlap and hold all calls of the filter; one for everything where the sums do not help.
    /// </summary>
    public async IAsyncEnumerable<IdRange> FindAsync([System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken ct)
    {
        if (!IsNarrow())
        {
            yield return IdRange.All;
            yield break;
        }

        var days = await DaysAsync(ct);
        var rest = IdRange.All;
        for (var next = 0; next < days.Count;)
        {
            // Days side by side, so that hours on both sides of midnight become one range.
            var oldest = next;
            while (oldest + 1 < days.Count && oldest + 1 - next < DaysAtOnce && days[oldest] - days[oldest + 1] == Day)
            {
                oldest++;
            }

            var hours = await HoursAsync(days[oldest], days[next] + Day, ct);
            next = oldest + 1;
            foreach (var range in Join(hours))
            {
                // Ranges are wider than their hours: what two have in common around midnight was in the one before.
                yield return range.Intersect(rest);
                rest = rest.Before(range.First);
            }
        }
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

    private static DateTimeOffset Floor(DateTimeOffset at, long seconds) =>
        new(at.UtcTicks - (at.UtcTicks % (seconds * TimeSpan.TicksPerSecond)), TimeSpan.Zero);

    private static long Micros(DateTimeOffset at) => (at - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond;

    /// <summary>Whether only calls are asked for that a guard did something about.</summary>
    private bool IsFound => filter.FoundByGuards || filter is
    {
        Guard: not (null or GuardVerdict.Passed or GuardVerdict.Unchecked), Route: null, Provider: null, Model: null, Outcome: null,
        ErrorCode: null, Unpriced: false,
    };

    private bool IsNarrow() => who.TeamsWith(Permission.Read) is not null
        || filter.Unpriced
        || IsFound
        || filter is not { TeamId: null, SystemId: null, Environment: null, Route: null, Provider: null, Model: null, Outcome: null,
            ErrorCode: null };

    /// <summary>Newest first: those with such calls, and those whose sums are not made yet.</summary>
    private async Task<List<DateTimeOffset>> DaysAsync(CancellationToken ct)
    {
        // A day outside the sums costs nothing, however long the range is.
        var (oldest, newest) = await SummedAsync(ct);
        if (oldest is not { } begun || newest is not { } ended)
        {
            return [];
        }

        var first = Floor(begun > from ? begun : from, DaySeconds);
        var made = await closed.FindAsync([DaySeconds], first, to, ct);
        var with = (await BucketsAsync(DaySeconds, first, to, ct)).ToHashSet();
        var days = new List<DateTimeOffset>();
        for (var day = Floor(ended < to ? ended : to, DaySeconds); day >= first; day -= Day)
        {
            if (with.Contains(day) || !made.Contains((DaySeconds, Micros(day))))
            {
                days.Add(day);
            }
        }

        return days;
    }

    /// <summary>The first and the last hour that has sums of any call.</summary>
    private async Task<(DateTimeOffset? Oldest, DateTimeOffset? Newest)> SummedAsync(CancellationToken ct)
    {
        return (await db.ScanAsync(
            $"""
            SELECT (SELECT MIN(bucket_at) FROM observability_traffic WHERE step_seconds = {HourSeconds}),
                (SELECT MAX(bucket_at) FROM observability_traffic WHERE step_seconds = {HourSeconds})
            """,
            row => (row.InstantOrNull(0), row.InstantOrNull(1)),
            ct))[0];
    }

    private Task<List<DateTimeOffset>> HoursAsync(DateTimeOffset begin, DateTimeOffset end, CancellationToken ct) => BucketsAsync(
        HourSeconds, begin > from ? begin : Floor(from, HourSeconds), end < to ? end : to, ct);

    private Task<List<DateTimeOffset>> BucketsAsync(long seconds, DateTimeOffset begin, DateTimeOffset end, CancellationToken ct)
    {
        var sql = new SqlText();
        if (IsFound)
        {
            // What guards found is summed by the hour alone, and by few names. A guard that failed found nothing, and may have refused.
            var micros = seconds * 1_000_000;
            sql.Add($"SELECT at FROM (SELECT bucket_at - bucket_at % {micros} AS at FROM observability_guard");
            sql.Add($" WHERE bucket_at >= {begin} AND bucket_at < {end}").AddTeams(who, filter);
            AddPlace(sql);
            sql.Add($" UNION SELECT bucket_at FROM observability_traffic WHERE step_seconds = {TrafficReader.StepOf(seconds)}");
            sql.Add($" AND error_code = {GuardFailed}");
            sql.Add($" AND bucket_at >= {begin} AND bucket_at < {end}").AddTeams(who, filter);
            AddPlace(sql);
            sql.Add($") d ORDER BY 1 DESC");
        }
        else
        {
            // Names alone, which an index has: what a target only had a part in costs a look and nothing else.
            sql.Add($"SELECT bucket_at FROM observability_traffic WHERE step_seconds = {TrafficReader.StepOf(seconds)}");
            sql.Add($" AND bucket_at >= {begin} AND bucket_at < {end}").AddTeams(who, filter);
            AddPlace(sql);
            AddNamed(sql);
            sql.Add($" GROUP BY bucket_at ORDER BY bucket_at DESC");
        }

        return db.ScanAsync(sql.Build(), row => row.Instant(0), ct);
    }

    private void AddPlace(SqlText sql)
    {
        if (filter.SystemId is { } system)
        {
            sql.Add($" AND system_id = {system}");
        }

        if (filter.Environment is { } environment)
        {
            sql.Add($" AND environment = {Words.Of(environment)}");
        }
    }

    private void AddNamed(SqlText sql)
    {
        // The sums have names that nobody knows under one, and those beyond the first ones of a day under another.
        if (filter.Route is { } route)
        {
            sql.Add($" AND route IN {(List<string>)[route, CallFilter.UnknownRoute, CallFilter.OtherNames]}");
        }

        if (filter.Provider is { } provider)
        {
            sql.Add($" AND provider = {provider}");
        }

        if (filter.Model is { } model)
        {
            sql.Add($" AND model IN {(List<string>)[model, CallFilter.UnknownRoute, CallFilter.OtherNames]}");
        }

        if (filter.Outcome is { } outcome)
        {
            sql.Add($" AND outcome = {Words.Of(outcome)}");
        }

        if (filter.ErrorCode is { } error)
        {
            sql.Add($" AND error_code = {error}");
        }

        if (filter.Unpriced)
        {
            sql.Add($" AND unpriced_calls > 0");
        }
    }
}
