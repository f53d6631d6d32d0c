using Gatehouse.Observability.Ledger;
using Gatehouse.Storage;

namespace Gatehouse.Observability.Rollups;

/// <summary>
/// Table <c>observability_traffic_closed</c>, and the rows of <c>observability_traffic</c> that belong to no node: what hours sum up to
/// per 6 hours, day, 4 and 16 days, and minutes per quarter of an hour. What is made of them has marks of its own there:
/// <see cref="ClosedTotals"/> and <see cref="SpendingSums"/>.
/// <list type="number">
/// <item>The rows of a bucket are read only where it is closed, and are then the sum of those that they were made of.</item>
/// <item>A bucket is closed by one transaction that has the lock of this table's name for itself, <see cref="Grace"/> after its end by the
/// clock of the node that does it.</item>
/// <item>Whoever changes sums shares that lock from then to the end of its transaction, and takes out again what is closed of them: so of
/// the two, the later one sees what the other did, whatever their clocks say.</item>
/// <item>A node of an older version knows nothing of this, or not of all: what was closed lately is compared with its sources every hour,
/// and what a version may not know all of it every day.</item>
/// </list>
/// </summary>
internal sealed class ClosedBuckets(Database db, TimeProvider clock)
{
    public const string Table = "observability_traffic_closed";

    /// <summary>The step in seconds, and what it is made of.</summary>
    public static readonly (long Seconds, long Source)[] Levels =
        [(900, 60), (21_600, 3600), (86_400, 21_600), (345_600, 86_400), (1_382_400, 345_600)];

    /// <summary>Most calls have come by then, and a bucket is closed once.</summary>
    public static readonly TimeSpan Grace = TimeSpan.FromMinutes(20);

    /// <summary>How far back what is closed is compared with its sources: minutes are many.</summary>
    private static readonly (TimeSpan OfMinutes, TimeSpan OfHours) Compared = (TimeSpan.FromHours(3), TimeSpan.FromDays(3));

    /// <summary>
    /// How far back hours get totals, which a chart of hours reaches: what is over is looked for each minute, and hours are many.
    /// </summary>
    public static readonly TimeSpan OfHourTotals = TimeSpan.FromHours(TrafficQueries.MaxPoints + 24);

    /// <summary>Marks up to where minutes were deleted, and what was made of them.</summary>
    private const long DeletedMark = -60;

    private const long Second = 1_000_000;

    /// <summary>Sums of more than a day came later than the others, as totals did.</summary>
    private const long LongestOfFirst = 86_400;

    /// <summary>What is compared by one statement, in microseconds: as long as the longest sums, so that each is in one slice.</summary>
    private static readonly long Slice = Levels[^1].Seconds * Second;

    /// <summary>
    /// The microsecond up to where minutes, and quarters of an hour, were deleted: of before it some may be there, and not all.
    /// </summary>
    public static FormattableString Deleted =>
        $"SELECT MAX(bucket_at) FROM observability_traffic_closed WHERE step_seconds = {DeletedMark}";

    /// <summary>For the transaction that deletes minutes or quarters of an hour before a time.</summary>
    public static async Task MarkDeletedAsync(Transaction sql, DateTimeOffset upTo, CancellationToken ct)
    {
        await sql.ExecuteAsync(
            $"DELETE FROM observability_traffic_closed WHERE step_seconds = {DeletedMark} AND bucket_at < {upTo}", ct);
        await MarkAsync(sql, DeletedMark, Micros(upTo), ct);
    }

    /// <summary>Closes what is over, the newest first; a bucket is one short transaction. Safe to run on every node.</summary>
    public async Task CloseDueAsync(CancellationToken ct)
    {
        foreach (var (seconds, source) in Levels)
        {
            foreach (var bucket in await DueAsync(seconds, source, ct))
            {
                await db.TransactionAsync(sql => CloseAsync(sql, seconds, source, bucket, ct), ct);
            }
        }

        foreach (var (seconds, bucket) in await TotalsDueAsync(ct))
        {
            await db.TransactionAsync(sql => CloseTotalsAsync(sql, seconds, bucket, ct), ct);
        }

        foreach (var bucket in await UnmarkedAsync(SpendingSums.Seconds, SpendingSums.Step, ct))
        {
            await db.TransactionAsync(sql => CloseSpendingAsync(sql, bucket, ct), ct);
        }
    }

