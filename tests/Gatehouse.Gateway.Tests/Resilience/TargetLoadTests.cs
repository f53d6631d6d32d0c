using Gatehouse.Gateway.Resilience;
using Gatehouse.Gateway.Tests.Calls;

namespace Gatehouse.Gateway.Tests.Resilience;

public sealed class TargetLoadTests
{
    private static readonly CancellationToken Ct = TestContext.Current.CancellationToken;

    private readonly ManualClock _clock = new();

    [Fact]
    public async Task Places_go_by_rank_and_within_a_rank_by_arrival()
    {
        var load = Load(1, 10);
        Assert.True(load.TryEnter());
        var order = new List<string>();
        Task[] waiting = [WaitAsync("c", 2), WaitAsync("a", 0), WaitAsync("d", 2), WaitAsync("b", 1)];

        Assert.Equal(4, load.Waiting);
        Assert.False(load.TryEnter());
        load.Leave();
        await Task.WhenAll(waiting);

        Assert.Equal(["a", "b", "c", "d"], order);
        Assert.Equal(0, load.InFlight);

        async Task WaitAsync(string name, int rank)
        {
            Assert.True(await load.WaitAsync(rank, Ct));
            Assert.Equal(1, load.InFlight);
            order.Add(name);
            load.Leave();
        }
    }

    [Fact]
    public async Task A_full_queue_turns_away_the_last_of_the_lowest_rank()
    {
        var load = Load(1, 2);
        Assert.True(load.TryEnter());
        var (early, late) = (load.WaitAsync(2, Ct).AsTask(), load.WaitAsync(2, Ct).AsTask());

        Assert.False(await load.WaitAsync(2, Ct));
        var urgent = load.WaitAsync(0, Ct).AsTask();
        Assert.False(await late);

        load.Leave();
        Assert.True(await urgent);
        load.Leave();
        Assert.True(await early);
    }

    [Fact]
    public async Task Waiting_ends_in_time_and_with_the_caller()
    {
        var load = Load(1, 2);
        Assert.True(load.TryEnter());
        using var caller = new CancellationTokenSource();
        var (patient, leaving) = (load.WaitAsync(0, Ct).AsTask(), load.WaitAsync(0, caller.Token).AsTask());

        await caller.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => leaving);
        Assert.Equal(1, load.Waiting);
        _clock.Advance(TimeSpan.FromSeconds(1));
        Assert.False(await patient);

        load.Leave();
        Assert.Equal((0, 0), (load.InFlight, load.Waiting));
        Assert.True(load.TryEnter());
    }

    [Fact]
    public async Task Never_more_at_once_than_allowed()
    {
        var load = Load(3, 1000);
        var (now, most) = (0, 0);

        await Parallel.ForAsync(0, 500, new ParallelOptions { MaxDegreeOfParallelism = 16, CancellationToken = Ct }, async (_, ct) =>
        {
            Assert.True(load.TryEnter() || await load.WaitAsync(0, ct));
            var seen = Interlocked.Increment(ref now);
            InterlockedMax(ref most, seen);
            await Task.Yield();
            Interlocked.Decrement(ref now);
            load.Leave();
        });

        Assert.InRange(most, 1, 3);
        Assert.Equal((0, 0), (load.InFlight, load.Waiting));
    }

    [Fact]
    public void The_estimate_follows_the_newest_answers_and_keeps_streams_apart()
    {
        var load = Load(1, 1);
        Assert.Null(load.LatencyMicros(streamed: false));

        for (var i = 0; i < 30; i++)
        {
            load.Observe(streamed: false, 1000);
        }

        Assert.Equal(1000, load.LatencyMicros(streamed: false)!.Value, 1.0);
        Assert.Null(load.LatencyMicros(streamed: true));
        load.Observe(streamed: false, 2000);
        Assert.Equal(1200, load.LatencyMicros(streamed: false)!.Value, 1.0);
    }

    private static void InterlockedMax(ref int most, int seen)
    {
        int before;
        while (seen > (before = Volatile.Read(ref most)) && Interlocked.CompareExchange(ref most, seen, before) != before)
        {
        }
    }

    private TargetLoad Load(int calls, int queue) => new(new ConcurrencySettings(calls, queue, TimeSpan.FromSeconds(1)), _clock);
}
