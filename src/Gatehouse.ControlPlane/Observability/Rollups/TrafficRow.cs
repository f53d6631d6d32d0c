using Gatehouse.Contracts;
using Gatehouse.Observability.Ledger;

namespace Gatehouse.Observability.Rollups;

/// <summary>Calls that agree in the dimensions that were asked for: rows of the roll-ups, or one call of the ledger.</summary>
/// <param name="AtMicros">Start of the bucket, or of the call.</param>
/// <param name="Provider">Empty when no provider was asked; so are <paramref name="Model"/> and <paramref name="ErrorCode"/> when there is
/// none.</param>
internal readonly record struct TrafficRow(
    long AtMicros,
    Guid SystemId,
    string Environment,
    string Route,
    string Provider,
    string Model,
    string Outcome,
    string ErrorCode,
    RollupSums Sums);

/// <summary>What a reader tells apart beside outcomes; where it does not, a row has nothing in that place.</summary>
[Flags]
internal enum TrafficColumns
{
    None = 0,
    Time = 1,
    System = 2,
    Environment = 4,
    Route = 8,
    Provider = 16,
    Model = 32,
    Error = 64,

    /// <summary>Histograms, which are most of what is read.</summary>
    Latency = 128,
}

/// <summary>Adds rows up.</summary>
/// <param name="ofTarget">They are a provider's or a model's, whose failure it is not that Gatehouse stopped.</param>
internal sealed class TrafficTotals(bool ofTarget = false)
{
    private readonly RollupSums _sums = new();
    private long _failed;
    private long _refused;
    private long _cancelled;

    /// <summary>Adds all but what percentiles are made of.</summary>
    public void AddCounts(in TrafficRow row)
    {
        _sums.AddCounts(row.Sums);
        var isCut = ofTarget && row.ErrorCode == CallErrors.ServerStopped;
        _failed += row.Outcome == "failed" && !isCut ? row.Sums.Calls : 0;
        _refused += row.Outcome == "refused" ? row.Sums.Calls : 0;
        _cancelled += row.Outcome == "cancelled" || isCut ? row.Sums.Calls : 0;
    }

    public void Add(in TrafficRow row)
    {
        AddCounts(row);
        if (row.Outcome == "ok")
        {
            // A refusal takes microseconds and a failure as long as its timeout: neither is the latency of an answer.
            _sums.AddLatencies(row.Sums);
        }
    }

    public TrafficSum ToSum() => new(
        _sums.Calls,
        _failed,
        _refused,
        _cancelled,
        _sums.UnpricedCalls,
        _sums.InputTokens,
        _sums.OutputTokens,
        Nanos.ToUsd(_sums.CostNanos),
        _sums.Duration.Percentile(0.50),
        _sums.Duration.Percentile(0.95),
        _sums.Duration.Percentile(0.99),
        _sums.Own.Percentile(0.50),
        _sums.Own.Percentile(0.99))
    {
        FailedOver = _sums.FailedOver,
        CachedCalls = _sums.CachedCalls,
        SavedUsd = Nanos.ToUsd(_sums.SavedNanos),
        SavedTokens = _sums.SavedTokens,
    };
}
