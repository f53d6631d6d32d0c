using System.Threading.Tasks.Sources;
using Microsoft.AspNetCore.Connections;

namespace Gatehouse.Gateway.Polling;

/// <summary>Somebody for whom a poller asks the kernel: at the end of its turn, or when an event says that it may help.</summary>
internal interface ISender
{
    /// <summary>On the poller's thread.</summary>
    void GoOn();
}

/// <summary>Whoever waits, whatever for.</summary>
internal abstract class Wait : ISender
{
    /// <summary>What waited may go on: asks the kernel.</summary>
    public abstract void GoOn();

    /// <summary>Runs who waited with what the kernel has answered. On the poller's thread.</summary>
    public abstract void Finish();
}

/// <summary>
/// One end of a socket's way and whoever waits at it, without allocating: the awaited part of a read, a write or an accept. For one that
/// waits at a time. The socket's state says who may complete it (<see cref="PolledSocket"/>).
/// </summary>
internal abstract class Wait<T> : Wait, IValueTaskSource<T>
{
    private ManualResetValueTaskSourceCore<T> _source;
    private CancellationTokenRegistration _registration;
    private CancellationToken _token;
    private T _result = default!; // between two parts of a turn
    private bool _isDeferred; // to the end of the turn, and its token not yet listened to
    private volatile bool _isCancelled;

    /// <summary>Tries, and waits while there is nothing; <see cref="CancelPending"/> and the token end the wait.</summary>
    public ValueTask<T> RunAsync(CancellationToken ct)
    {
        if (ct.IsCancellationRequested)
        {
            return ValueTask.FromCanceled<T>(ct);
        }

        if (!_isCancelled && Later is { } poller)
        {
            _source.Reset();
            _token = ct;
            _isDeferred = true;
            poller.SendLater(this);
            return new ValueTask<T>(this, _source.Version);
        }

        while (true)
        {
            if (TryNow(out var result))
            {
                return new ValueTask<T>(result);
            }

            _source.Reset();
            _token = ct;
            _registration = ct.UnsafeRegister(static wait => ((Wait<T>)wait!).Stop(), this); // before the wait, which may end at once
            if (!TryWait())
            {
                _registration.Dispose(); // something has come meanwhile
                continue;
            }

            Recheck();
            return new ValueTask<T>(this, _source.Version);
        }
    }

    /// <returns><see langword="false"/> when it would have to wait.</returns>
    public bool TryNow(out T result)
    {
        if (!_isCancelled)
        {
            return Try(out result);
        }

        _isCancelled = false;
        result = Cancelled();
        return true;
    }

    public sealed override void GoOn()
    {
        var isRegistered = !_isDeferred;
        _isDeferred = false;
        do
        {
            bool isDone;
            T result;
            try
            {
                isDone = Try(out result);
            }
            catch (Exception e) when (e is IOException or ConnectionAbortedException or ObjectDisposedException)
            {
                Fail(e);
                return;
            }

            if (isDone)
            {
                _registration.Dispose();
                _result = result;
                Poller.Current!.RunLater(this);
                return;
            }

            if (!isRegistered)
            {
                isRegistered = true;
                _registration = _token.UnsafeRegister(static wait => ((Wait<T>)wait!).Stop(), this);
            }
        }
        while (!TryWait());

        Recheck();
    }

    public sealed override void Finish()
    {
        var result = _result;
        _result = default!;
        _source.RunContinuationsAsynchronously = false;
        _source.SetResult(result);
    }

    /// <summary>Ends the wait, or the next one, without a result of its own. From any thread.</summary>
    public void CancelPending()
    {
        _isCancelled = true;
        if (TryStopWaiting())
        {
            EndCancelled();
        }
    }

    public T GetResult(short token) => _source.GetResult(token);

    public ValueTaskSourceStatus GetStatus(short token) => _source.GetStatus(token);

    public void OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _source.OnCompleted(continuation, state, token, flags);

    /// <summary>Tells this wait's value tasks from those before.</summary>
    protected short Version => _source.Version;

    /// <summary>The poller at the end of whose turn to try, in place of at once.</summary>
    protected virtual Poller? Later => null;

    /// <returns>Whether there is a result.</returns>
    /// <exception cref="IOException">There will be none.</exception>
    /// <exception cref="ConnectionAbortedException">There will be none, because of us.</exception>
    protected abstract bool Try(out T result);

    protected abstract T Cancelled();

    protected abstract bool TryWait();

    protected abstract bool TryStopWaiting();

    /// <summary>What came between the last look and the wait.</summary>
    private void Recheck()
    {
        if (_isCancelled && TryStopWaiting())
        {
            EndCancelled();
        }
        else if (_token.IsCancellationRequested)
        {
            Stop();
        }
    }

    private void EndCancelled()
    {
        _isCancelled = false;
        _registration.Dispose();
        _source.RunContinuationsAsynchronously = true; // whoever cancels may hold locks
        _source.SetResult(Cancelled());
    }

    private void Stop()
    {
        if (TryStopWaiting())
        {
            Fail(new OperationCanceledException(_token));
        }
    }

    private void Fail(Exception e)
    {
        _registration.Dispose();
        _source.RunContinuationsAsynchronously = true;
        _source.SetException(e);
    }
}
