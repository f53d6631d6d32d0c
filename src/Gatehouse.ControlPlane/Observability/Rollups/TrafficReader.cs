using System.Globalization;
using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Observability.Calls;
using Gatehouse.Observability.Ledger;
using Gatehouse.Storage;

namespace Gatehouse.Observability.Rollups;

/// <summary>
/// Reads a range as whole days, hours and minutes, each by the longest step that has it, and single calls at its ends. A search, unpriced
/// and cached calls, which no roll-up knows apart, read single calls only.
/// </summary>
internal sealed class TrafficReader(Database db, TimeProvider clock)
{
    /// <summary>Minutes older than this are not asked for; the retention worker deletes them a day later.</summary>
    public static readonly TimeSpan MinutesKept = TimeSpan.FromDays(7);

    /// <summary>The step of who does not tell times apart.</summary>
    public static readonly TimeSpan AnyStep = TimeSpan.MaxValue;

    private const int PageRows = 5000;

    /// <summary>Calls that are added up one by one because no sums tell them apart.</summary>
    internal const int MostRead = 200_000;

    /// <summary>What sums there are, the longest first, and of these the fewest rows first.</summary>
    private static readonly Level[] Levels =
    [
        .. ((long[])[1_382_400, 345_600, 86_400, 21_600, 3600, 900, 60]).SelectMany(s =>
            ClosedTotals.Steps.Contains(s) ? (Level[])[new(s, OfTotals: true), new(s, OfTotals: false)] : [new(s, OfTotals: false)]),
    ];

    /// <summary>No sums: single calls.</summary>
    private static readonly Level Calls = new(0, OfTotals: false);

    private readonly ClosedBuckets _closed = new(db, clock);

    /// <summary>Whether sums without systems, routes, targets and errors say it.</summary>
    public static bool IsOfTotals(CallFilter filter, TrafficColumns columns) =>
        (columns & ~(TrafficColumns.Time | TrafficColumns.Environment | TrafficColumns.Latency)) == TrafficColumns.None
        && filter is { SystemId: null, Route: null, Provider: null, Model: null, ErrorCode: null };

    /// <param name="filter">With both ends of the range set.</param>
    /// <param name="step">The bucket that no row may straddle.</param>
    public async Task ReadAsync(
        Person who, CallFilter filter, TimeSpan step, TrafficColumns columns, Action<TrafficRow> add, CancellationToken ct)
    {
        var (from, to) = (filter.From!.Value, filter.To!.Value);
        if (filter.Unpriced || filter.Cached || filter.Guard is not null || filter.FoundByGuards || filter.Search is { Length: > 0 })
        {
            // Of any target: one that is asked for can have had a part in calls that another one ended.
            var ofAnyTarget = filter with { Provider = null, Model = null };
            if (await HasShapesAsync(who, ofAnyTarget, ct))
            {
                foreach (var range in await BoundedAsync(new CallRanges(db, _closed, who, ofAnyTarget, from, to), from, to, ct))
                {
                    await ReadCallsAsync(who, filter, from, to, range, $"1 = 1", add, ct);
                }
            }

            return;
        }

        // Some calls of a name are under another in the sums: whoever asks for it gets them one by one.
        var named = await NamedCalls.FindAsync(db, filter, ct);
        if (named is not null)
        {
            var bounds = IdRange.Between(CallConditions.EarliestId(from), CallConditions.LatestId(to));
            await CountAsync(bounds, named.Condition, MostRead, ct);
        }

        foreach (var (level, begin, end) in await CoverAsync(from, to, step, IsOfTotals(filter, columns), ct))
        {
            if (level == Calls)
            {
                await ReadCallsAsync(who, filter, begin, end, IdRange.All, $"1 = 1", add, ct);
                continue;
            }

            await ReadBucketsAsync(who, filter, level, begin, end, columns, add, ct);
            if (named is not null)
            {
                await ReadCallsAsync(who, filter, begin, end, IdRange.All, named.Condition, add, ct);
            }
        }
    }

