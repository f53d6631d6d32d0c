using Gatehouse.Contracts;
using Gatehouse.Gateway.Journal;
using Gatehouse.Storage;

namespace Gatehouse.Observability;

/// <summary>What must be true of the ledger, and is not.</summary>
/// <param name="Subject">What was compared: <c>journal</c>, <c>ledger</c>, <c>sums</c>, <c>minutes</c> or <c>closed</c>.</param>
/// <param name="Checked">How many things were looked at.</param>
/// <param name="Faults">A sentence each, the first ones; empty when all is well.</param>
/// <param name="Mend">What to do about them; <see langword="null"/> where nobody should have to know.</param>
public sealed record InvariantReport(string Subject, string Claim, long Checked, IReadOnlyList<string> Faults, string? Mend = null);

/// <summary>Proves that journal, ledger and sums of traffic agree. Reads only, in a snapshot that the caller opened.</summary>
public static class LedgerInvariants
{
    private const int MaxFaults = 10;
    private const int BatchRecords = 500;

    /// <param name="journal">The directory of this node's journal.</param>
    public static async Task<IReadOnlyList<InvariantReport>> CheckAsync(
        Transaction sql, string journal, TimeProvider clock, CancellationToken ct) =>
    [
        await JournalAsync(sql, journal, ct),
        await RowsAsync(sql, ct),
        await HoursAsync(sql, ct),
        await MinutesAsync(sql, clock, ct),
        await ClosedAsync(sql, clock, ct),
    ];

    private static async Task<InvariantReport> JournalAsync(Transaction sql, string directory, CancellationToken ct)
    {
        const string accountFor =
            "Their providers' bills have what was lost. When it is accounted for, delete the files that are called '.damaged'.";
        var (count, faults, mend) = (0L, new List<string>(), (string?)null);
        try
        {
            if (Directory.Exists(directory) && JournalFiles.FindNode(directory) is { } node)
            {
                var segments = JournalFiles.FindNumbers(directory); // before the position, which moves on before one is deleted
                var positions = await sql.QueryAsync(
                    $"SELECT segment, byte_offset FROM observability_journal WHERE node = {node}",
                    row => new JournalPosition(row.Long(0), row.Long(1)),
                    ct);
                var drained = positions.Count == 0 ? (JournalPosition?)null : positions[0];
                faults.AddRange(JournalFiles.FindDamage(directory, drained, segments).Select(Say));
                var damaged = faults.Count;
                count = drained is { } upTo ? await CompareAsync(sql, directory, upTo, faults, ct) : 0;
                mend = faults.Count == damaged ? accountFor : null;
            }
        }
        catch (JournalVersionException e)
        {
            faults.Add(e.Message);
            mend = "Nothing else: until then its calls wait in the journal.";
        }

        return new InvariantReport(
            "journal", "it can be read, and each of its records up to where it is drained is in the ledger once, with its cost", count,
            First(faults), mend);
    }

    /// <returns>The number of records compared.</returns>
    private static async Task<long> CompareAsync(
        Transaction sql, string directory, JournalPosition upTo, List<string> faults, CancellationToken ct)
    {
        var count = 0L;
        foreach (var batch in JournalFiles.Read(directory, upTo).Where(r => r.TeamId != Guid.Empty).Chunk(BatchRecords))
        {
            count += batch.Length;
            var ids = batch.Select(r => r.Id).ToList();
            var rows = (await sql.QueryAsync(
                $"""
                SELECT id, CASE WHEN repriced_at IS NULL THEN cost_nanos ELSE first_cost_nanos END, started_at, uncached_input_tokens, output_tokens
                FROM observability_call WHERE id IN {ids}
                """,
                row => (Id: row.Id(0), Cost: row.LongOrNull(1), At: row.Long(2), Input: row.LongOrNull(3), Output: row.LongOrNull(4)),
                ct)).ToDictionary(r => r.Id);
            foreach (var record in batch)
            {
                var fault = !rows.TryGetValue(record.Id, out var row) ? "is not in the ledger"
                    : row.Cost != record.CostNanos ? $"cost {Usd(record.CostNanos)} when it ended, and the ledger has {Usd(row.Cost)}"
                    : (row.At, row.Input, row.Output) != (record.StartedAtMicros, record.Usage?.UncachedInput, record.Usage?.Output)
                        ? "has another start or other tokens in the ledger"
                    : null;
                if (fault is not null)
                {
                    faults.Add($"Call {record.Id} {fault}.");
                }
            }
        }

        return count;
    }

