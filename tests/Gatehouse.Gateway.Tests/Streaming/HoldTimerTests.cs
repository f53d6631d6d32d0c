using Gatehouse.Gateway.Streaming;
using Gatehouse.Gateway.Tests.Calls;

namespace Gatehouse.Gateway.Tests.Streaming;

public sealed class HoldTimerTests
{
    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(30);

    private readonly ManualClock _clock = new();

    [Fact]
    public void The_time_begins_anew_when_guards_let_go_of_something_by_themselves()
    {
        var timer = new HoldTimer(_clock, TimeSpan.FromMilliseconds(50));
        timer.Took(holds: true, released: 0);
        _clock.Advance(Step);
        timer.Took(holds: true, released: 32);

        Assert.Equal(TimeSpan.FromMilliseconds(50), timer.Left);
        timer.Took(holds: false, released: 64);
        Assert.False(timer.IsRunning);
    }

    [Fact]
    public void What_comes_meanwhile_does_not_begin_it_anew_though_it_is_due()
    {
        var timer = new HoldTimer(_clock, TimeSpan.FromMilliseconds(50));
        timer.Took(holds: true, released: 0);
        _clock.Advance(Step);
        timer.Took(holds: true, released: 0);
        Assert.Equal(TimeSpan.FromMilliseconds(20), timer.Left);
        _clock.Advance(Step);
        timer.Took(holds: true, released: 0);

        Assert.Equal(TimeSpan.FromMilliseconds(-10), timer.Left);
        timer.LetGo();
        Assert.False(timer.IsRunning);
        timer.Took(holds: true, released: 0);
        Assert.Equal(TimeSpan.FromMilliseconds(50), timer.Left);
    }
}
