using Gatehouse.Contracts;
using Gatehouse.Observability.Rollups;
using Gatehouse.Storage;

namespace Gatehouse.Observability;

/// <summary>A series, and the shares of the dimensions that were asked for.</summary>
public sealed record TrafficPicture(Traffic Traffic, IReadOnlyDictionary<TrafficDimension, IReadOnlyList<TrafficShare>> Shares);

/// <summary>
/// Sums over calls. Whole hours and minutes come from the roll-ups, the ragged ends of the range from the ledger, so that a sum is
/// always that of the calls which <see cref="CallQueries"/> lists for the same filter. Safe from any thread.
/// </summary>
public sealed class TrafficQueries
{
    /// <summary>Most buckets of a series.</summary>
    public const int MaxPoints = 1500;

    /// <summary>The problem of a filter whose calls are summed one by one over too long a time.</summary>
    public const string TooManyToSum = "range_too_long";

    private static readonly TimeSpan FewPoints = TimeSpan.FromHours(6);

    private readonly TrafficReader _reader;
    private readonly SystemLookup _systems;
    private readonly TimeProvider _clock;

    internal TrafficQueries(Database db, SystemLookup systems, TimeProvider clock)
    {
        _reader = new TrafficReader(db, clock);
        _systems = systems;
        _clock = clock;
    }

    /// <summary>The steps that a series can have.</summary>
    public static IReadOnlyList<TimeSpan> Steps { get; } =
    [
        TimeSpan.FromMinutes(1), TimeSpan.FromMinutes(5), TimeSpan.FromMinutes(15),
        TimeSpan.FromHours(1), TimeSpan.FromHours(6), TimeSpan.FromDays(1),
    ];

    /// <summary>The smallest allowed step that cuts the range into at most 100 buckets; a day for the longest ranges.</summary>
    public static TimeSpan StepFor(DateTimeOffset from, DateTimeOffset to)
    {
        foreach (var step in Steps)
        {
            if ((to - from) / step <= 100)
            {
                return step;
            }
        }

        return Steps[^1];
    }

    /// <summary>
    /// A point for each bucket, also where nothing was called. The range is the last 24 hours unless the filter says otherwise.
    /// </summary>
    /// <param name="step">One of <see cref="Steps"/>.</param>
    /// <exception cref="ProblemException">The step or the range is wrong, or the person may not see the team that the filter
    /// names.</exception>
    public async Task<Traffic> SeriesAsync(Person who, CallFilter filter, TimeSpan step, CancellationToken ct) =>
        (await PictureAsync(who, filter, step, [], ct)).Traffic;

    /// <summary>What <see cref="SeriesAsync"/> and, of each dimension, <see cref="ByAsync"/> say; shares without percentiles.</summary>
    /// <inheritdoc cref="SeriesAsync"/>
    public async Task<TrafficPicture> PictureAsync(
        Person who, CallFilter filter, TimeSpan step, IReadOnlyList<TrafficDimension> dimensions, CancellationToken ct)
    {
        if (!Steps.Contains(step))
        {
            throw new ProblemException(Problem.Invalid("step", "must be 1m, 5m, 15m, 1h, 6h or 1d"));
        }

        var (from, to) = Range(filter);
        if ((to - from) / step > MaxPoints)
        {
            throw new ProblemException(Problem.Invalid("step", $"cuts this range into more than {MaxPoints} buckets: choose a longer one"));
        }

        var buckets = new SortedDictionary<long, TrafficTotals>();
        for (var at = Floor(from, step); at < Micros(to); at += Micros(step))
        {
            buckets[at] = new TrafficTotals();
        }

        // Together, where there are few points: then what is told apart by time and by names is hardly more rows than by names alone. Not
        // where the points have sums of their own.
        const TrafficColumns ofPoints = TrafficColumns.Time | TrafficColumns.Latency;
        var together = dimensions.Count > 0 && step >= FewPoints && !TrafficReader.IsOfTotals(filter, ofPoints);
        var (total, names) = (new TrafficTotals(), dimensions.Aggregate(TrafficColumns.None, (columns, d) => columns | ColumnOf(d)));
        var shares = dimensions.ToDictionary(d => d, _ => new Dictionary<string, TrafficTotals>());
        await _reader.ReadAsync(
            who,
            filter with { From = from, To = to },
            step,
            ofPoints | (together ? names : TrafficColumns.None),
            row =>
            {
                buckets[Floor(row.AtMicros, step)].Add(row);
                total.Add(row);
                if (together)
                {
                    Share(row);
                }
            },
            ct);
        if (dimensions.Count > 0 && !together)
        {
            await _reader.ReadAsync(who, filter with { From = from, To = to }, TrafficReader.AnyStep, names, Share, ct);
        }

        var points = buckets.Select(b => new TrafficPoint(DateTimeOffset.UnixEpoch.AddMicroseconds(b.Key), b.Value.ToSum())).ToList();
        return new TrafficPicture(
            new Traffic(from, to, step, total.ToSum(), points),
            shares.ToDictionary(s => s.Key, s => Sorted(s.Value.ToDictionary(t => t.Key, t => t.Value.ToSum()), s.Key)));

        void Share(TrafficRow row)
        {
            foreach (var (dimension, totals) in shares)
            {
                if (ShareKeyOf(row, dimension) is { } key)
                {
                    Of(totals, key, IsOfTarget(dimension)).AddCounts(row);
                }
            }
        }
    }

