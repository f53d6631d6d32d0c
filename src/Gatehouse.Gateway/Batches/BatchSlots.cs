namespace Gatehouse.Gateway.Batches;

/// <summary>Places for the items that a node calls at the same time, of all its batches, in the order they were asked for.</summary>
/// <param name="limit">Asked each time: the configuration may change.</param>
internal sealed class BatchSlots(Func<int> limit)
{
    private readonly Lock _lock = new();
    private readonly LinkedList<TaskCompletionSource> _waiting = new();
    private int _used;

    public async Task EnterAsync(CancellationToken ct)
    {
        LinkedListNode<TaskCompletionSource> place;
        lock (_lock)
        {
            if (_used < limit() && _waiting.Count == 0)
            {
                _used++;
                return;
            }

            place = _waiting.AddLast(new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        }

        try
        {
            await place.Value.Task.WaitAsync(ct);
        }
        catch (OperationCanceledException)
        {
            lock (_lock)
            {
                if (place.List is null)
                {
                    LeaveLocked(); // it was given meanwhile
                }
                else
                {
                    _waiting.Remove(place);
                }
            }

            throw;
        }
    }

    public void Leave()
    {
        lock (_lock)
        {
            LeaveLocked();
        }
    }

    private void LeaveLocked()
    {
        _used--;
        while (_used < limit() && _waiting.First is { } next)
        {
            _waiting.Remove(next);
            _used++;
            next.Value.SetResult();
        }
    }
}
