using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Threading.Tasks.Sources;

namespace Gatehouse.Gateway.Scheduling;

/// <summary>An asynchronous method that has waited, and what its caller awaits. Used again once the caller has the result.</summary>
internal abstract class KeptState<T> : IValueTaskSource<T>, IValueTaskSource
{
    private ManualResetValueTaskSourceCore<T> _source;

    public short Version => _source.Version;

    /// <summary>What flows with the method over its waits.</summary>
    public ExecutionContext? Context { get; set; }

    /// <summary>Continues the method.</summary>
    public Action GoOn { get; protected init; } = null!;

    public void SetResult(T result) => _source.SetResult(result);

    public void SetException(Exception e) => _source.SetException(e);

    public T GetResult(short token)
    {
        var isOver = _source.GetStatus(token) != ValueTaskSourceStatus.Pending;
        try
        {
            return _source.GetResult(token);
        }
        finally
        {
            if (isOver)
            {
                _source.Reset();
                Return();
            }
        }
    }

    void IValueTaskSource.GetResult(short token) => GetResult(token);

    public ValueTaskSourceStatus GetStatus(short token) => _source.GetStatus(token);

    public void OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _source.OnCompleted(continuation, state, token, flags);

    protected abstract void Return();
}

/// <summary>That of one method.</summary>
internal sealed class KeptState<T, TMachine> : KeptState<T>
    where TMachine : IAsyncStateMachine
{
    /// <summary>More calls than these wait at the same time only where memory is not what matters.</summary>
    private const int MaxKept = 64;

    private static readonly ContextCallback Move = static state => ((KeptState<T, TMachine>)state!).Machine.MoveNext();

    [ThreadStatic]
    private static KeptState<T, TMachine>? t_free;

    private KeptState<T, TMachine>? _next;
    private int _depth; // of the free ones from here on

    [SuppressMessage("Design", "CA1051", Justification = "The machine moves where it lies: a copy would be another.")]
    public TMachine Machine = default!;

    private KeptState()
    {
        GoOn = MoveNext;
    }

    public static KeptState<T, TMachine> Rent()
    {
        if (t_free is not { } free)
        {
            return new KeptState<T, TMachine>();
        }

        t_free = free._next;
        free._next = null;
        return free;
    }

    /// <summary>To the thread that took the result, which is mostly the one that will need it.</summary>
    protected override void Return()
    {
        Machine = default!;
        Context = null;
        var free = t_free;
        var depth = free is null ? 1 : free._depth + 1;
        if (depth <= MaxKept)
        {
            (_next, _depth) = (free, depth);
            t_free = this;
        }
    }

    private void MoveNext()
    {
        if (Context is { } context)
        {
            ExecutionContext.Run(context, Move, this);
        }
        else
        {
            Machine.MoveNext(); // the flow was suppressed
        }
    }
}
