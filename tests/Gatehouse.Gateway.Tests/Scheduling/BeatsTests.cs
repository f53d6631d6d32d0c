using Gatehouse.Contracts;
using Gatehouse.Gateway.Tests.Providers.Simulator;

namespace Gatehouse.Gateway.Tests.Scheduling;

public sealed class BeatsTests
{
    private readonly ManualClock _clock = new();

    [Fact]
    public async Task All_who_wait_wake_at_the_same_moment_however_late_they_began()
    {
        var early = Beats.NextAsync(TimeSpan.FromMilliseconds(250), _clock, TestContext.Current.CancellationToken);
        var left = Beats.Until(TimeSpan.FromMilliseconds(250), _clock);
        _clock.Advance(left / 2);
        var late = Beats.NextAsync(TimeSpan.FromMilliseconds(250), _clock, TestContext.Current.CancellationToken);
        Assert.False(early.IsCompleted);

        _clock.Advance(left - (left / 2) + TimeSpan.FromMilliseconds(1));

        await early;
        await late;
    }

    [Fact]
    public void It_is_never_longer_than_the_period_until_then_and_never_nothing()
    {
        var period = TimeSpan.FromMilliseconds(500);
        for (var i = 0; i < 2_000; i++)
        {
            Assert.InRange(Beats.Until(period, _clock), TimeSpan.FromMilliseconds(1), period);
            _clock.Advance(TimeSpan.FromMilliseconds(0.7));
        }
    }
}
