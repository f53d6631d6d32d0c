namespace Gatehouse.Gateway.Calls;

/// <summary>The cancellation of one attempt: the client went away, or the phase that is under way took too long.</summary>
internal sealed class Deadline : IDisposable
{
    /// <summary>The one that this thread disposed last, if nothing had come of it: its timer serves the next attempt.</summary>
    [ThreadStatic]
    private static CancellationTokenSource? t_spare;

    private readonly CancellationToken _aborted;
    private readonly CancellationTokenSource _source;
    private readonly CancellationTokenRegistration _registration;
    private readonly bool _isSystemTime;

    public Deadline(TimeSpan firstPhase, TimeProvider clock, CancellationToken aborted)
    {
        _aborted = aborted;
        _isSystemTime = clock == TimeProvider.System;
        if (_isSystemTime && t_spare is { } spare)
        {
            t_spare = null;
            _source = spare;
            _source.CancelAfter(firstPhase);
        }
        else
        {
            _source = new CancellationTokenSource(firstPhase, clock);
        }

        _registration = aborted.UnsafeRegister(static source => ((CancellationTokenSource)source!).Cancel(), _source);
    }

    public CancellationToken Token => _source.Token;

    /// <summary>Whether time, and not the client, ended the attempt.</summary>
    public bool IsOver => _source.IsCancellationRequested && !_aborted.IsCancellationRequested;

    /// <summary>Begins the next phase.</summary>
    public void Restart(TimeSpan phase) => _source.CancelAfter(phase);

    /// <summary>Lets time pass until the next <see cref="Restart"/>.</summary>
    public void Stop() => _source.CancelAfter(Timeout.InfiniteTimeSpan);

    /// <summary>Ends the attempt now.</summary>
    public void End() => _source.Cancel();

    /// <summary>To be called once, when nothing waits for the token any more.</summary>
    public void Dispose()
    {
        _registration.Dispose(); // and waits, if the client goes away at this moment: afterwards nobody cancels the source
        if (_isSystemTime && t_spare is null && _source.TryReset())
        {
            t_spare = _source;
        }
        else
        {
            _source.Dispose();
        }
    }
}