    /// <summary>
    /// The busiest first. Calls without a value (no provider was reached) have an empty key; calls without an error are left out of errors.
    /// </summary>
    /// <exception cref="ProblemException">The range is wrong, or the person may not see the team that the filter names.</exception>
    public async Task<IReadOnlyList<TrafficShare>> ByAsync(Person who, CallFilter filter, TrafficDimension dimension, CancellationToken ct)
    {
        var columns = ColumnOf(dimension) | TrafficColumns.Latency;
        return Sorted(
            await SumAsync(who, filter, columns, row => ShareKeyOf(row, dimension), IsOfTarget(dimension), ct), dimension);
    }

    /// <summary>
    /// Sums by what the caller makes of route, provider and model; where it makes nothing of them, the calls are left out.
    /// </summary>
    /// <exception cref="ProblemException">The range is wrong, or the person may not see the team that the filter names.</exception>
    public Task<Dictionary<TKey, TrafficSum>> ByTargetAsync<TKey>(
        Person who, CallFilter filter, Func<string, string, string, TKey?> keyOf, CancellationToken ct)
        where TKey : class => SumAsync(
            who, filter,
            TrafficColumns.Route | ColumnOf(TrafficDimension.Provider) | ColumnOf(TrafficDimension.Model) | TrafficColumns.Latency,
            row => keyOf(row.Route, row.Provider, row.Model), true, ct);

    private async Task<Dictionary<TKey, TrafficSum>> SumAsync<TKey>(
        Person who, CallFilter filter, TrafficColumns columns, Func<TrafficRow, TKey?> keyOf, bool ofTarget, CancellationToken ct)
        where TKey : class
    {
        var (from, to) = Range(filter);
        var shares = new Dictionary<TKey, TrafficTotals>();
        await _reader.ReadAsync(
            who,
            filter with { From = from, To = to },
            TrafficReader.AnyStep,
            columns,
            row =>
            {
                if (keyOf(row) is not { } key)
                {
                    return;
                }

                Of(shares, key, ofTarget).Add(row);
            },
            ct);
        return shares.ToDictionary(s => s.Key, s => s.Value.ToSum());
    }

    private static TrafficTotals Of<TKey>(Dictionary<TKey, TrafficTotals> shares, TKey key, bool ofTarget)
        where TKey : notnull
    {
        if (!shares.TryGetValue(key, out var totals))
        {
            shares.Add(key, totals = new TrafficTotals(ofTarget));
        }

        return totals;
    }

    /// <returns><see langword="null"/> for a call that has no part in the dimension.</returns>
    private static string? ShareKeyOf(in TrafficRow row, TrafficDimension dimension) =>
        KeyOf(row, dimension) is var key && key.Length == 0 && dimension == TrafficDimension.Error ? null : key;

    private static TrafficColumns ColumnOf(TrafficDimension dimension) => dimension switch
    {
        TrafficDimension.System => TrafficColumns.System,
        TrafficDimension.Environment => TrafficColumns.Environment,
        TrafficDimension.Route => TrafficColumns.Route,
        TrafficDimension.Provider => TrafficColumns.Provider | TrafficColumns.Error,
        TrafficDimension.Model => TrafficColumns.Model | TrafficColumns.Error,
        TrafficDimension.Error => TrafficColumns.Error,
        _ => throw new ArgumentOutOfRangeException(nameof(dimension)),
    };

    /// <summary>Then errors are told apart too (<see cref="ColumnOf"/>).</summary>
    private static bool IsOfTarget(TrafficDimension dimension) => dimension is TrafficDimension.Provider or TrafficDimension.Model;

    private static string KeyOf(in TrafficRow row, TrafficDimension dimension) => dimension switch
    {
        TrafficDimension.System => row.SystemId.ToString(),
        TrafficDimension.Environment => row.Environment,
        TrafficDimension.Route => row.Route,
        TrafficDimension.Provider => row.Provider,
        TrafficDimension.Model => row.Model,
        TrafficDimension.Error => row.ErrorCode,
        _ => throw new ArgumentOutOfRangeException(nameof(dimension)),
    };

    private IReadOnlyList<TrafficShare> Sorted(Dictionary<string, TrafficSum> shares, TrafficDimension dimension) =>
    [
        .. shares.Select(s => new TrafficShare(s.Key, NameOf(s.Key, dimension), s.Value))
            .OrderByDescending(s => s.Sum.Calls).ThenBy(s => s.Key, StringComparer.Ordinal),
    ];

    private static long Micros(DateTimeOffset at) => (at - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond;

    private static long Micros(TimeSpan span) => span.Ticks / TimeSpan.TicksPerMicrosecond;

    private static long Floor(DateTimeOffset at, TimeSpan step) => Floor(Micros(at), step);

    private static long Floor(long micros, TimeSpan step) => micros - (micros % Micros(step));

    private string NameOf(string key, TrafficDimension dimension)
    {
        if (dimension == TrafficDimension.System)
        {
            return _systems.NameOf(Guid.Parse(key)) ?? key;
        }

        return (key, dimension) switch
        {
            ("", _) => "(none)",
            (CallFilter.UnknownRoute, TrafficDimension.Route) => "unknown route",
            (CallFilter.UnknownRoute, TrafficDimension.Model) => "unknown model",
            (CallFilter.OtherNames, TrafficDimension.Route or TrafficDimension.Model) => "other names",
            _ => key,
        };
    }

    private (DateTimeOffset From, DateTimeOffset To) Range(CallFilter filter)
    {
        var to = filter.To ?? _clock.GetUtcNow();
        var from = filter.From ?? to - TimeSpan.FromDays(1);
        if (from >= to)
        {
            throw new ProblemException(Problem.Invalid("from", "must be before 'to'"));
        }

        return (from, to);
    }
}
