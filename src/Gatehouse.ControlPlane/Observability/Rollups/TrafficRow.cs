using Gatehouse.Contracts;
using Gatehouse.Observability.Ledger;

namespace Gatehouse.Observability.Rollups;

/// <summary>Calls that agree in the dimensions that were asked for: rows of the roll-ups, or one call of the ledger.</summary>
/// <param name="AtMicros">Start of the bucket, or of the call.</param>
/// <param name="Provider">Empty when no provider was asked; so are <paramref name="Model"/> and <paramref name="ErrorCode"/> when there is
/// none.</param>
/// <param name="Duration">Stored histograms as hexadecimal digits with commas between them; so is <paramref name="Own"/>.</param>
internal readonly record struct TrafficRow(
    long AtMicros,
    Guid SystemId,
    string Environment,
    string Route,
    string Provider,
    string Model,
    string Outcome,
    string ErrorCode,
    long Calls,
    long UnpricedCalls,
    long InputTokens,
    long OutputTokens,
    long CostNanos,
    string Duration,
    string Own)
{
    /// <summary>Attempts at this target that failed, in calls that another one ended.</summary>
    public long FailedOver { get; init; }

    /// <summary>Calls whose whole answer came from the cache.</summary>
    public long CachedCalls { get; init; }

    public long SavedNanos { get; init; }

    public long SavedTokens { get; init; }
}

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
internal sealed class TrafficTotals
{
    private readonly LatencyHistogram _duration = new();
    private readonly LatencyHistogram _own = new();
    private long _calls;
    private long _failed;
    private long _refused;
    private long _cancelled;
    private long _unpriced;
    private long _input;
    private long _output;
    private long _costNanos;
    private long _failedOver;
    private long _cached;
    private long _savedNanos;
    private long _savedTokens;

    /// <summary>Adds all but what percentiles are made of.</summary>
    public void AddCounts(in TrafficRow row)
    {
        _calls += row.Calls;
        _failed += row.Outcome == "failed" ? row.Calls : 0;
        _refused += row.Outcome == "refused" ? row.Calls : 0;
        _cancelled += row.Outcome == "cancelled" ? row.Calls : 0;
        _unpriced += row.UnpricedCalls;
        _input += row.InputTokens;
        _output += row.OutputTokens;
        _costNanos += row.CostNanos;
        _failedOver += row.FailedOver;
        _cached += row.CachedCalls;
        _savedNanos += row.SavedNanos;
        _savedTokens += row.SavedTokens;
    }

    public void Add(in TrafficRow row)
    {
        AddCounts(row);
        if (row.Outcome == "ok")
        {
            // A refusal takes microseconds and a failure as long as its timeout: neither is the latency of an answer.
            _duration.AddJoined(row.Duration);
            _own.AddJoined(row.Own);
        }
    }

    public TrafficSum ToSum() => new(
        _calls,
        _failed,
        _refused,
        _cancelled,
        _unpriced,
        _input,
        _output,
        Nanos.ToUsd(_costNanos),
        _duration.Percentile(0.50),
        _duration.Percentile(0.95),
        _duration.Percentile(0.99),
        _own.Percentile(0.50),
        _own.Percentile(0.99))
    {
        FailedOver = _failedOver,
        CachedCalls = _cached,
        SavedUsd = Nanos.ToUsd(_savedNanos),
        SavedTokens = _savedTokens,
    };
}
