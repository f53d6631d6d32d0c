using System.Runtime.CompilerServices;
using Gatehouse.Contracts;
using Gatehouse.Storage;

namespace Gatehouse.Observability.Ledger;

/// <summary>What the calls that a row of <c>observability_traffic</c> sums have in common.</summary>
internal readonly record struct RollupKey(
    Guid TeamId,
    long StepSeconds,
    long BucketMicros,
    Guid SystemId,
    string Environment,
    string Route,
    string Provider,
    string Model,
    string Outcome,
    string ErrorCode);

/// <summary>
/// What calls add up to: one call, a row of the roll-ups, or all that somebody asked for. Sums are plain, here and in SQL: counts above 100
/// million and prices above a cent a token are refused where they are read, so calls that add up to 64 bits cost nine billion dollars.
/// </summary>
internal sealed class RollupSums
{
    /// <summary>Those that are numbers come first.</summary>
    public static readonly string[] SumColumns =
    [
        "calls", "unpriced_calls", "input_tokens", "output_tokens", "cost_nanos", "cached_calls", "saved_nanos", "saved_tokens",
        "failed_over", "duration_histogram", "own_histogram",
    ];

    public static readonly string[] Columns =
    [
        "team_id", "step_seconds", "bucket_at", "system_id", "environment", "route", "provider", "model", "outcome", "error_code", "node",
        .. SumColumns,
    ];

    /// <summary>What <see cref="Add(Row, int)"/> reads.</summary>
    public static readonly FormattableString Stored = Text(SumColumns);

    /// <summary>What <see cref="AddJoined"/> reads of a group's rows, before their histograms.</summary>
    public static readonly FormattableString Summed = Text(SumColumns[..Numbers].Select(c => $"CAST(SUM({c}) AS BIGINT)"));

    private const int Numbers = 9;

    public LatencyHistogram Duration { get; } = new();

    public LatencyHistogram Own { get; } = new();

    public long Calls { get; set; }

    public long UnpricedCalls { get; set; }

    public long InputTokens { get; set; }

    public long OutputTokens { get; set; }

    public long CostNanos { get; set; }

    /// <summary>Attempts at this target that failed, in calls that another one ended.</summary>
    public long FailedOver { get; set; }

    /// <summary>Calls whose whole answer came from the cache.</summary>
    public long CachedCalls { get; set; }

    public long SavedNanos { get; set; }

    public long SavedTokens { get; set; }

    /// <summary>Adds a call as if the target that ended it had all of its tokens: see <see cref="Take"/>.</summary>
    /// <param name="savedTokens">Those that no provider was asked for because of the cache.</param>
    public void AddCall(
        CallOutcome? outcome, in TokenUsage? usage, string? answeredModel, long? costNanos, CacheUse cache, long? savedNanos,
        long? savedTokens, long durationMicros, long ownMicros)
    {
        Calls++;
        UnpricedCalls += UnpricedCall.Is(outcome, usage is not null, answeredModel, costNanos) ? 1 : 0;
        InputTokens += usage?.TotalInput ?? 0;
        OutputTokens += usage?.TotalOutput ?? 0;
        CostNanos += costNanos ?? 0;
        CachedCalls += cache.IsServed() ? 1 : 0;
        SavedNanos += savedNanos ?? 0;
        SavedTokens += savedTokens ?? 0;
        Duration.Add(durationMicros);
        Own.Add(ownMicros);
    }

    public void Add(RollupSums other)
    {
        AddCounts(other);
        AddLatencies(other);
    }

    public void AddCounts(RollupSums other)
    {
        Calls += other.Calls;
        UnpricedCalls += other.UnpricedCalls;
        InputTokens += other.InputTokens;
        OutputTokens += other.OutputTokens;
        CostNanos += other.CostNanos;
        FailedOver += other.FailedOver;
        CachedCalls += other.CachedCalls;
        SavedNanos += other.SavedNanos;
        SavedTokens += other.SavedTokens;
    }

    public void AddLatencies(RollupSums other)
    {
        Duration.Add(other.Duration);
        Own.Add(other.Own);
    }

    /// <summary>Adds the part that a target had in a call which another one ended, or takes it out of the call's own.</summary>
    public void Take(TargetTokens target, int sign)
    {
        InputTokens += sign * target.InputTokens;
        OutputTokens += sign * target.OutputTokens;
        CostNanos += sign * target.CostNanos;
        FailedOver += sign > 0 ? target.FailedOver : 0;
    }

