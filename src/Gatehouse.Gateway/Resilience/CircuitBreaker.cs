namespace Gatehouse.Gateway.Resilience;

/// <summary>When a circuit breaker opens, and for how long.</summary>
/// <param name="FailureShare">Share of failed attempts that opens it, above 0 and at most 1.</param>
/// <param name="MinimumCalls">Attempts in the window below which no share opens it.</param>
/// <param name="Window">How far back attempts count.</param>
/// <param name="OpenFor">Rest before the first probe.</param>
public sealed record BreakerSettings(double FailureShare, int MinimumCalls, TimeSpan Window, TimeSpan OpenFor);

/// <summary>Whether a target gets calls.</summary>
public enum BreakerState
{
    Closed,

    /// <summary>One attempt at a time finds out whether the target is back.</summary>
    HalfOpen,

    Open,
}

/// <summary>The leave to make one attempt; its outcome goes back to the breaker exactly once.</summary>
internal enum BreakerPass
{
    None,
    Call,
    Probe,
}

/// <summary>What an attempt says about its target.</summary>
internal enum AttemptOutcome
{
    /// <summary>Nothing: the client went away, the rate was limited, or nothing was sent.</summary>
    Unknown,
    Good,
    Bad,
}

/// <summary>
/// Keeps calls away from a target that fails. Safe from any thread; the lock guards a few additions and is never held across a wait.
/// <list type="number">
/// <item>Closed → Open: the share of failures in the window reaches the limit (<see cref="Settle"/>).</item>
/// <item>Open → HalfOpen: the rest is over and an attempt wants in, or no other target is left (<see cref="TryEnter"/>,
/// <see cref="TryProbe()"/>).</item>
/// <item>HalfOpen → Closed or Open: the probe's outcome (<see cref="Settle"/>). At most one probe is under way.</item>
/// <item>The outcome of a call that began before the breaker opened changes nothing.</item>
/// </list>
/// </summary>
public sealed class CircuitBreaker(BreakerSettings settings, TimeProvider clock)
{
    private const int Buckets = 10;

    private readonly Lock _lock = new();
    private readonly int[] _calls = new int[Buckets];
    private readonly int[] _failures = new int[Buckets];
    private readonly long _bucketLength = Math.Max(1, (long)(settings.Window.TotalSeconds * clock.TimestampFrequency / Buckets));
    private readonly long _rest = (long)(settings.OpenFor.TotalSeconds * clock.TimestampFrequency);
    private volatile BreakerState _state;
    private long _bucket; // number of the newest bucket since the clock's origin
    private long _openedAt; // timestamp
    private bool _probing;

    public BreakerState State => _state;

    /// <summary>Timestamp of the last opening; meaningless while closed.</summary>
    internal long OpenedAt => Volatile.Read(ref _openedAt);

    /// <summary>What is left of the rest; none when a probe is due.</summary>
    internal TimeSpan Rest
    {
        get
        {
            var left = settings.OpenFor - clock.GetElapsedTime(OpenedAt);
            return _state == BreakerState.Open && left > TimeSpan.Zero ? left : TimeSpan.Zero;
        }
    }

    /// <summary>Asks for leave in the order of the route.</summary>
    internal BreakerPass TryEnter() => _state == BreakerState.Closed ? BreakerPass.Call : TryProbe(whenDue: true);

    /// <summary>Asks for leave although the rest may not be over, because nothing else is left.</summary>
    internal BreakerPass TryProbe() => TryProbe(whenDue: false);

    internal void Settle(BreakerPass pass, AttemptOutcome outcome)
    {
        if (pass == BreakerPass.None || (pass == BreakerPass.Call && (outcome == AttemptOutcome.Unknown || _state != BreakerState.Closed)))
        {
            return;
        }

        lock (_lock)
        {
            var now = clock.GetTimestamp();
            if (pass == BreakerPass.Probe)
            {
                EndProbeLocked(outcome, now);
            }
            else if (_state == BreakerState.Closed)
            {
                CountLocked(outcome == AttemptOutcome.Bad, now);
            }
        }
    }

    private BreakerPass TryProbe(bool whenDue)
    {
        lock (_lock)
        {
            if (_state == BreakerState.Closed)
            {
                return BreakerPass.Call;
            }

            if (_probing || (whenDue && _state == BreakerState.Open && clock.GetTimestamp() - _openedAt < _rest))
            {
                return BreakerPass.None;
            }

            _probing = true;
            _state = BreakerState.HalfOpen;
            return BreakerPass.Probe;
        }
    }

    private void EndProbeLocked(AttemptOutcome outcome, long now)
    {
        _probing = false;
        if (outcome == AttemptOutcome.Good)
        {
            Array.Clear(_calls);
            Array.Clear(_failures);
            _state = BreakerState.Closed;
        }
        else if (outcome == AttemptOutcome.Bad)
        {
            OpenLocked(now);
        }
    }

    private void CountLocked(bool failed, long now)
    {
        var bucket = now / _bucketLength;
        for (var old = Math.Max(_bucket + 1, bucket - Buckets + 1); old <= bucket; old++)
        {
            _calls[old % Buckets] = 0;
            _failures[old % Buckets] = 0;
        }

        _bucket = Math.Max(_bucket, bucket);
        _calls[_bucket % Buckets]++;
        if (!failed)
        {
            return;
        }

        _failures[_bucket % Buckets]++;
        int calls = 0, failures = 0;
        for (var i = 0; i < Buckets; i++)
        {
            calls += _calls[i];
            failures += _failures[i];
        }

        if (calls >= settings.MinimumCalls && failures >= settings.FailureShare * calls)
        {
            OpenLocked(now);
        }
    }

    private void OpenLocked(long now)
    {
        Volatile.Write(ref _openedAt, now);
        _state = BreakerState.Open;
    }
}
