namespace Gatehouse.Gateway.Calls;

/// <summary>
/// One of two attempts of the same call that run at the same time. Until it is admitted it touches neither the client nor the call: it
/// gathers what it would say and waits for its turn.
/// </summary>
internal sealed class Contender(CancellationToken aborted) : IDisposable
{
    private readonly CancellationTokenSource _stop = CancellationTokenSource.CreateLinkedTokenSource(aborted);
    private readonly TaskCompletionSource _ready = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<bool> _turn = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Ends when the client goes away, or the other one was first.</summary>
    public CancellationToken Token => _stop.Token;

    public bool IsAdmitted { get; private set; }

    /// <summary>The other one was first.</summary>
    public bool IsStopped { get; private set; }

    /// <summary>It has something to say.</summary>
    public bool IsReady => _ready.Task.IsCompleted;

    /// <summary>Set as soon as it runs.</summary>
    public Task<AttemptFailure?> Outcome { get; set; } = null!;

    /// <summary>It has something to say, or has ended.</summary>
    public bool HasMoved => IsReady || Outcome.IsCompleted;

    public Task<Task> Moved => Task.WhenAny(_ready.Task, Outcome);

    /// <summary>To be awaited before anything reaches the client.</summary>
    /// <returns><see langword="false"/> when the other one was first.</returns>
    public async ValueTask<bool> AwaitTurnAsync()
    {
        if (IsAdmitted)
        {
            return true;
        }

        _ready.TrySetResult();
        return await _turn.Task;
    }

    public void Admit()
    {
        IsAdmitted = true;
        _turn.TrySetResult(true);
    }

    /// <summary>Closes its connection and returns when nothing of it is left. Never throws.</summary>
    public async ValueTask StopAsync()
    {
        IsStopped = true;
        _turn.TrySetResult(false);
        await _stop.CancelAsync();
        await ((Task)Outcome).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    public void Dispose() => _stop.Dispose();
}