    public void Add(Row row, int column)
    {
        AddCounts(row, column);
        Duration.AddBytes(row.Bytes(column + Numbers));
        Own.AddBytes(row.Bytes(column + Numbers + 1));
    }

    /// <summary>Adds a group's <see cref="Summed"/>, and its histograms as hexadecimal digits, where there are any.</summary>
    public void AddJoined(Row row, int column)
    {
        AddCounts(row, column);
        Duration.AddJoined(row.TextOrNull(column + Numbers));
        Own.AddJoined(row.TextOrNull(column + Numbers + 1));
    }

    /// <summary>Adds these to the row of the key; its histograms become these, which must hold what is stored already.</summary>
    public FormattableString AddTo(RollupKey k, string node) =>
        $"""
        INSERT INTO observability_traffic (team_id, step_seconds, bucket_at, system_id, environment, route, provider, model, outcome,
            error_code, node, calls, unpriced_calls, input_tokens, output_tokens, cost_nanos, cached_calls, saved_nanos, saved_tokens, failed_over,
            duration_histogram, own_histogram)
        VALUES ({k.TeamId}, {k.StepSeconds}, {k.BucketMicros}, {k.SystemId}, {k.Environment}, {k.Route}, {k.Provider}, {k.Model},
            {k.Outcome}, {k.ErrorCode}, {node}, {Calls}, {UnpricedCalls}, {InputTokens}, {OutputTokens}, {CostNanos},
            {CachedCalls}, {SavedNanos}, {SavedTokens}, {FailedOver}, {Duration.ToBytes()}, {Own.ToBytes()})
        ON CONFLICT (team_id, step_seconds, bucket_at, system_id, environment, route, provider, model, outcome, error_code, node)
        DO UPDATE SET calls = observability_traffic.calls + excluded.calls,
            unpriced_calls = observability_traffic.unpriced_calls + excluded.unpriced_calls,
            input_tokens = observability_traffic.input_tokens + excluded.input_tokens,
            output_tokens = observability_traffic.output_tokens + excluded.output_tokens,
            cost_nanos = observability_traffic.cost_nanos + excluded.cost_nanos,
            cached_calls = observability_traffic.cached_calls + excluded.cached_calls,
            saved_nanos = observability_traffic.saved_nanos + excluded.saved_nanos,
            saved_tokens = observability_traffic.saved_tokens + excluded.saved_tokens,
            failed_over = observability_traffic.failed_over + excluded.failed_over,
            duration_histogram = excluded.duration_histogram, own_histogram = excluded.own_histogram
        """;

    /// <summary>Writes the cells of <see cref="Columns"/>.</summary>
    public void Write(RowWriter row, in RollupKey key, string node)
    {
        row.Id(key.TeamId);
        row.Long(key.StepSeconds);
        row.Long(key.BucketMicros);
        row.Id(key.SystemId);
        row.Text(key.Environment);
        row.Text(key.Route);
        row.Text(key.Provider);
        row.Text(key.Model);
        row.Text(key.Outcome);
        row.Text(key.ErrorCode);
        row.Text(node);
        WriteSums(row);
    }

    /// <summary>Writes the cells of <see cref="SumColumns"/>.</summary>
    public void WriteSums(RowWriter row)
    {
        row.Long(Calls);
        row.Long(UnpricedCalls);
        row.Long(InputTokens);
        row.Long(OutputTokens);
        row.Long(CostNanos);
        row.Long(CachedCalls);
        row.Long(SavedNanos);
        row.Long(SavedTokens);
        row.Long(FailedOver);
        row.Bytes(Duration.ToBytes());
        row.Bytes(Own.ToBytes());
    }

    private void AddCounts(Row row, int column)
    {
        Calls += row.Long(column);
        UnpricedCalls += row.Long(column + 1);
        InputTokens += row.Long(column + 2);
        OutputTokens += row.Long(column + 3);
        CostNanos += row.Long(column + 4);
        CachedCalls += row.Long(column + 5);
        SavedNanos += row.Long(column + 6);
        SavedTokens += row.Long(column + 7);
        FailedOver += row.Long(column + 8);
    }

    /// <param name="columns">Constants.</param>
    private static FormattableString Text(IEnumerable<string> columns) => FormattableStringFactory.Create(string.Join(", ", columns));
}
