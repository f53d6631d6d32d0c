using Gatehouse.Contracts;
using Gatehouse.Observability.Rollups;
using Gatehouse.Storage;

namespace Gatehouse.Observability.Ledger;

/// <summary>
/// The sums of one batch of calls, per minute and per hour, and how they are added to those of <c>observability_traffic</c>.
/// Rows belong to one node, and a node drains its journal alone: reading a histogram and writing it back is safe.
/// </summary>
internal sealed class RollupBatch(string node)
{
    private const long MinuteMicros = 60_000_000;
    private static readonly long[] StepSeconds = [60, 3600];

    /// <summary>By shape and minute first, since that is one look a call; the keys of the table follow from it.</summary>
    private readonly Dictionary<(CallShape Shape, long Minute), RollupSums> _minutes = new(new ByShapeAndMinute());
    private readonly Dictionary<RollupKey, RollupSums> _sums = [];

    public void Add(LedgerEntry entry)
    {
        var record = entry.Record;
        var at = (entry.Shape, record.StartedAtMicros - (record.StartedAtMicros % MinuteMicros));
        if (!_minutes.TryGetValue(at, out var sums))
        {
            _minutes.Add(at, sums = new RollupSums());
        }

        sums.AddCall(
            record.Outcome, record.Usage, record.AnsweredModel, record.CostNanos, record.Cache, record.SavedNanos, record.Saved?.Total,
            record.DurationMicros, record.OwnMicros);
        var unknown = entry.Earlier.Count > 0 && IsUnknown(entry.Shape);
        foreach (var target in entry.Earlier)
        {
            sums.Take(target, -1);
            foreach (var step in StepSeconds)
            {
                var model = CallerNames.Summed(target.Model, entry.Shape.Route, unknown, entry.Shape.IsOther);
                Of(KeyOf(entry.Shape, at.Item2, step) with { Provider = target.Provider, Model = model }).Take(target, 1);
            }
        }
    }

    public async Task WriteAsync(Transaction transaction, CancellationToken ct)
    {
        foreach (var ((shape, minute), sums) in _minutes)
        {
            foreach (var step in StepSeconds)
            {
                Of(KeyOf(shape, minute, step)).Add(sums);
            }
        }

        foreach (var step in _sums.GroupBy(s => s.Key.StepSeconds))
        {
            await AddStoredHistogramsAsync(transaction, step.Key, step.Select(s => s.Key).ToList(), ct);
        }

        await transaction.ExecuteManyAsync([.. _sums.Select(s => s.Value.AddTo(s.Key, node))], ct);

        await ClosedBuckets.ReopenAsync(transaction, _minutes.Keys.Select(k => k.Minute), ct);
    }

    private static RollupKey KeyOf(CallShape shape, long minute, long step)
    {
        var unknown = IsUnknown(shape);
        return new RollupKey(
            shape.TeamId,
            step,
            minute - (minute % (step * 1_000_000)),
            shape.SystemId,
            Words.Of(shape.Environment),
            unknown ? CallFilter.UnknownRoute : shape.IsOther ? CallFilter.OtherNames : shape.Route,
            shape.Provider ?? "",
            shape.Model is null ? "" : CallerNames.Summed(shape.Model, shape.Route, unknown, shape.IsOther),
            Words.Of(shape.Outcome),
            shape.ErrorCode ?? "");
    }

    private static bool IsUnknown(CallShape shape) => UnknownRoute.Is(shape.Status, shape.Outcome, shape.Route, shape.Model);

    private async Task AddStoredHistogramsAsync(Transaction transaction, long step, List<RollupKey> keys, CancellationToken ct)
    {
        var teams = keys.Select(k => k.TeamId).Distinct().ToList();
        var buckets = keys.Select(k => k.BucketMicros).Distinct().ToList();
        await transaction.QueryAsync(
            $"""
            SELECT team_id, bucket_at, system_id, environment, route, provider, model, outcome, error_code, duration_histogram,
                own_histogram
            FROM observability_traffic
            WHERE team_id IN {teams} AND step_seconds = {step} AND bucket_at IN {buckets} AND node = {node}
            """,
            row =>
            {
                var key = new RollupKey(
                    row.Id(0), step, row.Long(1), row.Id(2), row.Text(3), row.Text(4), row.Text(5), row.Text(6), row.Text(7), row.Text(8));
                if (_sums.TryGetValue(key, out var sums))
                {
                    sums.Duration.AddBytes(row.Bytes(9));
                    sums.Own.AddBytes(row.Bytes(10));
                }

                return key;
            },
            ct);
    }

    private RollupSums Of(RollupKey key)
    {
        if (!_sums.TryGetValue(key, out var sums))
        {
            _sums.Add(key, sums = new RollupSums());
        }

        return sums;
    }

    /// <summary>A batch has one object for each shape.</summary>
    private sealed class ByShapeAndMinute : IEqualityComparer<(CallShape Shape, long Minute)>
    {
        public bool Equals((CallShape Shape, long Minute) x, (CallShape Shape, long Minute) y) =>
            ReferenceEquals(x.Shape, y.Shape) && x.Minute == y.Minute;

        public int GetHashCode((CallShape Shape, long Minute) at) =>
            HashCode.Combine(System.Runtime.CompilerServices.RuntimeHelpers.GetHashCode(at.Shape), at.Minute);
    }
}
