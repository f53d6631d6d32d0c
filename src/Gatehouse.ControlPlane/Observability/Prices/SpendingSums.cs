using Gatehouse.Contracts;
using Gatehouse.Observability.Calls;
using Gatehouse.Observability.Ledger;
using Gatehouse.Observability.Rollups;
using Gatehouse.Storage;

namespace Gatehouse.Observability;

/// <summary>
/// Table <c>observability_spending</c>: what calls took by team, provider and model as the provider names it, for each quarter of a day
/// that is over. Made and taken out with the sums that <see cref="ClosedBuckets"/> keeps, and marked in their table by a step of its own.
/// </summary>
internal static class SpendingSums
{
    /// <summary>The mark of a quarter of a day.</summary>
    public const long Step = -Seconds;

    public const long Seconds = 21_600;

    private static readonly string[] Columns =
        ["bucket_at", "team_id", "provider", "model", "calls", "input_tokens", "output_tokens", "cost_nanos", "unpriced_calls"];

    /// <summary>Shapes that a statement is given one by one.</summary>
    private const int ShapesAtOnce = 500;

    /// <summary>
    /// What calls share, and what their provider calls the model; a name that only the caller gave it is as in the other sums.
    /// </summary>
    public static FormattableString Shapes(FormattableString condition) => $"""
        SELECT number, team_id, provider, CASE WHEN answered_model <> '' AND answered_model <> route THEN answered_model
                WHEN {UnknownRoute.OfShape} THEN {CallFilter.UnknownRoute}
                WHEN is_other = {true} AND model = route THEN {CallFilter.OtherNames}
                WHEN answered_model <> '' THEN answered_model ELSE model END,
            outcome = 'ok' OR answered_model <> ''
        FROM observability_call_shape WHERE provider <> ''{condition}
        """;

    /// <summary>What calls of a time took, by shape: what they share is added to their sums afterwards, or much would be sorted.</summary>
    public static FormattableString Calls(DateTimeOffset from, DateTimeOffset to) => $"""
        SELECT shape, COUNT(*),
            CAST(COALESCE(SUM(uncached_input_tokens + cache_read_tokens + cache_write_tokens + cache_write_long_tokens
                + COALESCE(audio_input_tokens, 0) + COALESCE(image_input_tokens, 0)), 0) AS BIGINT),
            CAST(COALESCE(SUM(output_tokens + reasoning_tokens + COALESCE(audio_output_tokens, 0)), 0) AS BIGINT),
            CAST(COALESCE(SUM(cost_nanos), 0) AS BIGINT),
            CAST(SUM(CASE WHEN cost_nanos IS NULL THEN 1 ELSE 0 END) AS BIGINT),
            CAST(SUM(CASE WHEN cost_nanos IS NULL AND uncached_input_tokens IS NOT NULL THEN 1 ELSE 0 END) AS BIGINT)
        FROM observability_call
        WHERE id >= {CallConditions.EarliestId(from)} AND id <= {CallConditions.LatestId(to)} AND started_at >= {from} AND started_at < {to}
        GROUP BY shape
        """;

    public static SpentShape ReadShape(Row row) => new(row.Long(0), row.Id(1), row.Text(2), row.Text(3), row.Bool(4));

    public static SpentCalls ReadCalls(Row row) => new(
        row.Long(0), row.Long(1), row.Long(2), row.Long(3), row.Long(4), row.Long(5), row.Long(6));

    /// <summary>Sums of the calls whose shape is known, by what the caller makes of it.</summary>
    public static IEnumerable<(TKey Key, Spent Sum)> Add<TKey>(
        IEnumerable<SpentCalls> calls, Dictionary<long, SpentShape> shapes, Func<SpentShape, TKey> keyOf) =>
        calls.Where(c => shapes.ContainsKey(c.Shape)).GroupBy(c => keyOf(shapes[c.Shape])).Select(g => (g.Key, new Spent(
            g.Sum(c => c.Calls), g.Sum(c => c.Input), g.Sum(c => c.Output), g.Sum(c => c.Nanos),
            g.Sum(c => shapes[c.Shape].IsAnswered ? c.Unpriced : c.Counted))));

    /// <summary>For who has the lock of the sums for itself.</summary>
    public static async Task CloseAsync(Transaction sql, long bucketMicros, CancellationToken ct)
    {
        var from = DateTimeOffset.UnixEpoch.AddMicroseconds(bucketMicros);
        var calls = await sql.QueryAsync(Calls(from, from.AddSeconds(Seconds)), ReadCalls, ct);
        var shapes = new Dictionary<long, SpentShape>();
        foreach (var numbers in calls.Select(c => c.Shape).Chunk(ShapesAtOnce))
        {
            foreach (var shape in await sql.QueryAsync(Shapes($" AND number IN {numbers}"), ReadShape, ct))
            {
                shapes.Add(shape.Number, shape);
            }
        }

        await sql.ExecuteAsync($"DELETE FROM observability_spending WHERE bucket_at = {bucketMicros}", ct);
        await sql.AppendManyAsync(
            "observability_spending", Columns, [.. Add(calls, shapes, s => (s.TeamId, s.Provider, s.Model))],
            (row, sum) =>
            {
                row.Long(bucketMicros);
                row.Id(sum.Key.TeamId);
                row.Text(sum.Key.Provider);
                row.Text(sum.Key.Model);
                row.Long(sum.Sum.Calls);
                row.Long(sum.Sum.Input);
                row.Long(sum.Sum.Output);
                row.Long(sum.Sum.Nanos);
                row.Long(sum.Sum.Unpriced);
            },
            ct);
    }
}

/// <summary>What calls have in common that spending is told apart by.</summary>
internal sealed record SpentShape(long Number, Guid TeamId, string Provider, string Model, bool IsAnswered);

/// <summary>What calls of one shape took.</summary>
/// <param name="Counted">Of <paramref name="Unpriced"/>, those with tokens.</param>
internal sealed record SpentCalls(long Shape, long Calls, long Input, long Output, long Nanos, long Unpriced, long Counted);

/// <summary>A sum.</summary>
internal readonly record struct Spent(long Calls, long Input, long Output, long Nanos, long Unpriced)
{
    public static Spent operator +(Spent a, Spent b) => new(
        a.Calls + b.Calls, a.Input + b.Input, a.Output + b.Output, a.Nanos + b.Nanos, a.Unpriced + b.Unpriced);
}
