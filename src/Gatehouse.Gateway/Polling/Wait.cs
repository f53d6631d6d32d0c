using System.Threading.Tasks.Sources;
using Microsoft.AspNetCore.Connections;

namespace Gatehouse.Gateway.Polling;

/// <summary>
/// One end of a socket's way and whoever waits at it, without allocating: the awaited part of a read, a write or an accept. For one that
/// waits at a time. The socket's state says who may complete it (<see cref="PolledSocket"/>).
/// </summary>
internal abstract class Wait<T> : IValueTaskSource<T>
{
    private ManualResetValueTaskSourceCore<T> _source;
    private CancellationTokenRegistration _registration;
    private CancellationToken _token;
    private volatile bool _isCancelled;

    /// <summary>Tries, and waits while there is nothing; <see cref="CancelPending"/> and the token end the wait.</summary>
    public ValueTask<T> RunAsync(CancellationToken ct)
    {
        if (ct.IsCancellationRequested)
        {
            return ValueTask.FromCanceled<T>(ct);
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

    /// <summary>What waited may go on. On the poller's thread.</summary>
    public void GoOn()
    {
        do
        {
            bool isDone;
            T result;
            try
            {
                isDone = Try(out result);
            }
            catch (Exception e) when (e is IOException or ConnectionAbortedException)
            {
                Fail(e);
                return;
            }

            if (isDone)
            {
                _registration.Dispose();
                _source.RunContinuationsAsynchronously = false;
                _source.SetResult(result);
                return;
            }
        }
        while (!TryWait());

        Recheck();
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

    T IValueTaskSource<T>.GetResult(short token) => _source.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource<T>.GetStatus(short token) => _source.GetStatus(token);

    void IValueTaskSource<T>.OnCompleted(
        Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _source.OnCompleted(continuation, state, token, flags);

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
