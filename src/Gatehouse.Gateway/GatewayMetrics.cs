using System.Diagnostics;
using System.Diagnostics.Metrics;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Journal;
using Gatehouse.Gateway.Resilience;
using Gatehouse.Gateway.Routing;
using Gatehouse.Guardrails.Policies;
using Microsoft.AspNetCore.Http;

namespace Gatehouse.Gateway;

/// <summary>The gateway's instruments. An instrument that nobody listens to costs a field read.</summary>
public sealed class GatewayMetrics : IDisposable
{
    // Buckets as the GenAI conventions advise them.
    private static readonly double[] DurationBuckets =
        [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92];

    private static readonly long[] TokenBuckets =
        [1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864];

    private static readonly double[] QuestionBuckets =
        [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

    private static readonly double[] OverheadBuckets =
        [0.000005, 0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.1];

    private static readonly Dictionary<GuardVerdict, string> VerdictNames =
        Enum.GetValues<GuardVerdict>().ToDictionary(v => v, v => v.ToString().ToLowerInvariant());

    private static readonly object Ok = StatusCodes.Status200OK; // made once, since nearly all calls have it

    private readonly Snapshot<GatewayTable> _tables;
    private readonly Histogram<double> _duration;
    private readonly Histogram<long> _tokens;
    private readonly Histogram<double> _overhead;
    private readonly Counter<long> _calls;
    private readonly Counter<long> _retries;
    private readonly Counter<long> _fallbacks;
    private readonly Counter<long> _contentDropped;
    private readonly Counter<long> _queued;
    private readonly Counter<long> _hedges;
    private readonly Counter<long> _waited;
    private readonly Counter<long> _mirrorsDropped;
    private readonly Counter<long> _cached;
    private readonly Counter<double> _cacheSaved;
    private readonly List<(string Name, Func<long> Bytes)> _caches = [];
    private readonly Counter<long> _guardCalls;
    private readonly Counter<long> _guardFindings;
    private readonly Histogram<double> _guardDuration;
    private readonly Histogram<double> _guardQuestions;
    private readonly Counter<long> _reviews;
    private readonly UpDownCounter<long> _reviewsWaiting;
    private readonly Counter<long> _breakerChanges;
    private long _active; // asked for when somebody looks: each call would tell twice

    public GatewayMetrics(Snapshot<GatewayTable> tables)
    {
        _tables = tables;
        _duration = Meter.CreateHistogram(
            TelemetryNames.OperationDuration, "s", "Duration of calls.",
            advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = DurationBuckets });
        _tokens = Meter.CreateHistogram(
            TelemetryNames.TokenUsage, "{token}", "Tokens of calls.",
            advice: new InstrumentAdvice<long> { HistogramBucketBoundaries = TokenBuckets });
        _overhead = Meter.CreateHistogram(
            TelemetryNames.Overhead,
            "s",
            "Gatehouse's own time in calls: neither waiting for the provider nor for the client.",
            advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = OverheadBuckets });
        _calls = Meter.CreateCounter<long>(TelemetryNames.Calls, "{call}", "Calls by outcome and status.");
        Meter.CreateObservableUpDownCounter(
            TelemetryNames.ActiveCalls, () => Active, "{call}", "Calls in progress.");
        _retries = Meter.CreateCounter<long>(TelemetryNames.Retries, "{attempt}", "Attempts that repeated the same target.");
        _fallbacks = Meter.CreateCounter<long>(TelemetryNames.Fallbacks, "{attempt}", "Attempts that moved on to another target.");
        _contentDropped = Meter.CreateCounter<long>(
            TelemetryNames.ContentDropped, "{call}", "Stored content dropped because its queue was full.");
        _mirrorsDropped = Meter.CreateCounter<long>(
            TelemetryNames.MirrorsDropped, "{call}", "Copies for mirrors left out because too many were under way.");
        _queued = Meter.CreateCounter<long>(TelemetryNames.Queued, "{call}", "Calls that waited for a place at a target.");
        _hedges = Meter.CreateCounter<long>(TelemetryNames.Hedges, "{attempt}", "Second attempts because the first target was slow.");
        _cached = Meter.CreateCounter<long>(
            TelemetryNames.Cached, "{call}",
            "Calls of routes that keep answers, by what the cache had: miss, hit, semantic, stale, partial.");
        _cacheSaved = Meter.CreateCounter<double>(
            TelemetryNames.CacheSaved, "USD", "What answers from the cache cost when they were made.");
        Meter.CreateObservableGauge(TelemetryNames.CacheBytes, CacheBytes, "By", "Memory that the caches take.");
        _waited = Meter.CreateCounter<long>(
            TelemetryNames.WaitedForReturn, "{call}", "Calls that waited for a target of their route to come back.");
        Meter.CreateObservableGauge(TelemetryNames.Healthy, Healthy, "{state}", "Targets with health checks: 1 healthy, 0 not.");
        _guardCalls = Meter.CreateCounter<long>(
            TelemetryNames.GuardCalls, "{call}", "Calls that a guard policy applied to, by what it did.");
        _guardFindings = Meter.CreateCounter<long>(TelemetryNames.GuardedFindings, "{finding}", "What the guards found.");
        _guardDuration = Meter.CreateHistogram(
            TelemetryNames.GuardDuration, "s", "Time of the guards in a call.",
            advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = OverheadBuckets });
        _guardQuestions = Meter.CreateHistogram(
            TelemetryNames.GuardQuestionDuration, "s",
            "Time of questions to models and webhooks that guard: passed, found or failed.",
            advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = QuestionBuckets });
        _reviews = Meter.CreateCounter<long>(
            TelemetryNames.Reviews, "{review}",
            "Questions to people about calls: approved, denied, timed_out, withdrawn, asked_after, or overflowed when nobody could be asked.");
        _breakerChanges = Meter.CreateCounter<long>(
            TelemetryNames.BreakerChanges, "{change}", "Circuit breakers of systems that opened or closed on this node.");
        _reviewsWaiting = Meter.CreateUpDownCounter<long>(TelemetryNames.ReviewsWaiting, "{call}", "Calls that wait for a person.");
        Meter.CreateObservableGauge(
            TelemetryNames.Breaker, Breakers, "{state}", "Circuit breakers of targets: 0 closed, 1 half-open, 2 open.");
    }

    /// <summary>So that a listener can tell this gateway from another one of the process.</summary>
    internal Meter Meter { get; } = new(TelemetryNames.GatewayMeter);

    /// <summary>To be called once for each cache, before calls are served.</summary>
    internal void ObserveCache(string name, Func<long> bytes)
    {
        lock (_caches)
        {
            _caches.Add((name, bytes));
        }
    }

    /// <summary>Calls in progress.</summary>
    public long Active => Volatile.Read(ref _active);

    public void Began() => Interlocked.Increment(ref _active);

    public void Ended() => Interlocked.Decrement(ref _active);

    public void Retried(string provider) => _retries.Add(1, new KeyValuePair<string, object?>(TelemetryNames.ProviderName, provider));

    public void FellBack(string provider) => _fallbacks.Add(1, new KeyValuePair<string, object?>(TelemetryNames.ProviderName, provider));

    public void DroppedMirror(string provider) =>
        _mirrorsDropped.Add(1, new KeyValuePair<string, object?>(TelemetryNames.ProviderName, provider));

    public void Queued(string provider) => _queued.Add(1, new KeyValuePair<string, object?>(TelemetryNames.ProviderName, provider));

    /// <param name="provider">Where the second attempt went.</param>
    public void Hedged(string provider) => _hedges.Add(1, new KeyValuePair<string, object?>(TelemetryNames.ProviderName, provider));

    public void WaitedForReturn(string route) => _waited.Add(1, new KeyValuePair<string, object?>(TelemetryNames.Route, route));

    internal void BreakerChanged(GuardBreaker breaker, bool isOpen) => _breakerChanges.Add(
        1,
        new KeyValuePair<string, object?>(TelemetryNames.BreakerName, breaker.Name),
        new KeyValuePair<string, object?>(TelemetryNames.BreakerState, isOpen ? "open" : "closed"));

    internal void Asked(string policy, GuardQuestion question)
    {
        if (_guardQuestions.Enabled)
        {
            _guardQuestions.Record(question.Micros / 1e6, new TagList
            {
                { TelemetryNames.GuardPolicy, policy },
                { TelemetryNames.GuardRule, question.Rule },
                { TelemetryNames.GuardKind, question.Kind },
                { TelemetryNames.Outcome, question.Outcome },
            });
        }
    }

    public void ReviewBegan() => _reviewsWaiting.Add(1);

    public void ReviewEnded() => _reviewsWaiting.Add(-1);

    /// <param name="how">One of the words of the instrument's description.</param>
    public void Reviewed(string how) => _reviews.Add(1, new KeyValuePair<string, object?>(TelemetryNames.Outcome, how));

    public void DroppedContent() => _contentDropped.Add(1);

    /// <summary>A call whose key was not good: counted, and nothing else is kept of it.</summary>
    public void Unauthenticated(string surface, int status)
    {
        if (_calls.Enabled)
        {
            _calls.Add(1, new TagList
            {
                { TelemetryNames.Surface, surface },
                { TelemetryNames.Outcome, "unauthenticated" },
                { TelemetryNames.Status, status },
            });
        }
    }

    public void Finished(CallRecord record)
    {
        if (_calls.Enabled)
        {
            _calls.Add(1, new TagList
            {
                { TelemetryNames.Surface, record.Surface },
                { TelemetryNames.Outcome, OutcomeName(record.Outcome) },
                { TelemetryNames.Status, record.Status == StatusCodes.Status200OK ? Ok : record.Status },
            });
        }

        if (_overhead.Enabled)
        {
            _overhead.Record(record.OwnMicros / 1e6, new KeyValuePair<string, object?>(TelemetryNames.Surface, record.Surface));
        }

        if (record.Cache != CacheUse.None)
        {
            Cached(record);
        }

        if (record.Guard is { } guard)
        {
            Guarded(guard);
        }

        if (_tokens.Enabled)
        {
            foreach (var attempt in record.Attempts)
            {
                Tokens(record, attempt);
            }
        }

        if (record.Provider is null)
        {
            return;
        }

        if (_duration.Enabled)
        {
            var tags = Tags(record, record.Provider, record.Model, record.AnsweredModel);
            if (record.ErrorCode is { } code)
            {
                tags.Add(TelemetryNames.ErrorType, code);
            }

            _duration.Record(record.DurationMicros / 1e6, tags);
        }
    }

    /// <summary>Tokens belong to whom they were used at, also where another target ended the call.</summary>
    private void Tokens(CallRecord record, CallAttempt attempt)
    {
        if (attempt.Usage is not { } usage)
        {
            return;
        }

        var answered = attempt.Provider == record.Provider && attempt.Model == record.Model ? record.AnsweredModel : null;
        var input = Tags(record, attempt.Provider, attempt.Model, answered);
        input.Add(TelemetryNames.TokenType, "input");
        _tokens.Record(usage.TotalInput, input);
        var output = Tags(record, attempt.Provider, attempt.Model, answered);
        output.Add(TelemetryNames.TokenType, "output");
        _tokens.Record(usage.TotalOutput, output);
    }

    private void Guarded(GuardReport guard)
    {
        if (_guardDuration.Enabled)
        {
            _guardDuration.Record(
                (guard.InputMicros + guard.OutputMicros) / 1e6,
                new KeyValuePair<string, object?>(TelemetryNames.GuardPolicy, guard.Policy));
        }

        if (_guardCalls.Enabled)
        {
            _guardCalls.Add(1, new TagList
            {
                { TelemetryNames.GuardPolicy, guard.Policy },
                { TelemetryNames.GuardVerdict, VerdictNames[guard.Verdict] },
            });
        }

        for (var i = 0; i < guard.Findings.Count && _guardFindings.Enabled; i++)
        {
            var finding = guard.Findings[i];
            _guardFindings.Add(finding.Count, new TagList
            {
                { TelemetryNames.GuardSide, finding.Side },
                { TelemetryNames.GuardDetector, finding.Detector },
                { TelemetryNames.GuardType, finding.Type },
                { TelemetryNames.GuardAction, finding.Action },
                { TelemetryNames.GuardShadow, finding.Shadow },
            });
        }
    }

    public void Dispose() => Meter.Dispose();

    private void Cached(CallRecord record)
    {
        var use = new KeyValuePair<string, object?>(TelemetryNames.CacheResult, CacheUses.Word(record.Cache));
        _cached.Add(1, use);
        if (record.SavedNanos is { } nanos and > 0)
        {
            _cacheSaved.Add(nanos / (double)Nanos.PerUsd, use);
        }
    }

    private List<Measurement<long>> CacheBytes()
    {
        lock (_caches)
        {
            return _caches.ConvertAll(
                static c => new Measurement<long>(c.Bytes(), new KeyValuePair<string, object?>(TelemetryNames.CacheName, c.Name)));
        }
    }

    private List<Measurement<int>> Breakers()
    {
        var seen = new HashSet<CircuitBreaker>();
        var measured = new List<Measurement<int>>();
        foreach (var route in _tables.Current.Routes.Routes)
        {
            foreach (var target in route.Targets)
            {
                if (target.Breaker is { } breaker && seen.Add(breaker))
                {
                    measured.Add(new Measurement<int>(
                        (int)breaker.State,
                        new KeyValuePair<string, object?>(TelemetryNames.ProviderName, target.Provider.Name),
                        new KeyValuePair<string, object?>(TelemetryNames.RequestModel, target.Model)));
                }
            }
        }

        return measured;
    }

    private List<Measurement<int>> Healthy()
    {
        var measured = new Dictionary<(string, string), Measurement<int>>();
        foreach (var target in _tables.Current.Routes.Routes.SelectMany(r => r.Targets))
        {
            if (target.Health is { } health)
            {
                measured[(target.Provider.Name, target.Model)] = new Measurement<int>(
                    health.IsHealthy ? 1 : 0,
                    new KeyValuePair<string, object?>(TelemetryNames.ProviderName, target.Provider.Name),
                    new KeyValuePair<string, object?>(TelemetryNames.RequestModel, target.Model));
            }
        }

        return [.. measured.Values];
    }

    private static TagList Tags(CallRecord record, string provider, string? model, string? answered) => new()
    {
        { TelemetryNames.OperationName, TelemetryNames.OperationOf(record.Surface) },
        { TelemetryNames.ProviderName, provider },
        { TelemetryNames.RequestModel, model },
        { TelemetryNames.ResponseModel, answered },
    };

    private static string OutcomeName(CallOutcome outcome) => outcome switch
    {
        CallOutcome.Ok => "ok",
        CallOutcome.Refused => "refused",
        CallOutcome.Failed => "failed",
        _ => "cancelled",
    };
}