    /// <summary>The range as pieces, each by the longest step that has it whole and is not longer than the one asked for.</summary>
    private async Task<List<(Level Level, DateTimeOffset From, DateTimeOffset To)>> CoverAsync(
        DateTimeOffset from, DateTimeOffset to, TimeSpan step, bool ofTotals, CancellationToken ct)
    {
        var levels = Levels.Where(l => l.Seconds <= step.TotalSeconds && (ofTotals || !l.OfTotals)).ToList();
        var marks = levels.Where(l => l.Mark is not null).Select(l => l.Mark!.Value).ToList();
        var closed = (await _closed.FindAsync(marks, from, to, ct)).ToLookup(c => c.Seconds, c => c.AtMicros);
        var kept = clock.GetUtcNow() - MinutesKept;
        var deleted = (await db.QueryAsync(ClosedBuckets.Deleted, row => row.InstantOrNull(0), ct))[0];
        kept = deleted > kept ? deleted.Value : kept; // by a clock that was wrong
        var pieces = new List<(Level Level, DateTimeOffset From, DateTimeOffset To)>();
        List<(DateTimeOffset From, DateTimeOffset To)> open = [(from, to)];
        foreach (var level in levels)
        {
            var (length, rest) = (TimeSpan.FromSeconds(level.Seconds), new List<(DateTimeOffset, DateTimeOffset)>());
            var made = level.Mark is { } mark ? new SortedSet<long>(closed[mark]) : null;
            foreach (var (begin, end) in open)
            {
                // What of this stretch has no such sums, from the last piece on.
                var at = begin;
                var (first, last) = (Ceiling(level.Seconds < 3600 && begin < kept ? kept : begin, length), Floor(end, length));
                foreach (var (bucket, over) in first < last ? Whole(first, last, length, made) : [])
                {
                    if (pieces.Count > 0 && pieces[^1].Level == level && pieces[^1].To == bucket && at == bucket)
                    {
                        pieces[^1] = (level, pieces[^1].From, over);
                    }
                    else
                    {
                        if (at < bucket)
                        {
                            rest.Add((at, bucket));
                        }

                        pieces.Add((level, bucket, over));
                    }

                    at = over;
                }

                if (at < end)
                {
                    rest.Add((at, end));
                }
            }

            open = rest;
        }

        pieces.AddRange(open.Select(o => (Calls, o.From, o.To)));
        return pieces;
    }

    /// <summary>What of a stretch of whole steps has sums: those that are made later one by one, the others all at once.</summary>
    private static IEnumerable<(DateTimeOffset From, DateTimeOffset To)> Whole(
        DateTimeOffset first, DateTimeOffset last, TimeSpan length, SortedSet<long>? made) => made is null
        ? [(first, last)]
        : made.GetViewBetween(Micros(first), Micros(last) - 1).Select(b => DateTimeOffset.UnixEpoch.AddMicroseconds(b))
            .Select(b => (b, b + length));

