namespace Gatehouse.Gateway.Resilience;

/// <summary>How many calls a target takes at once, on this node.</summary>
/// <param name="Calls">At least 1.</param>
/// <param name="Queue">How many more may wait; 0: none.</param>
/// <param name="Wait">How long each may wait.</param>
public sealed record ConcurrencySettings(int Calls, int Queue, TimeSpan Wait);

/// <summary>
/// What one model of one provider has to do at this moment and how quickly it answered of late. Safe from any thread; the lock is taken
/// only where there is a limit, guards a few additions and is never held across a wait.
/// <list type="number">
/// <item>A call that waits gets the place of one that leaves, so that nobody overtakes the queue.</item>
/// <item>Calls of a higher rank go first, and within a rank those that came first.</item>
/// <item>When the queue is full, a newcomer takes the place of the last one of a lower rank, or is turned away.</item>
/// </list>
/// </summary>
public sealed class TargetLoad(ConcurrencySettings? limit, TimeProvider clock)
{
    /// <summary>Weight of the newest answer in the moving estimate: about the last ten count.</summary>
    private const double Newest = 0.2;

    private readonly Lock _lock = new();
    private readonly PriorityQueue<Waiter, (int Rank, long Turn)> _queue = new();
    private int _inFlight;
    private long _turn;
    private double _wholeMicros; // 0: nothing is known
    private double _streamMicros;
    private LatencyWindow? _wholes; // kept from the first time that somebody asks
    private LatencyWindow? _streams;

    /// <summary>Calls under way on this node.</summary>
    public int InFlight => Volatile.Read(ref _inFlight);

    /// <summary>Calls that wait for a place.</summary>
    public int Waiting
    {
        get
        {
            lock (_lock)
            {
                return _queue.Count;
            }
        }
    }

    public int? Limit => limit?.Calls;

    /// <summary>Moving estimate of the time to the first byte of an answer; <see langword="null"/> when nothing is known.</summary>
    /// <param name="streamed">Streams begin early, whole answers when they are done: they are not compared.</param>
    public double? LatencyMicros(bool streamed) =>
        Volatile.Read(ref streamed ? ref _streamMicros : ref _wholeMicros) is > 0 and var micros ? micros : null;

    /// <summary>A percentile of the last times to the first byte, in microseconds.</summary>
    /// <param name="percentile">From 1 to 99.</param>
    /// <returns><see langword="null"/> until enough is known.</returns>
    internal long? Percentile(bool streamed, int percentile) =>
        LazyInitializer.EnsureInitialized(ref streamed ? ref _streams : ref _wholes, static () => new LatencyWindow())
            .Percentile(percentile);

    internal void Observe(bool streamed, double micros)
    {
        (streamed ? _streams : _wholes)?.Add((long)micros);
        ref var estimate = ref streamed ? ref _streamMicros : ref _wholeMicros;
        double before, after;
        do
        {
            before = Volatile.Read(ref estimate);
            after = before == 0 ? Math.Max(micros, 1) : before + (Newest * (micros - before));
        }
        while (Interlocked.CompareExchange(ref estimate, after, before) != before);
    }

    /// <summary>Takes a place if one is free at once.</summary>
    internal bool TryEnter()
    {
        if (limit is null)
        {
            Interlocked.Increment(ref _inFlight);
            return true;
        }

        lock (_lock)
        {
            if (_inFlight >= limit.Calls)
            {
                return false;
            }

            _inFlight++;
            return true;
        }
    }

    /// <summary>Waits for a place, as long as the limit allows.</summary>
    /// <param name="rank">Lower goes first.</param>
    /// <returns>Whether the caller has a place, to be left with <see cref="Leave"/>.</returns>
    internal async ValueTask<bool> WaitAsync(int rank, CancellationToken ct)
    {
        Waiter? waiter;
        lock (_lock)
        {
            if (limit is null || _inFlight < limit.Calls)
            {
                _inFlight++;
                return true;
            }

            if ((waiter = EnqueueLocked(rank, limit.Queue)) is null)
            {
                return false;
            }
        }

        try
        {
            return await waiter.Place.Task.WaitAsync(limit.Wait, clock, ct);
        }
        catch (TimeoutException)
        {
            return !TryWithdraw(waiter);
        }
        catch (OperationCanceledException)
        {
            if (!TryWithdraw(waiter))
            {
                Leave();
            }

            throw;
        }
    }

    internal void Leave()
    {
        if (limit is null)
        {
            Interlocked.Decrement(ref _inFlight);
            return;
        }

        lock (_lock)
        {
            if (_queue.TryDequeue(out var next, out _))
            {
                next.Place.SetResult(true);
            }
            else
            {
                _inFlight--;
            }
        }
    }

    private Waiter? EnqueueLocked(int rank, int capacity)
    {
        if (_queue.Count >= capacity)
        {
            var (last, place) = (default(Waiter), (Rank: rank, Turn: long.MaxValue));
            foreach (var (waiter, at) in _queue.UnorderedItems)
            {
                if (at.Rank > place.Rank || (last is not null && at.Rank == place.Rank && at.Turn > place.Turn))
                {
                    (last, place) = (waiter, at);
                }
            }

            if (last is null)
            {
                return null;
            }

            _queue.Remove(last, out _, out _);
            last.Place.SetResult(false);
        }

        var own = new Waiter();
        _queue.Enqueue(own, (rank, _turn++));
        return own;
    }

    /// <returns><see langword="false"/> when the place was given to the waiter meanwhile.</returns>
    private bool TryWithdraw(Waiter waiter)
    {
        lock (_lock)
        {
            return _queue.Remove(waiter, out _, out _) || !waiter.Place.Task.Result;
        }
    }

    private sealed class Waiter
    {
        public TaskCompletionSource<bool> Place { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