    /// <summary>Takes out what is closed of these times, whose sums this transaction has changed.</summary>
    public static async Task ReopenAsync(Transaction sql, IEnumerable<long> startedAtMicros, CancellationToken ct)
    {
        var shortest = Levels[0].Seconds * Second; // which all others are made of
        var begins = startedAtMicros.Select(at => at - (at % shortest)).Distinct().ToList();
        if (begins.Count == 0)
        {
            return;
        }

        var buckets = new HashSet<(long Step, long At)>();
        foreach (var at in begins)
        {
            foreach (var (seconds, _) in Levels)
            {
                buckets.Add((seconds, at - (at % (seconds * Second))));
            }

            foreach (var seconds in ClosedTotals.Steps)
            {
                buckets.Add((ClosedTotals.Mark(seconds), at - (at % (seconds * Second))));
            }

            buckets.Add((SpendingSums.Step, at - (at % (SpendingSums.Seconds * Second))));
        }

        await sql.LockSharedAsync(Table, ct);
        var (steps, ats) = (buckets.Select(b => b.Step).Distinct().ToList(), buckets.Select(b => b.At).Distinct().ToList());
        var closed = await sql.QueryAsync(
            $"SELECT step_seconds, bucket_at FROM observability_traffic_closed WHERE step_seconds IN {steps} AND bucket_at IN {ats}",
            row => (Step: row.Long(0), At: row.Long(1)),
            ct);
        foreach (var (step, at) in closed.Where(buckets.Contains).Order()) // in one order on every node
        {
            await sql.ExecuteAsync(
                $"DELETE FROM observability_traffic_closed WHERE step_seconds = {step} AND bucket_at = {at}", ct);
        }
    }

    /// <summary>Takes out what was closed lately and is not the sum of what it was made of.</summary>
    /// <returns>How many these were.</returns>
    public async Task<int> ReopenDifferingAsync(CancellationToken ct)
    {
        var now = clock.GetUtcNow();
        var found = new List<long>();
        foreach (var (seconds, source) in Levels)
        {
            var from = Micros(now - (source == 60 ? Compared.OfMinutes : Compared.OfHours));
            found.AddRange(await BucketsAsync(Differing(seconds, source, from - (from % (seconds * Second))), ct));
        }

        foreach (var seconds in ClosedTotals.Steps)
        {
            var from = Micros(now - (seconds < 3600 ? Compared.OfMinutes : Compared.OfHours));
            found.AddRange(await BucketsAsync(DifferingTotals(seconds, from), ct));
        }

        return await ReopenFoundAsync(found, ct);
    }

    /// <summary>
    /// The same for totals and sums of more than a day, however old: who knows nothing of them and prices last month again, or drains an
    /// old journal, leaves their marks.
    /// </summary>
    public async Task<int> ReopenAllDifferingAsync(CancellationToken ct)
    {
        var count = 0;
        foreach (var (seconds, source) in Levels.Where(l => l.Seconds > LongestOfFirst))
        {
            count += await ReopenSlicesAsync(seconds, (from, to) => Differing(seconds, source, from, to), ct);
        }

        foreach (var seconds in ClosedTotals.Steps)
        {
            count += await ReopenSlicesAsync(ClosedTotals.Mark(seconds), (from, to) => DifferingTotals(seconds, from, to), ct);
        }

        return count;
    }

    /// <summary>
    /// By team and bucket, what is closed from a time on and says other than what it was made of: how many calls, nanos and tokens more.
    /// </summary>
    /// <param name="fromMicros">Where a bucket begins: of a part of one, the sums differ.</param>
    public static FormattableString Differing(long seconds, long source, long fromMicros, long toMicros = long.MaxValue) =>
        Differing($"observability_traffic", seconds, seconds, source, fromMicros, toMicros);

