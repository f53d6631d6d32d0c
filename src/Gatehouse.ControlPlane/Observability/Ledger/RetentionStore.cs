using Gatehouse.Observability.Calls;
using Gatehouse.Observability.Rollups;
using Gatehouse.Storage;

namespace Gatehouse.Observability.Ledger;

/// <summary>
/// Deletes expired traces, texts and responses, roll-ups per minute that nobody asks for any more, and totals of hours that no chart
/// reaches. The ledger is kept for good.
/// </summary>
internal sealed class RetentionStore(Database db)
{
    /// <summary>Small enough that calls being recorded hardly wait.</summary>
    private const int BatchRows = 500;

    /// <summary>Each has the traces of up to 512 calls.</summary>
    private const int BatchPacks = 20;

    /// <summary>Roll-ups per minute and per quarter of an hour, in seconds.</summary>
    private static readonly long[] ShortSteps = [60, 900];

    private static readonly TimeSpan BatchTime = TimeSpan.FromMinutes(5);

    /// <returns>When the last call that began before a time began.</returns>
    public async Task<DateTimeOffset?> LastCallAsync(DateTimeOffset before, CancellationToken ct)
    {
        var last = await db.QueryAsync(
            $"SELECT started_at FROM observability_call WHERE id <= {CallConditions.LatestId(before)} ORDER BY id DESC LIMIT 1",
            row => row.Instant(0), ct);
        return last is [var at] ? at : null;
    }

    public async Task DeleteExpiredAsync(DateTimeOffset now, CancellationToken ct)
    {
        while (await db.ExecuteAsync($"""
            DELETE FROM observability_text
            WHERE call_id IN (SELECT call_id FROM observability_text WHERE expires_at <= {now} LIMIT {BatchRows})
            """, ct) == BatchRows)
        {
        }

        while (await db.ExecuteAsync($"""
            DELETE FROM observability_trace_pack
            WHERE (node, number) IN (SELECT node, number FROM observability_trace_pack WHERE expires_at <= {now} LIMIT {BatchPacks})
            """, ct) == BatchPacks)
        {
        }

        while (await db.ExecuteAsync($"""
            DELETE FROM observability_trace
            WHERE call_id IN (SELECT call_id FROM observability_trace WHERE expires_at <= {now} LIMIT {BatchRows})
            """, ct) == BatchRows)
        {
        }

        while (await db.ExecuteAsync($"""
            DELETE FROM observability_response
            WHERE expires_at <= {now} AND id IN (SELECT id FROM observability_response WHERE expires_at <= {now} LIMIT {BatchRows})
            """, ct) >= BatchRows)
        {
        }

        while (await db.ExecuteAsync($"""
            DELETE FROM observability_response_item
            WHERE expires_at <= {now} AND item_id IN (SELECT item_id FROM observability_response_item WHERE expires_at <= {now} LIMIT {BatchRows})
            """, ct) >= BatchRows)
        {
        }

        var keep = now - TrafficReader.MinutesKept - TimeSpan.FromDays(1);
        foreach (var step in ShortSteps)
        {
            while (await OldestAsync(step, ct) is { } oldest && oldest < keep)
            {
                var upTo = oldest + BatchTime < keep ? oldest + BatchTime : keep;
                await db.TransactionAsync(
                    async sql =>
                    {
                        await sql.ExecuteAsync(
                            $"DELETE FROM observability_traffic WHERE step_seconds = {step} AND bucket_at < {upTo}", ct);
                        await ClosedBuckets.MarkDeletedAsync(sql, upTo, ct);
                    },
                    ct);
            }

            var marks = (List<long>)[step, ClosedTotals.Mark(step)];
            await db.ExecuteAsync($"DELETE FROM observability_traffic_closed WHERE step_seconds IN {marks} AND bucket_at < {keep}", ct);
            await db.ExecuteAsync($"DELETE FROM observability_traffic_total WHERE step_seconds = {step} AND bucket_at < {keep}", ct);
        }

        // A day later than they are looked for: clocks differ.
        var reached = now - ClosedBuckets.OfHourTotals - TimeSpan.FromDays(1);
        await db.ExecuteAsync(
            $"DELETE FROM observability_traffic_closed WHERE step_seconds = {ClosedTotals.Mark(3600)} AND bucket_at < {reached}", ct);
        await db.ExecuteAsync($"DELETE FROM observability_traffic_total WHERE step_seconds = 3600 AND bucket_at < {reached}", ct);
    }

    private async Task<DateTimeOffset?> OldestAsync(long step, CancellationToken ct)
    {
        var oldest = await db.QueryAsync(
            $"SELECT MIN(bucket_at) FROM observability_traffic WHERE step_seconds = {step}", row => row.InstantOrNull(0), ct);
        return oldest[0];
    }
}