    private static async Task<InvariantReport> RowsAsync(Transaction sql, CancellationToken ct)
    {
        var faults = await sql.QueryAsync(
            $"SELECT id, shape FROM observability_call WHERE shape NOT IN (SELECT number FROM observability_call_shape) LIMIT {MaxFaults}",
            row => $"Call {row.Id(0)} has shape {row.Long(1)}, which is not there: it is missing from every list.",
            ct);
        faults.AddRange(await sql.QueryAsync(
            $"SELECT id FROM observability_call WHERE cost_nanos < 0 OR charged_nanos < 0 LIMIT {MaxFaults}",
            row => $"Call {row.Id(0)} has a cost below zero.",
            ct));
        var count = await sql.QueryAsync($"SELECT COUNT(*) FROM observability_call", row => row.Long(0), ct);
        return new InvariantReport(
            "ledger", "each call has what it shares with others, and no cost is below zero", count[0], First(faults));
    }

    private static async Task<InvariantReport> HoursAsync(Transaction sql, CancellationToken ct)
    {
        var faults = await sql.QueryAsync(
            $"""
            SELECT team_id, bucket, CAST(SUM(calls) AS BIGINT), CAST(SUM(cost) AS BIGINT), CAST(SUM(tokens) AS BIGINT)
            FROM (
                SELECT team_id, started_at - started_at % 3600000000 AS bucket, 1 AS calls, COALESCE(cost_nanos, 0) AS cost,
                    COALESCE(uncached_input_tokens + cache_read_tokens + cache_write_tokens + cache_write_long_tokens + output_tokens
                        + reasoning_tokens + COALESCE(audio_input_tokens, 0) + COALESCE(image_input_tokens, 0)
                        + COALESCE(audio_output_tokens, 0), 0) AS tokens
                FROM observability_ledger
                UNION ALL
                SELECT team_id, bucket_at, -calls, -cost_nanos, -(input_tokens + output_tokens) FROM observability_traffic WHERE step_seconds = 3600
            ) d
            GROUP BY team_id, bucket HAVING SUM(calls) <> 0 OR SUM(cost) <> 0 OR SUM(tokens) <> 0 ORDER BY bucket LIMIT {MaxFaults}
            """,
            row => $"In the hour of {row.Instant(1):yyyy-MM-dd HH:mm} of team {row.Id(0)} the ledger has {row.Long(2)} calls, "
                + $"{Usd(row.Long(3))} and {row.Long(4)} tokens more than the sums.",
            ct);
        var hours = await sql.QueryAsync($"SELECT COUNT(*) FROM observability_traffic WHERE step_seconds = 3600", row => row.Long(0), ct);
        return new InvariantReport("sums", "the sums per hour are those of the ledger", hours[0], faults);
    }

    /// <summary>From when on minutes, and quarters of an hour, are there: they are deleted when they are old by whatever clock.</summary>
    private static async Task<long> KeptAsync(Transaction sql, TimeProvider clock, CancellationToken ct) => Math.Max(
        Micros(clock.GetUtcNow() - Rollups.TrafficReader.MinutesKept),
        (await sql.QueryAsync(Rollups.ClosedBuckets.Deleted, row => row.LongOrNull(0), ct))[0] ?? 0);

    /// <summary>Only minutes of whole hours that are surely there are compared.</summary>
    private static async Task<InvariantReport> MinutesAsync(Transaction sql, TimeProvider clock, CancellationToken ct)
    {
        const long hour = 3_600_000_000;
        var kept = await KeptAsync(sql, clock, ct);
        var from = kept - (kept % hour) + hour;
        var faults = await sql.QueryAsync(
            $"""
            SELECT team_id, bucket, CAST(SUM(calls) AS BIGINT), CAST(SUM(cost) AS BIGINT)
            FROM (
                SELECT team_id, bucket_at - bucket_at % 3600000000 AS bucket, calls, cost_nanos AS cost
                FROM observability_traffic WHERE step_seconds = 60 AND bucket_at >= {from}
                UNION ALL
                SELECT team_id, bucket_at, -calls, -cost_nanos FROM observability_traffic WHERE step_seconds = 3600 AND bucket_at >= {from}
            ) d
            GROUP BY team_id, bucket HAVING SUM(calls) <> 0 OR SUM(cost) <> 0 ORDER BY bucket LIMIT {MaxFaults}
            """,
            row => $"In the hour of {row.Instant(1):yyyy-MM-dd HH:mm} of team {row.Id(0)} the minutes have {row.Long(2)} calls and "
                + $"{Usd(row.Long(3))} more than the hour.",
            ct);
        var minutes = await sql.QueryAsync(
            $"SELECT COUNT(*) FROM observability_traffic WHERE step_seconds = 60 AND bucket_at >= {from}", row => row.Long(0), ct);
        return new InvariantReport("minutes", "the sums per minute add up to those per hour", minutes[0], faults);
    }