    private static long Micros(DateTimeOffset at) => (at - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond;

    /// <summary>Whether any call of any time can be one of the filter.</summary>
    private async Task<bool> HasShapesAsync(Person who, CallFilter filter, CancellationToken ct) => (await db.QueryAsync(
        $"SELECT 1 FROM observability_call_shape WHERE 1 = 1{CallConditions.OfShapes(who, filter).Build()} LIMIT 1",
        row => row.Long(0),
        ct)).Count > 0;

    /// <summary>Steps begin with 1970, as buckets do: not with the first day of ticks.</summary>
    private static DateTimeOffset Floor(DateTimeOffset at, TimeSpan step) =>
        new(at.UtcTicks - ((at.UtcTicks - DateTimeOffset.UnixEpoch.Ticks) % step.Ticks), TimeSpan.Zero);

    private static DateTimeOffset Ceiling(DateTimeOffset at, TimeSpan step) => Floor(at.AddTicks(step.Ticks - 1), step);

    /// <summary>The database adds up what the reader does not tell apart: a row costs ten times as much here as there.</summary>
    private async Task ReadBucketsAsync(
        Person who, CallFilter filter, Level level, DateTimeOffset from, DateTimeOffset to, TrafficColumns columns,
        Action<TrafficRow> add, CancellationToken ct)
    {
        var groups = new SqlText().Add($"outcome");
        var sql = new SqlText().Add($"SELECT {Column(TrafficColumns.Time, $"bucket_at", $"MIN(bucket_at)")}, ")
            .Add($"{Column(TrafficColumns.System, $"system_id")}, {Column(TrafficColumns.Environment, $"environment")}, ")
            .Add($"{Column(TrafficColumns.Route, $"route")}, {Column(TrafficColumns.Provider, $"provider")}, ")
            .Add($"{Column(TrafficColumns.Model, $"model")}, outcome, {Column(TrafficColumns.Error, $"error_code")}, ")
            .Add($"""
                {RollupSums.Summed}, {Histograms($"CASE WHEN outcome = 'ok' THEN duration_histogram END")},
                {Histograms($"CASE WHEN outcome = 'ok' THEN own_histogram END")}
                FROM {(level.OfTotals ? (FormattableString)$"observability_traffic_total" : (FormattableString)$"observability_traffic")}
                WHERE step_seconds = {StepOf(level.Seconds)} AND bucket_at >= {from} AND bucket_at < {to}
                """);
        sql.AddTeams(who, filter);
        if (filter.SystemId is { } system)
        {
            sql.Add($" AND system_id = {system}");
        }

        AddNamed(sql, filter);
        var rows = await db.ScanAsync(
            sql.Add($" GROUP BY {groups.Build()}").Build(),
            row =>
            {
                var sums = new RollupSums();
                sums.AddJoined(row, 8);
                return new TrafficRow(
                    row.Long(0), columns.HasFlag(TrafficColumns.System) ? row.Id(1) : Guid.Empty, row.Text(2), row.Text(3), row.Text(4),
                    row.Text(5), row.Text(6), row.Text(7), sums);
            },
            ct);
        rows.ForEach(add);

        FormattableString Histograms(FormattableString stored) =>
            columns.HasFlag(TrafficColumns.Latency) ? db.Joined(stored) : $"''";

        FormattableString Column(TrafficColumns column, FormattableString name, FormattableString? otherwise = null)
        {
            if (!columns.HasFlag(column))
            {
                return otherwise ?? $"''";
            }

            groups.Add($", {name}");
            return name;
        }
    }

    /// <summary>Literally, as the index on names of hours and days needs it.</summary>
    public static FormattableString StepOf(long seconds) => seconds switch
    {
        1_382_400 => $"1382400",
        345_600 => $"345600",
        86_400 => $"86400",
        21_600 => $"21600",
        3600 => $"3600",
        _ => $"{seconds}",
    };

    /// <summary>Calls that are to be added up one by one are so many at most, and who asks for more is told how far back that is.</summary>
    private async Task<List<IdRange>> BoundedAsync(CallRanges ranges, DateTimeOffset from, DateTimeOffset to, CancellationToken ct)
    {
        var bounds = IdRange.Between(CallConditions.EarliestId(from), CallConditions.LatestId(to));
        var (found, left) = (new List<IdRange>(), MostRead);
        await foreach (var range in ranges.FindAsync(ct))
        {
            var here = range.Intersect(bounds);
            found.Add(range);
            left -= here.IsEmpty ? 0 : await CountAsync(here, $"1 = 1", left, ct);
        }

        return found;
    }

    /// <exception cref="ProblemException">There are more of them; it says from when there would not be.</exception>
    private async Task<int> CountAsync(IdRange within, FormattableString condition, int most, CancellationToken ct)
    {
        FormattableString calls = $"FROM observability_call WHERE id >= {within.First} AND id <= {within.Last} AND {condition} ORDER BY id DESC";
        var counted = await db.ScanAsync(
            $"SELECT COUNT(*), (SELECT id {calls} LIMIT 1 OFFSET {most}) FROM (SELECT id {calls} LIMIT {most + 1}) c",
            row => (Count: (int)row.Long(0), Beyond: row.IdOrNull(1)),
            ct);
        if (counted[0].Beyond is not { } beyond)
        {
            return counted[0].Count;
        }

        // The first whole second whose bound of ids leaves it out.
        var oldest = CallQueries.TimeOf(beyond) + CallConditions.IdSlack + TimeSpan.FromSeconds(1);
        throw new ProblemException(new Problem(TrafficQueries.TooManyToSum, 400, string.Create(
            CultureInfo.InvariantCulture,
            $"A search, calls by guard, cache or unknown price, and those of a name that is summed with others, are summed one by one, {MostRead} calls at most: 'from' must be {oldest.UtcDateTime:yyyy-MM-dd'T'HH:mm:ss'Z'} or later.")) { Field = "from" });
    }

    private static void AddNamed(SqlText sql, CallFilter filter)
    {
        if (filter.Environment is { } environment)
        {
            sql.Add($" AND environment = {Words.Of(environment)}");
        }

        if (filter.Route is { } route)
        {
            sql.Add($" AND route = {route}");
        }

        if (filter.Provider is { } provider)
        {
            sql.Add($" AND provider = {provider}");
        }

        if (filter.Model is { } model)
        {
            sql.Add($" AND model = {model}");
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

    private async Task ReadCallsAsync(
        Person who, CallFilter filter, DateTimeOffset from, DateTimeOffset to, IdRange within, FormattableString condition,
        Action<TrafficRow> add, CancellationToken ct)
    {
        await ReadCallsAsync(who, filter, from, to, within, condition, call => AddCall(call, filter, add), ct);
        if (filter is not { Provider: null, Model: null })
        {
            // Other calls, which a target that is asked for had a part in without being the one that ended them.
            await ReadCallsAsync(
                who, filter with { Provider = null, Model = null }, from, to, within, $"earlier_targets IS NOT NULL AND {condition}",
                call => AddEarlier(call, filter, add), ct);
        }
    }

    private static void AddCall(LedgerCall call, CallFilter filter, Action<TrafficRow> add)
    {
        foreach (var target in call.Earlier)
        {
            call.Row.Sums.Take(target, -1);
        }

        add(call.Row);
        if (filter is { Provider: null, Model: null })
        {
            AddEarlier(call, filter, add);
        }
    }

    private static void AddEarlier(LedgerCall call, CallFilter filter, Action<TrafficRow> add)
    {
        foreach (var target in call.Earlier)
        {
            var summed = CallerNames.Summed(target.Model, call.Route, call.IsUnknown, call.IsOther);
            if ((filter.Provider ?? target.Provider) == target.Provider
                && (filter.Model is not { } model || model == target.Model || model == summed))
            {
                var part = new RollupSums();
                part.Take(target, 1);
                add(call.Row with { Provider = target.Provider, Model = summed, Sums = part });
            }
        }
    }

    private async Task ReadCallsAsync(
        Person who, CallFilter filter, DateTimeOffset from, DateTimeOffset to, IdRange within, FormattableString condition,
        Action<LedgerCall> add, CancellationToken ct)
    {
        if (from >= to)
        {
            return;
        }

        Guid? after = null;
        while (true)
        {
            var sql = new SqlText().Add($"""
                SELECT started_at, system_id, environment, route, provider, model, outcome, error_code, uncached_input_tokens,
                cache_read_tokens, cache_write_tokens, cache_write_long_tokens, output_tokens, reasoning_tokens, cost_nanos,
                duration_micros, own_micros, id, answered_model, status, earlier_targets, cache, saved_nanos, saved_input_tokens,
                saved_output_tokens, is_other, audio_input_tokens, image_input_tokens, audio_output_tokens FROM observability_ledger
                """);
            sql.AddConditions(db, who, filter with { From = from, To = to }, within.After(after)).Add($" AND {condition}");
            sql.Add($" ORDER BY id LIMIT {PageRows}");
            var rows = await db.ScanAsync(
                sql.Build(),
                row => new LedgerCall(
                    row.Id(17), OneCall(row), row.Text(3), IsUnknown(row), row.Bool(25), Earlier(row.TextOrNull(20))),
                ct);
            rows.ForEach(add);
            if (rows.Count < PageRows)
            {
                return;
            }

            after = rows[^1].Id;
        }
    }

    private static IReadOnlyList<TargetTokens> Earlier(string? json) =>
        json is null ? [] : JsonSerializer.Deserialize(json, StoredJson.Default.TargetTokensList) ?? [];

    private static bool IsUnknown(Row row) =>
        UnknownRoute.Is(row.Long(19), Words.Outcome(row.Text(6)), row.Text(3), row.TextOrNull(5));

    private static TrafficRow OneCall(Row row)
    {
        var (route, model) = (row.Text(3), row.TextOrNull(5));
        var (unknown, isOther) = (IsUnknown(row), row.Bool(25));
        var sums = new RollupSums();
        sums.AddCall(
            Words.Outcome(row.Text(6)), StoredUsage.Read(row, 8, 26), row.TextOrNull(18), row.LongOrNull(14),
            CacheUses.Of(row.TextOrNull(21)), row.LongOrNull(22), (row.LongOrNull(23) ?? 0) + (row.LongOrNull(24) ?? 0), row.Long(15),
            row.Long(16));
        return new TrafficRow(
            row.Long(0),
            row.Id(1),
            row.Text(2),
            unknown ? CallFilter.UnknownRoute : isOther ? CallFilter.OtherNames : route,
            row.TextOrNull(4) ?? "",
            model is null ? "" : CallerNames.Summed(model, route, unknown, isOther),
            row.Text(6),
            row.TextOrNull(7) ?? "",
            sums);
    }

    /// <summary>Sums of one length.</summary>
    /// <param name="OfTotals">Those that tell neither systems nor routes, targets and errors apart.</param>
    private readonly record struct Level(long Seconds, bool OfTotals)
    {
        /// <summary>Of those that are made one by one when their time is over.</summary>
        public long? Mark { get; } = OfTotals ? ClosedTotals.Mark(Seconds)
            : ClosedBuckets.Levels.Any(l => l.Seconds == Seconds) ? Seconds : null;
    }

    /// <param name="Route">As it was asked for.</param>
    private sealed record LedgerCall(
        Guid Id, TrafficRow Row, string Route, bool IsUnknown, bool IsOther, IReadOnlyList<TargetTokens> Earlier);
}