    /// <summary>The same for totals, which are made of the sums of the same buckets.</summary>
    public static FormattableString DifferingTotals(long seconds, long fromMicros, long toMicros = long.MaxValue) =>
        Differing($"observability_traffic_total", seconds, ClosedTotals.Mark(seconds), seconds, fromMicros, toMicros);

    /// <returns>Step in seconds and beginning of each bucket that is closed, of those that begin in this time.</returns>
    public async Task<HashSet<(long Seconds, long AtMicros)>> FindAsync(
        IReadOnlyList<long> steps, DateTimeOffset from, DateTimeOffset to, CancellationToken ct) =>
    [
        .. await db.QueryAsync(
            $"SELECT step_seconds, bucket_at FROM observability_traffic_closed WHERE step_seconds IN {steps} AND bucket_at >= {from} AND bucket_at < {to}",
            row => (row.Long(0), row.Long(1)),
            ct),
    ];

    private static FormattableString Differing(
        FormattableString made, long seconds, long mark, long source, long fromMicros, long toMicros) => $"""
        SELECT d.team_id, d.bucket, CAST(SUM(d.calls) AS BIGINT) AS calls, CAST(SUM(d.cost) AS BIGINT) AS cost
        FROM (
            SELECT team_id, bucket_at AS bucket, calls, cost_nanos AS cost, input_tokens + output_tokens AS tokens
            FROM {made} WHERE step_seconds = {seconds} AND bucket_at >= {fromMicros} AND bucket_at < {toMicros}
            UNION ALL
            SELECT team_id, bucket_at - bucket_at % {seconds * Second}, -calls, -cost_nanos, -(input_tokens + output_tokens)
            FROM observability_traffic WHERE step_seconds = {source} AND bucket_at >= {fromMicros} AND bucket_at < {toMicros}
        ) d
        JOIN observability_traffic_closed c ON c.step_seconds = {mark} AND c.bucket_at = d.bucket
        GROUP BY d.team_id, d.bucket HAVING SUM(d.calls) <> 0 OR SUM(d.cost) <> 0 OR SUM(d.tokens) <> 0
        """;

    private async Task<int> ReopenSlicesAsync(long mark, Func<long, long, FormattableString> differing, CancellationToken ct)
    {
        var slices = await db.QueryAsync(
            $"SELECT DISTINCT bucket_at - bucket_at % {Slice} FROM observability_traffic_closed WHERE step_seconds = {mark}",
            row => row.Long(0),
            ct);
        var count = 0;
        foreach (var from in slices)
        {
            count += await ReopenFoundAsync(await BucketsAsync(differing(from, from + Slice), ct), ct);
        }

        return count;
    }

    private Task<List<long>> BucketsAsync(FormattableString differing, CancellationToken ct) =>
        db.QueryAsync($"SELECT DISTINCT bucket FROM ({differing}) b", row => row.Long(0), ct);

    private async Task<int> ReopenFoundAsync(List<long> buckets, CancellationToken ct)
    {
        if (buckets.Count > 0)
        {
            await db.TransactionAsync(sql => ReopenAsync(sql, buckets, ct), ct); // and the longer ones that were made of them
        }

        return buckets.Distinct().Count();
    }