    /// <summary>What is read in place of hours and minutes says the same.</summary>
    private static async Task<InvariantReport> ClosedAsync(Transaction sql, TimeProvider clock, CancellationToken ct)
    {
        var (count, faults) = (0L, new List<string>());
        // Of those below an hour, the minutes may be deleted in this moment.
        var kept = await KeptAsync(sql, clock, ct);
        foreach (var (seconds, source) in Rollups.ClosedBuckets.Levels)
        {
            var from = From(seconds);
            await CompareAsync(seconds, seconds, from, Rollups.ClosedBuckets.Differing(seconds, source, from), "closed sums");
        }

        foreach (var seconds in Rollups.ClosedTotals.Steps)
        {
            var from = From(seconds);
            await CompareAsync(
                seconds, Rollups.ClosedTotals.Mark(seconds), from, Rollups.ClosedBuckets.DifferingTotals(seconds, from), "totals");
        }

        return new InvariantReport(
            "closed", "the sums of quarters of an hour and of days, and totals, are those of minutes and hours", count, First(faults));

        long From(long seconds) => seconds < 3600 ? kept - (kept % (seconds * 1_000_000)) + (seconds * 1_000_000) : 0; // whole ones

        async Task CompareAsync(long seconds, long mark, long from, FormattableString differing, string what)
        {
            faults.AddRange(await sql.QueryAsync(
                $"{differing} ORDER BY d.bucket LIMIT {MaxFaults}",
                row => $"In the {seconds / 60} minutes from {row.Instant(1):yyyy-MM-dd HH:mm} of team {row.Id(0)} the {what} have "
                    + $"{row.Long(2)} calls and {Usd(row.Long(3))} more than those they were made of.",
                ct));
            count += (await sql.QueryAsync(
                $"SELECT COUNT(*) FROM observability_traffic_closed WHERE step_seconds = {mark} AND bucket_at >= {from}",
                row => row.Long(0), ct))[0];
        }
    }

    private static string Say(JournalDamage damage)
    {
        var what = damage.Bytes == 0
            ? $"What stood in '{damage.File}' from byte {damage.Offset} on is missing"
            : damage.IsMore ? $"At least {damage.Bytes} bytes of '{damage.File}' from byte {damage.Offset} on are missing"
            : $"{damage.Bytes} bytes of '{damage.File}' from byte {damage.Offset} on cannot be read";
        var when = (damage.AfterMicros, damage.BeforeMicros) switch
        {
            (null, null) => "",
            (null, { } before) => $", before the one that began at {Second(before)},",
            ({ } after, null) => $", after the one that began at {Second(after)},",
            ({ } after, { } before) => $", between those that began at {Second(after)} and {Second(before)},",
        };
        return $"{what}: calls that {(damage.Bytes == 0 ? "may have been" : "were")} recorded there{when} are not in the ledger.";
    }

    private static string Second(long micros) => string.Create(
        System.Globalization.CultureInfo.InvariantCulture, $"{DateTimeOffset.UnixEpoch.AddMicroseconds(micros):yyyy-MM-dd HH:mm:ss.fff}");

    private static long Micros(DateTimeOffset at) => (at - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond;

    private static string Usd(long? nanos) => nanos is { } known
        ? string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{Nanos.ToUsd(known):0.#########} USD")
        : "an unknown amount";

    private static List<string> First(List<string> faults) =>
        faults.Count <= MaxFaults ? faults : [.. faults.Take(MaxFaults), $"… and {faults.Count - MaxFaults} more."];
}
