namespace Gatehouse.Gateway.Calls;

/// <summary>
/// The cancellation of one attempt: the client went away, the phase that is under way took too long, or all phases together did. Used again
/// by the thread that disposed it, if nothing had come of it. Its timer is set rarely: one that goes off too early looks what is due and is
/// set anew.
/// </summary>
internal sealed class Deadline : IDisposable
{
    /// <summary>More attempts than these wait at the same time on a thread only where memory is not what matters.</summary>
    private const int MaxKept = 64;

    private const long Never = long.MaxValue;

    [ThreadStatic]
    private static Deadline? t_free;

    private readonly TimeProvider _clock;
    private readonly ITimer _timer;
    private readonly CancellationTokenSource _source = new();
    private readonly Lock _lock = new(); // the timer's thread comes rarely
    private CancellationToken _aborted;
    private CancellationTokenRegistration _registration;
    private long _left; // for this phase and all that follow, when it began; in the clock's ticks
    private long _beganAt = Never; // never: time is stopped
    private long _dueAt = Never; // timestamps of the clock
    private long _goesOffAt = Never;
    private bool _isCancelling; // by the timer, which may be about to
    private Deadline? _next;
    private int _depth; // of the free ones from here on

    private Deadline(TimeProvider clock)
    {
        _clock = clock;
        using (ExecutionContext.SuppressFlow())
        {
            _timer = clock.CreateTimer(
                static deadline => ((Deadline)deadline!).GoOff(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        }
    }

    public CancellationToken Token => _source.Token;

    /// <summary>Whether time, and not the client, ended the attempt.</summary>
    public bool IsOver => _source.IsCancellationRequested && !_aborted.IsCancellationRequested;

    /// <summary>Whether it was not the phase that took too long, but all together.</summary>
    public bool IsTotal { get; private set; }

    /// <param name="total">For all phases together, without what passes while time is stopped.</param>
    public static Deadline Begin(TimeSpan firstPhase, TimeSpan total, TimeProvider clock, CancellationToken aborted)
    {
        Deadline deadline;
        if (t_free is { } free && free._clock == clock)
        {
            t_free = free._next;
            free._next = null;
            deadline = free;
        }
        else
        {
            deadline = new Deadline(clock);
        }

        deadline._aborted = aborted;
        deadline._left = deadline.Ticks(total);
        deadline.Restart(firstPhase);
        deadline._registration = aborted.UnsafeRegister(static source => ((CancellationTokenSource)source!).Cancel(), deadline._source);
        return deadline;
    }

    /// <summary>Begins the next phase.</summary>
    public void Restart(TimeSpan phase)
    {
        var now = Spend();
        var ticks = Ticks(phase);
        _beganAt = now;
        IsTotal = _left <= ticks;
        Set(now, now + Math.Max(0, Math.Min(ticks, _left)));
    }

    /// <summary>Lets time pass until the next <see cref="Restart"/>.</summary>
    public void Stop()
    {
        Set(Spend(), Never);
        _beganAt = Never;
    }

    /// <summary>Ends the attempt now.</summary>
    public void End() => _source.Cancel();

    /// <summary>To be called once, when nothing waits for the token any more.</summary>
    public void Dispose()
    {
        _registration.Dispose(); // and waits, if the client goes away at this moment: afterwards nobody cancels the source
        bool isCancelling;
        lock (_lock)
        {
            _dueAt = _beganAt = Never;
            isCancelling = _isCancelling;
        }

        var free = t_free;
        var depth = free is null ? 1 : free._depth + 1;
        if (!isCancelling && depth <= MaxKept && _source.TryReset())
        {
            (_next, _depth) = (free, depth);
            t_free = this;
        }
        else
        {
            _timer.Dispose(); // not the source, which the timer may be about to cancel; it holds nothing
        }
    }

    private long Ticks(TimeSpan time) => (long)(time.TotalSeconds * _clock.TimestampFrequency);

    /// <returns>Now.</returns>
    private long Spend()
    {
        var now = _clock.GetTimestamp();
        _left -= _beganAt == Never ? 0 : now - _beganAt;
        return now;
    }

    private void Set(long now, long dueAt)
    {
        lock (_lock)
        {
            _dueAt = dueAt;
            if (dueAt < _goesOffAt || (IsTotal && dueAt != Never)) // what is due last is not moved again
            {
                _goesOffAt = dueAt;
                _timer.Change(_clock.GetElapsedTime(now, dueAt), Timeout.InfiniteTimeSpan);
            }
        }
    }

    private void GoOff()
    {
        lock (_lock)
        {
            _goesOffAt = Never;
            if (_dueAt == Never)
            {
                return;
            }

            var left = _clock.GetElapsedTime(_clock.GetTimestamp(), _dueAt);
            if (left > TimeSpan.Zero)
            {
                _goesOffAt = _dueAt;
                _timer.Change(left + TimeSpan.FromMilliseconds(1), Timeout.InfiniteTimeSpan); // timers count whole milliseconds
                return;
            }

            _isCancelling = true; // from here on nobody else gets this one
        }

        _source.Cancel();
    }
}
