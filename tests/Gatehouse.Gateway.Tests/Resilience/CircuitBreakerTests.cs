using Gatehouse.Gateway.Resilience;
using Gatehouse.Gateway.Tests.Calls;

namespace Gatehouse.Gateway.Tests.Resilience;

public sealed class CircuitBreakerTests
{
    private readonly ManualClock _clock = new();
    private readonly CircuitBreaker _breaker;

    public CircuitBreakerTests() => _breaker = new(new(0.5, 4, TimeSpan.FromSeconds(10), TimeSpan.FromSeconds(5)), _clock);

    [Fact]
    public void It_opens_at_the_share_of_failures_and_not_below_the_minimum_of_calls()
    {
        Count(AttemptOutcome.Bad, 3);
        Assert.Equal(BreakerState.Closed, _breaker.State);

        Count(AttemptOutcome.Good, 4);
        Assert.Equal(BreakerState.Closed, _breaker.State);

        Count(AttemptOutcome.Bad, 1);
        Assert.Equal(BreakerState.Open, _breaker.State);
        Assert.Equal(BreakerPass.None, _breaker.TryEnter());
    }

    [Fact]
    public void What_left_the_window_counts_no_more()
    {
        Count(AttemptOutcome.Bad, 3);
        _clock.Advance(TimeSpan.FromSeconds(11));
        Count(AttemptOutcome.Bad, 3);
        Assert.Equal(BreakerState.Closed, _breaker.State);

        _clock.Advance(TimeSpan.FromSeconds(5));
        Count(AttemptOutcome.Bad, 1);
        Assert.Equal(BreakerState.Open, _breaker.State);
    }

    [Fact]
    public void After_the_rest_one_probe_at_a_time_decides()
    {
        Count(AttemptOutcome.Bad, 4);
        _clock.Advance(TimeSpan.FromSeconds(5));

        Assert.Equal(BreakerPass.Probe, _breaker.TryEnter());
        Assert.Equal(BreakerState.HalfOpen, _breaker.State);
        Assert.Equal(BreakerPass.None, _breaker.TryEnter());
        Assert.Equal(BreakerPass.None, _breaker.TryProbe());

        _breaker.Settle(BreakerPass.Probe, AttemptOutcome.Unknown);
        Assert.Equal(BreakerPass.Probe, _breaker.TryEnter());
        _breaker.Settle(BreakerPass.Probe, AttemptOutcome.Bad);
        Assert.Equal(BreakerState.Open, _breaker.State);
        Assert.Equal(BreakerPass.None, _breaker.TryEnter());

        Assert.Equal(BreakerPass.Probe, _breaker.TryProbe());
        _breaker.Settle(BreakerPass.Probe, AttemptOutcome.Good);
        Assert.Equal(BreakerState.Closed, _breaker.State);
        Count(AttemptOutcome.Bad, 3);
        Assert.Equal(BreakerState.Closed, _breaker.State);
    }

    [Fact]
    public void A_call_that_began_before_it_opened_changes_nothing()
    {
        var early = _breaker.TryEnter();
        Count(AttemptOutcome.Bad, 4);

        _breaker.Settle(early, AttemptOutcome.Good);

        Assert.Equal(BreakerState.Open, _breaker.State);
    }

    [Fact]
    public void Of_many_threads_one_gets_to_probe()
    {
        Count(AttemptOutcome.Bad, 4);
        _clock.Advance(TimeSpan.FromSeconds(5));
        var probes = 0;

        Parallel.For(0, 1000, _ => Interlocked.Add(ref probes, _breaker.TryEnter() == BreakerPass.Probe ? 1 : 0));

        Assert.Equal(1, probes);
    }

    [Fact]
    public void A_closed_breaker_allocates_nothing()
    {
        Count(AttemptOutcome.Good, 100);

        Assert.Equal(0, Allocations.Of(() => Count(AttemptOutcome.Good, 1000)));
    }

    private void Count(AttemptOutcome outcome, int times)
    {
        for (var i = 0; i < times; i++)
        {
            _breaker.Settle(_breaker.TryEnter(), outcome);
        }
    }
}
