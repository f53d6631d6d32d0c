namespace Gatehouse.Observability.Calls;

/// <summary>Tells followers on this node that new calls are in the ledger. Safe from any thread.</summary>
internal sealed class RecordedSignal
{
    private TaskCompletionSource _next = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Ends at the next <see cref="Raise"/>. Take it before looking at the ledger, so that nothing falls in between.</summary>
    public Task Next => Volatile.Read(ref _next).Task;

    public void Raise() =>
        Interlocked.Exchange(ref _next, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).SetResult();
}
