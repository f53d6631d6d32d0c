namespace Gatehouse.Gateway.Calls;

/// <summary>
/// The cancellation of one attempt: the client went away, or the phase that is under way took too long. Used again by the thread that
/// disposed it, if nothing had come of it. Its timer is set rarely: one that goes off too early looks what is due and is set anew.
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

    public static Deadline Begin(TimeSpan firstPhase, TimeProvider clock, CancellationToken aborted)
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
        deadline.Restart(firstPhase);
        deadline._registration = aborted.UnsafeRegister(static source => ((CancellationTokenSource)source!).Cancel(), deadline._source);
        return deadline;
    }

    /// <summary>Begins the next phase.</summary>
    public void Restart(TimeSpan phase)
    {
        var dueAt = phase == Timeout.InfiniteTimeSpan
            ? Never
            : _clock.GetTimestamp() + (long)(phase.TotalSeconds * _clock.TimestampFrequency);
        lock (_lock)
        {
            _dueAt = dueAt;
            if (dueAt < _goesOffAt)
            {
                _goesOffAt = dueAt;
                _timer.Change(phase, Timeout.InfiniteTimeSpan);
            }
        }
    }

    /// <summary>Lets time pass until the next <see cref="Restart"/>.</summary>
    public void Stop() => Restart(Timeout.InfiniteTimeSpan);

    /// <summary>Ends the attempt now.</summary>
    public void End() => _source.Cancel();

    /// <summary>To be called once, when nothing waits for the token any more.</summary>
    public void Dispose()
    {
        _registration.Dispose(); // and waits, if the client goes away at this moment: afterwards nobody cancels the source
        bool isCancelling;
        lock (_lock)
        {
            _dueAt = Never;
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