    private static long Micros(DateTimeOffset at) => (at - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond;

    /// <summary>Buckets that are closed, or hours that are over, and that have no totals; the newest first.</summary>
    private async Task<List<(long Seconds, long At)>> TotalsDueAsync(CancellationToken ct)
    {
        var now = clock.GetUtcNow();
        var (from, end) = (Micros(now - OfHourTotals), Micros(now - Grace));
        var oldest = (await db.QueryAsync(
            $"SELECT MIN(bucket_at) FROM observability_traffic WHERE step_seconds = 3600 AND bucket_at >= {from}",
            row => row.LongOrNull(0),
            ct))[0];
        var hours = (await db.QueryAsync(
            $"SELECT bucket_at FROM observability_traffic_closed WHERE step_seconds = {ClosedTotals.Mark(3600)} AND bucket_at >= {from}",
            row => row.Long(0),
            ct)).ToHashSet();
        var due = new List<(long Seconds, long At)>();
        for (var at = oldest ?? end; at + (3600 * Second) <= end; at += 3600 * Second)
        {
            if (!hours.Contains(at))
            {
                due.Add((3600, at));
            }
        }

        foreach (var seconds in ClosedTotals.Steps.Where(IsClosedHere))
        {
            due.AddRange((await UnmarkedAsync(seconds, ClosedTotals.Mark(seconds), ct)).Select(at => (seconds, at)));
        }

        return [.. due.OrderByDescending(d => d.At)];
    }

    /// <summary>Adds up the totals of a bucket that is due, unless another node did.</summary>
    public static async Task CloseTotalsAsync(Transaction sql, long seconds, long bucket, CancellationToken ct)
    {
        await sql.LockAsync(Table, ct);
        if (await IsClosedAsync(sql, ClosedTotals.Mark(seconds), bucket, ct))
        {
            return;
        }

        if (!IsClosedHere(seconds) || await IsClosedAsync(sql, seconds, bucket, ct)) // or a call came late: its time is closed again first
        {
            await ClosedTotals.CloseAsync(sql, seconds, bucket, ct);
            await MarkAsync(sql, ClosedTotals.Mark(seconds), bucket, ct);
        }
    }

    /// <summary>Buckets that are closed, and of which something else is not made yet; the newest first.</summary>
    private Task<List<long>> UnmarkedAsync(long seconds, long mark, CancellationToken ct) => db.QueryAsync(
        $"""
        SELECT bucket_at FROM observability_traffic_closed WHERE step_seconds = {seconds} AND bucket_at NOT IN (
            SELECT bucket_at FROM observability_traffic_closed WHERE step_seconds = {mark})
        ORDER BY bucket_at DESC
        """,
        row => row.Long(0),
        ct);

    private static async Task CloseSpendingAsync(Transaction sql, long bucket, CancellationToken ct)
    {
        await sql.LockAsync(Table, ct);
        if (await IsClosedAsync(sql, SpendingSums.Step, bucket, ct))
        {
            return; // another node was faster
        }

        if (await IsClosedAsync(sql, SpendingSums.Seconds, bucket, ct)) // or a call came late: its time is closed again first
        {
            await SpendingSums.CloseAsync(sql, bucket, ct);
            await MarkAsync(sql, SpendingSums.Step, bucket, ct);
        }
    }

    private static async Task<bool> IsClosedAsync(Transaction sql, long seconds, long bucket, CancellationToken ct) =>
        (await sql.QueryAsync(
            $"SELECT 1 FROM observability_traffic_closed WHERE step_seconds = {seconds} AND bucket_at = {bucket}", row => row.Long(0), ct))
        .Count > 0;

    private static async Task MarkAsync(Transaction sql, long seconds, long bucket, CancellationToken ct) => await sql.ExecuteAsync(
        $"INSERT INTO observability_traffic_closed (step_seconds, bucket_at) VALUES ({seconds}, {bucket}) ON CONFLICT (step_seconds, bucket_at) DO NOTHING",
        ct);

    private async Task<List<long>> DueAsync(long seconds, long source, CancellationToken ct)
    {
        var now = clock.GetUtcNow();
        var step = seconds * Second;
        var oldest = (await db.QueryAsync(
            $"SELECT MIN(bucket_at) FROM observability_traffic WHERE step_seconds = {source}", row => row.LongOrNull(0), ct))[0];
        if (oldest is not { } begin)
        {
            return [];
        }

        var first = begin - (begin % Math.Max(step, 86_400 * Second));
        if (source == 60)
        {
            var kept = Micros(now - TrafficReader.MinutesKept);
            first = Math.Max(first, kept - (kept % step) + step);
        }

        var closed = (await db.QueryAsync(
            $"""
            SELECT step_seconds, bucket_at FROM observability_traffic_closed
            WHERE step_seconds IN {(List<long>)[seconds, source]} AND bucket_at >= {first}
            """,
            row => (Seconds: row.Long(0), At: row.Long(1)),
            ct)).ToHashSet();
        var due = new List<long>();
        var end = Micros(now - Grace);
        for (var at = first; at + step <= end; at += step)
        {
            if (!closed.Contains((seconds, at))
                && (!IsClosedHere(source) || PartsOf(at, step, source).All(p => p < begin || closed.Contains((source, p)))))
            {
                due.Add(at);
            }
        }

        due.Reverse();
        return due;
    }

    private static bool IsClosedHere(long seconds) => Levels.Any(l => l.Seconds == seconds);

    private static IEnumerable<long> PartsOf(long at, long step, long source)
    {
        for (var part = at; part < at + step; part += source * Second)
        {
            yield return part;
        }
    }

    /// <summary>Adds up a bucket that is due, unless another node did: what was made of it since then stays.</summary>
    public static async Task CloseAsync(Transaction sql, long seconds, long source, long bucket, CancellationToken ct)
    {
        var end = bucket + (seconds * Second);
        await sql.LockAsync(Table, ct);
        if (await IsClosedAsync(sql, seconds, bucket, ct))
        {
            return;
        }

        if (IsClosedHere(source))
        {
            var parts = await sql.QueryAsync(
                $"SELECT bucket_at FROM observability_traffic_closed WHERE step_seconds = {source} AND bucket_at >= {bucket} AND bucket_at < {end}",
                row => row.Long(0),
                ct);
            foreach (var open in PartsOf(bucket, end - bucket, source).Except(parts))
            {
                if (await HasHoursAsync(sql, open, open + (source * Second), ct))
                {
                    return; // a call came late: its part is closed again first
                }
            }
        }

        var sums = new Dictionary<RollupKey, RollupSums>();
        await sql.QueryAsync(
            $"""
            SELECT team_id, system_id, environment, route, provider, model, outcome, error_code, {RollupSums.Stored}
            FROM observability_traffic WHERE step_seconds = {source} AND bucket_at >= {bucket} AND bucket_at < {end}
            """,
            row =>
            {
                var key = new RollupKey(
                    row.Id(0), seconds, bucket, row.Id(1), row.Text(2), row.Text(3), row.Text(4), row.Text(5), row.Text(6), row.Text(7));
                if (!sums.TryGetValue(key, out var sum))
                {
                    sums.Add(key, sum = new RollupSums());
                }

                sum.Add(row, 8);
                return true;
            },
            ct);
        await sql.ExecuteAsync($"DELETE FROM observability_traffic WHERE step_seconds = {seconds} AND bucket_at = {bucket}", ct);
        await sql.AppendManyAsync(
            "observability_traffic", RollupSums.Columns, [.. sums], (row, sum) => sum.Value.Write(row, sum.Key, node: ""), ct);
        await MarkAsync(sql, seconds, bucket, ct);

        // An older version that opened this time again left the marks of what was made of it.
        foreach (var (step, at) in MadeOf(seconds, bucket))
        {
            await sql.ExecuteAsync($"DELETE FROM observability_traffic_closed WHERE step_seconds = {step} AND bucket_at = {at}", ct);
        }
    }

    private static IEnumerable<(long Step, long At)> MadeOf(long seconds, long bucket)
    {
        yield return (ClosedTotals.Mark(seconds), bucket);
        if (seconds == SpendingSums.Seconds)
        {
            yield return (SpendingSums.Step, bucket);
        }

        // Of quarters of an hour nothing longer is made.
        foreach (var (longer, _) in Levels.Where(l => seconds >= 21_600 && l.Seconds > seconds))
        {
            yield return (longer, bucket - (bucket % (longer * Second)));
        }
    }

    private static async Task<bool> HasHoursAsync(Transaction sql, long begin, long end, CancellationToken ct) => (await sql.QueryAsync(
        $"SELECT 1 FROM observability_traffic WHERE step_seconds = 3600 AND bucket_at >= {begin} AND bucket_at < {end} LIMIT 1",
        row => row.Long(0),
        ct)).Count > 0;
}
