using System.Diagnostics.Metrics;

namespace Gatehouse.Observability.Metrics;

/// <summary>What an instrument becomes for readers.</summary>
internal enum MetricKind
{
    Counter,
    Gauge,
    Histogram,
}

/// <summary>One instrument's series, by their labels. Recording takes no lock and, for labels already seen, allocates nothing.</summary>
internal sealed class MetricFamily
{
    /// <summary>Labels come from configuration and from clients: past this many sets of them, the rest share one series.</summary>
    public const int MaxSeries = 500;

    private static readonly KeyValuePair<string, object?>[] Overflow = [new("otel.metric.overflow", true)];

    private readonly LabelTable<MetricSeries> _series = new();
    private readonly double[] _bounds;
    private readonly bool _sets;
    private long _overflowed;

    public MetricFamily(Instrument instrument)
    {
        Name = instrument.Name;
        Unit = instrument.Unit ?? "";
        Description = instrument.Description ?? "";
        Kind = KindOf(instrument);
        _sets = instrument.IsObservable || IsA(instrument, typeof(Gauge<>));
        _bounds = Kind == MetricKind.Histogram ? BoundsOf(instrument) : [];
    }

    public string Name { get; }

    public string Unit { get; }

    public string Description { get; }

    public MetricKind Kind { get; }

    public IReadOnlyList<double> Bounds => _bounds;

    /// <summary>Measurements whose labels were given up because there were too many.</summary>
    public long Overflowed => Interlocked.Read(ref _overflowed);

    public IEnumerable<MetricSeries> Series => _series.Values;

    /// <summary>Adds to a counter or a histogram; sets a gauge, and whatever is observed as a whole.</summary>
    public void Record(double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        if (!_series.TryFind(tags, out var series))
        {
            if (_series.Count >= MaxSeries)
            {
                Interlocked.Increment(ref _overflowed);
                tags = Overflow;
            }

            series = _series.FindOrAdd(tags, labels => new MetricSeries(labels, _bounds));
        }

        if (Kind == MetricKind.Histogram)
        {
            series.Observe(value, _bounds);
        }
        else if (_sets)
        {
            series.Set(value);
        }
        else
        {
            series.Add(value);
        }
    }

    private static MetricKind KindOf(Instrument instrument)
    {
        if (IsA(instrument, typeof(Histogram<>)))
        {
            return MetricKind.Histogram;
        }

        return IsA(instrument, typeof(Counter<>)) || IsA(instrument, typeof(ObservableCounter<>)) ? MetricKind.Counter : MetricKind.Gauge;
    }

    private static bool IsA(Instrument instrument, Type kind) =>
        instrument.GetType() is { IsGenericType: true } type && type.GetGenericTypeDefinition() == kind;

    /// <summary>As the instrument advises, else those of OpenTelemetry's specification.</summary>
    private static double[] BoundsOf(Instrument instrument) => instrument switch
    {
        Histogram<double> { Advice.HistogramBucketBoundaries: { } bounds } => [.. bounds],
        Histogram<long> { Advice.HistogramBucketBoundaries: { } bounds } => [.. bounds.Select(b => (double)b)],
        Histogram<int> { Advice.HistogramBucketBoundaries: { } bounds } => [.. bounds.Select(b => (double)b)],
        _ => [0, 5, 10, 25, 50, 75, 100, 250, 500, 750, 1000, 2500, 5000, 7500, 10000],
    };
}
