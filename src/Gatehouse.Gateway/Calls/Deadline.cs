namespace Gatehouse.Gateway.Calls;

/// <summary>The cancellation of one attempt: the client went away, or the phase that is under way took too long.</summary>
internal sealed class Deadline : IDisposable
{
    private readonly CancellationToken _aborted;
    private readonly CancellationTokenSource _source;
    private readonly CancellationTokenRegistration _registration;

    public Deadline(TimeSpan firstPhase, TimeProvider clock, CancellationToken aborted)
    {
        _aborted = aborted;
        _source = new CancellationTokenSource(firstPhase, clock);
        _registration = aborted.UnsafeRegister(static source => ((CancellationTokenSource)source!).Cancel(), _source);
    }

    public CancellationToken Token => _source.Token;

    /// <summary>Whether time, and not the client, ended the attempt.</summary>
    public bool IsOver => _source.IsCancellationRequested && !_aborted.IsCancellationRequested;

    /// <summary>Begins the next phase.</summary>
    public void Restart(TimeSpan phase) => _source.CancelAfter(phase);

    /// <summary>Lets time pass until the next <see cref="Restart"/>.</summary>
    public void Stop() => _source.CancelAfter(Timeout.InfiniteTimeSpan);

    public void Dispose()
    {
        _registration.Dispose();
        _source.Dispose();
    }
}
