using Gatehouse.Observability.Ledger;
using Gatehouse.Storage;

namespace Gatehouse.Observability.Rollups;

/// <summary>
/// Table <c>observability_traffic_total</c>: sums of a team, an environment and an outcome, whatever the systems, routes, targets and
/// errors. A chart of all traffic reads some ten rows a bucket in place of a thousand. Made and taken out with the sums that
/// <see cref="ClosedBuckets"/> keeps, from those of the same bucket, and marked in their table by a step of its own.
/// </summary>
internal static class ClosedTotals
{
    /// <summary>Steps in seconds. Hours are nobody's to close: their rows are those of the nodes.</summary>
    public static readonly long[] Steps = [900, 3600, 21_600, 86_400];

    private static readonly string[] Columns =
        ["step_seconds", "bucket_at", "team_id", "environment", "outcome", .. RollupSums.SumColumns];

    /// <summary>The step by which a bucket of so many seconds is marked.</summary>
    public static long Mark(long seconds) => -1 - seconds;

    /// <summary>For who has the lock of the sums for itself, and knows that the bucket's are complete.</summary>
    public static async Task CloseAsync(Transaction sql, long seconds, long bucketMicros, CancellationToken ct)
    {
        var sums = new Dictionary<(Guid TeamId, string Environment, string Outcome), RollupSums>();
        await sql.QueryAsync(
            $"""
            SELECT team_id, environment, outcome, {RollupSums.Stored}
            FROM observability_traffic WHERE step_seconds = {seconds} AND bucket_at = {bucketMicros}
            """,
            row =>
            {
                var key = (row.Id(0), row.Text(1), row.Text(2));
                if (!sums.TryGetValue(key, out var sum))
                {
                    sums.Add(key, sum = new RollupSums());
                }

                sum.Add(row, 3);
                return true;
            },
            ct);
        await sql.ExecuteAsync(
            $"DELETE FROM observability_traffic_total WHERE step_seconds = {seconds} AND bucket_at = {bucketMicros}", ct);
        await sql.AppendManyAsync(
            "observability_traffic_total", Columns, [.. sums],
            (row, sum) =>
            {
                row.Long(seconds);
                row.Long(bucketMicros);
                row.Id(sum.Key.TeamId);
                row.Text(sum.Key.Environment);
                row.Text(sum.Key.Outcome);
                sum.Value.WriteSums(row);
            },
            ct);
    }
}
