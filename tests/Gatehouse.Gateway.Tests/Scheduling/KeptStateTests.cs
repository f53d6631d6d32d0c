using System.Runtime.CompilerServices;
using Gatehouse.Gateway.Scheduling;

namespace Gatehouse.Gateway.Tests.Scheduling;

public sealed class KeptStateTests
{
    private static readonly AsyncLocal<int> Flowing = new();

    [Fact]
    public async Task Methods_that_wait_at_the_same_time_each_get_their_own_result()
    {
        for (var round = 0; round < 50; round++)
        {
            var gates = Enumerable.Range(0, 100).Select(_ => new TaskCompletionSource<int>()).ToArray();
            var waiting = gates.Select((g, i) => AddAsync(g.Task, i).AsTask()).ToArray();
            for (var i = gates.Length - 1; i >= 0; i--)
            {
                gates[i].SetResult(1000 * i);
            }

            Assert.Equal(Enumerable.Range(0, 100).Select(i => 1001 * i), await Task.WhenAll(waiting));
        }
    }

    [Fact]
    public async Task Exceptions_and_cancellations_come_out_as_they_went_in_before_and_behind_a_wait()
    {
        foreach (var waits in new[] { false, true })
        {
            var e = new FormatException("No.");
            Assert.Same(e, await Assert.ThrowsAsync<FormatException>(async () => await FailAsync(e, waits)));
            var task = FailAsync(new OperationCanceledException(), waits).AsTask();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => task);
            Assert.True(task.IsCanceled);
        }
    }

    [Fact]
    public async Task What_flows_with_a_method_flows_over_its_waits_and_not_out_of_it()
    {
        Flowing.Value = 1;
        var gate = new TaskCompletionSource();
        var changing = ChangeAsync(gate.Task);
        Assert.Equal(1, Flowing.Value);
        var thread = new Thread(gate.SetResult);
        thread.Start();

        Assert.Equal(2, await changing);
        await Task.Yield(); // from that thread, if it is the one that goes on here: it would wait for itself
        thread.Join();
        Assert.Equal(1, Flowing.Value);
    }

    [Fact]
    public async Task A_method_goes_on_where_what_it_waited_for_ended()
    {
        var gate = new TaskCompletionSource();
        var ended = WhereAsync(gate.Task).AsTask();
        var thread = new Thread(gate.SetResult);
        thread.Start();

        Assert.Equal(thread.ManagedThreadId, await ended);
        await Task.Yield(); // from that thread, if it is the one that goes on here: it would wait for itself
        thread.Join();
    }

    [Fact]
    public void Waiting_allocates_nothing_once_as_many_have_waited_before()
    {
        var gates = new Gate[20];
        var waiting = new ValueTask<int>[gates.Length];
        var allocated = long.MaxValue;
        for (var round = 0; round < 100; round++)
        {
            for (var i = 0; i < gates.Length; i++)
            {
                gates[i] = new Gate();
            }

            var before = GC.GetAllocatedBytesForCurrentThread();
            RunTogether(gates, waiting);
            allocated = Math.Min(allocated, GC.GetAllocatedBytesForCurrentThread() - before);
        }

        Assert.InRange(allocated, 0, 20 * 64); // what xUnit's asserts and the runtime's tiers may need
    }

    private static void RunTogether(Gate[] gates, ValueTask<int>[] waiting)
    {
        for (var i = 0; i < gates.Length; i++)
        {
#pragma warning disable CA2012 // each is taken once, below
            waiting[i] = OuterAsync(gates[i], i);
#pragma warning restore CA2012
        }

        for (var i = 0; i < gates.Length; i++)
        {
            gates[i].Open();
            Assert.True(waiting[i].IsCompleted);
            Assert.True(waiting[i].GetAwaiter().GetResult() == i + 1, "Another's result.");
        }
    }

    [AsyncMethodBuilder(typeof(KeptStateBuilder<>))]
    private static async ValueTask<int> AddAsync(Task<int> gate, int more)
    {
        var first = await gate;
        await PlainAsync(more % 2 == 0);
        return first + more;
    }

    [AsyncMethodBuilder(typeof(KeptStateBuilder))]
    private static async ValueTask PlainAsync(bool waits)
    {
        if (waits)
        {
            await Task.Yield();
        }
    }

    [AsyncMethodBuilder(typeof(KeptStateBuilder<>))]
    private static async ValueTask<int> FailAsync(Exception e, bool waits)
    {
        await PlainAsync(waits);
        throw e;
    }

    [AsyncMethodBuilder(typeof(KeptStateBuilder<>))]
    private static async ValueTask<int> ChangeAsync(Task gate)
    {
        Flowing.Value = 2;
        await gate;
        return Flowing.Value;
    }

    [AsyncMethodBuilder(typeof(KeptStateBuilder<>))]
    private static async ValueTask<int> WhereAsync(Task gate)
    {
        await gate.ConfigureAwait(false);
        return Environment.CurrentManagedThreadId;
    }

    [AsyncMethodBuilder(typeof(KeptStateBuilder<>))]
    private static async ValueTask<int> OuterAsync(Gate gate, int number) => await InnerAsync(gate, number).ConfigureAwait(false);

    [AsyncMethodBuilder(typeof(KeptStateBuilder<>))]
    private static async ValueTask<int> InnerAsync(Gate gate, int number)
    {
        await gate;
        return number + 1;
    }

    /// <summary>Awaited once, and opened on the thread of the test.</summary>
    private sealed class Gate : ICriticalNotifyCompletion
    {
        private Action? _continuation;
        private bool _isOpen;

        public bool IsCompleted => _isOpen;

        public Gate GetAwaiter() => this;

        public void GetResult()
        {
        }

        public void Open()
        {
            _isOpen = true;
            _continuation!();
        }

        public void OnCompleted(Action continuation) => _continuation = continuation;

        public void UnsafeOnCompleted(Action continuation) => _continuation = continuation;
    }
}
