using Gatehouse.Gateway.Calls;

namespace Gatehouse.Gateway.Tests.Calls;

public sealed class DeadlineTests
{
    private static readonly TimeSpan Total = TimeSpan.FromHours(1);

    private readonly ManualClock _clock = new();

    [Fact]
    public void A_phase_ends_when_it_took_too_long()
    {
        using var deadline = Deadline.Begin(TimeSpan.FromSeconds(10), Total, _clock, CancellationToken.None);
        _clock.Advance(TimeSpan.FromSeconds(9.9));
        Assert.False(deadline.IsOver);
        _clock.Advance(TimeSpan.FromSeconds(0.2));
        Assert.True(deadline.IsOver);
        Assert.True(deadline.Token.IsCancellationRequested);
    }

    [Fact]
    public void A_phase_that_begins_later_has_its_whole_time()
    {
        using var deadline = Deadline.Begin(TimeSpan.FromSeconds(10), Total, _clock, CancellationToken.None);
        _clock.Advance(TimeSpan.FromSeconds(6));
        deadline.Restart(TimeSpan.FromSeconds(10));
        _clock.Advance(TimeSpan.FromSeconds(9.9));
        Assert.False(deadline.IsOver);
        _clock.Advance(TimeSpan.FromSeconds(0.2));
        Assert.True(deadline.IsOver);
    }

    [Fact]
    public void A_shorter_phase_ends_sooner()
    {
        using var deadline = Deadline.Begin(TimeSpan.FromSeconds(100), Total, _clock, CancellationToken.None);
        deadline.Restart(TimeSpan.FromSeconds(1));
        _clock.Advance(TimeSpan.FromSeconds(1.1));
        Assert.True(deadline.IsOver);
    }

    [Fact]
    public void Time_that_was_stopped_does_not_count()
    {
        using var deadline = Deadline.Begin(TimeSpan.FromSeconds(1), Total, _clock, CancellationToken.None);
        deadline.Stop();
        _clock.Advance(TimeSpan.FromSeconds(60));
        Assert.False(deadline.IsOver);
        deadline.Restart(TimeSpan.FromSeconds(1));
        _clock.Advance(TimeSpan.FromSeconds(1.1));
        Assert.True(deadline.IsOver);
    }

    [Fact]
    public void All_phases_together_end_at_the_total_and_time_that_was_stopped_is_not_part_of_it()
    {
        using var deadline = Deadline.Begin(TimeSpan.FromSeconds(10), TimeSpan.FromSeconds(25), _clock, CancellationToken.None);
        _clock.Advance(TimeSpan.FromSeconds(9));
        deadline.Restart(TimeSpan.FromSeconds(10));
        _clock.Advance(TimeSpan.FromSeconds(9));
        deadline.Stop();
        _clock.Advance(TimeSpan.FromSeconds(100));
        deadline.Restart(TimeSpan.FromSeconds(10));
        _clock.Advance(TimeSpan.FromSeconds(6.9));
        Assert.False(deadline.IsOver);
        _clock.Advance(TimeSpan.FromSeconds(0.2));
        Assert.True(deadline.IsOver);
        Assert.True(deadline.IsTotal);
    }

    [Fact]
    public void The_next_attempt_is_not_ended_by_the_time_of_the_last()
    {
        Deadline.Begin(TimeSpan.FromSeconds(1), Total, _clock, CancellationToken.None).Dispose();
        using var next = Deadline.Begin(TimeSpan.FromSeconds(10), Total, _clock, CancellationToken.None);
        _clock.Advance(TimeSpan.FromSeconds(9.9));
        Assert.False(next.IsOver);
        _clock.Advance(TimeSpan.FromSeconds(0.2));
        Assert.True(next.IsOver);
    }

    [Fact]
    public void An_attempt_that_ended_late_is_not_used_again()
    {
        var late = Deadline.Begin(TimeSpan.FromSeconds(1), Total, _clock, CancellationToken.None);
        _clock.Advance(TimeSpan.FromSeconds(2));
        late.Dispose();
        using var next = Deadline.Begin(TimeSpan.FromSeconds(1), Total, _clock, CancellationToken.None);
        Assert.NotSame(late, next);
        Assert.False(next.Token.IsCancellationRequested);
    }

    [Fact]
    public void A_client_that_goes_away_ends_the_attempt_but_not_by_time_and_only_its_own()
    {
        using var client = new CancellationTokenSource();
        using var other = new CancellationTokenSource();
        var first = Deadline.Begin(TimeSpan.FromSeconds(1), Total, _clock, other.Token);
        first.Dispose();
        using var deadline = Deadline.Begin(TimeSpan.FromSeconds(1), Total, _clock, client.Token);
        other.Cancel();
        Assert.False(deadline.Token.IsCancellationRequested);
        client.Cancel();
        Assert.True(deadline.Token.IsCancellationRequested);
        Assert.False(deadline.IsOver);
    }

    [Fact]
    public async Task Under_a_real_clock_attempts_that_take_turns_on_many_threads_end_neither_early_nor_never()
    {
        await Parallel.ForAsync(0, 2_000, async (i, _) =>
        {
            var isLate = i % 50 == 0;
            using var deadline = Deadline.Begin(
                isLate ? TimeSpan.FromMilliseconds(5) : TimeSpan.FromMinutes(5), Total, TimeProvider.System, CancellationToken.None);
            if (!isLate)
            {
                deadline.Restart(TimeSpan.FromMinutes(1));
                Assert.False(deadline.Token.IsCancellationRequested);
                return;
            }

            var over = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            await using var registered = deadline.Token.Register(over.SetResult);
            await over.Task.WaitAsync(TimeSpan.FromSeconds(30), CancellationToken.None);
            Assert.True(deadline.IsOver);
        });
    }
}
