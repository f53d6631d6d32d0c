using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Gatehouse.Gateway.Scheduling;

/// <summary>
/// Builds the <see cref="ValueTask{T}"/> of an asynchronous method whose state, once it waits, lies in an object that is used again. The
/// runtime's <see cref="PoolingAsyncValueTaskMethodBuilder{T}"/> keeps one of those for a thread and one for a processor; of calls that
/// wait at the same time nearly all would make theirs anew. The task must be awaited once, and not after that.
/// </summary>
[StructLayout(LayoutKind.Auto)]
[SuppressMessage("Performance", "CA1822", Justification = "The compiler calls what a builder has on an instance.")]
internal struct KeptStateBuilder<T>
{
    private KeptState<T>? _state; // once it has waited
    private Exception? _error;
    private T? _result;

    public readonly ValueTask<T> Task =>
        _state is { } state ? new ValueTask<T>(state, state.Version)
        : _error is null ? new ValueTask<T>(_result!)
        : Failed(_error);

    /// <summary>Of a method without a result.</summary>
    public readonly ValueTask PlainTask =>
        _state is { } state ? new ValueTask(state, state.Version)
        : _error is null ? default
        : new ValueTask(Failed(_error).AsTask());

    public static KeptStateBuilder<T> Create() => default;

    public readonly void Start<TMachine>(ref TMachine stateMachine)
        where TMachine : IAsyncStateMachine =>
        default(AsyncTaskMethodBuilder).Start(ref stateMachine); // keeps the caller's context as it was

    public readonly void SetStateMachine(IAsyncStateMachine stateMachine)
    {
    }

    public void SetResult(T result)
    {
        if (_state is { } state)
        {
            state.SetResult(result);
        }
        else
        {
            _result = result;
        }
    }

    public void SetException(Exception exception)
    {
        if (_state is { } state)
        {
            state.SetException(exception);
        }
        else
        {
            _error = exception;
        }
    }

    public void AwaitOnCompleted<TAwaiter, TMachine>(ref TAwaiter awaiter, ref TMachine stateMachine)
        where TAwaiter : INotifyCompletion
        where TMachine : IAsyncStateMachine =>
        awaiter.OnCompleted(StateOf(ref stateMachine).GoOn);

    public void AwaitUnsafeOnCompleted<TAwaiter, TMachine>(ref TAwaiter awaiter, ref TMachine stateMachine)
        where TAwaiter : ICriticalNotifyCompletion
        where TMachine : IAsyncStateMachine =>
        awaiter.UnsafeOnCompleted(StateOf(ref stateMachine).GoOn);

    private KeptState<T> StateOf<TMachine>(ref TMachine stateMachine)
        where TMachine : IAsyncStateMachine
    {
        var context = ExecutionContext.Capture();
        if (_state is { } waitedBefore)
        {
            waitedBefore.Context = context;
            return waitedBefore;
        }

        var state = KeptState<T, TMachine>.Rent();
        state.Context = context;
        _state = state; // before the machine, whose part this builder is, is copied
        state.Machine = stateMachine;
        return state;
    }

    /// <summary>A cancellation is told as one.</summary>
    private static ValueTask<T> Failed(Exception e)
    {
        var builder = AsyncValueTaskMethodBuilder<T>.Create();
        builder.SetException(e);
        return builder.Task;
    }
}

/// <inheritdoc cref="KeptStateBuilder{T}"/>
[StructLayout(LayoutKind.Auto)]
[SuppressMessage("Performance", "CA1822", Justification = "The compiler calls what a builder has on an instance.")]
internal struct KeptStateBuilder
{
    private KeptStateBuilder<bool> _inner;

    public readonly ValueTask Task => _inner.PlainTask;

    public static KeptStateBuilder Create() => default;

    public readonly void Start<TMachine>(ref TMachine stateMachine)
        where TMachine : IAsyncStateMachine => _inner.Start(ref stateMachine);

    public readonly void SetStateMachine(IAsyncStateMachine stateMachine)
    {
    }

    public void SetResult() => _inner.SetResult(true);

    public void SetException(Exception exception) => _inner.SetException(exception);

    public void AwaitOnCompleted<TAwaiter, TMachine>(ref TAwaiter awaiter, ref TMachine stateMachine)
        where TAwaiter : INotifyCompletion
        where TMachine : IAsyncStateMachine =>
        _inner.AwaitOnCompleted(ref awaiter, ref stateMachine);

    public void AwaitUnsafeOnCompleted<TAwaiter, TMachine>(ref TAwaiter awaiter, ref TMachine stateMachine)
        where TAwaiter : ICriticalNotifyCompletion
        where TMachine : IAsyncStateMachine =>
        _inner.AwaitUnsafeOnCompleted(ref awaiter, ref stateMachine);
}
