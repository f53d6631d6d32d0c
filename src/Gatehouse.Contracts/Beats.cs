namespace Gatehouse.Contracts;

/// <summary>
/// Moments at which everything that looks again and again does so: all wake together, so that the process is woken once for all of them.
/// </summary>
public static class Beats
{
    /// <summary>What is due this soon is due at this moment: timers are exact to some milliseconds.</summary>
    public static readonly TimeSpan Slack = TimeSpan.FromMilliseconds(20);

    /// <summary>Ends at the next moment, at most <paramref name="period"/> from now.</summary>
    public static Task NextAsync(TimeSpan period, TimeProvider clock, CancellationToken ct) => Task.Delay(Until(period, clock), clock, ct);

    /// <summary>How long it is until then; more than nothing, in whole milliseconds, as timers count.</summary>
    public static TimeSpan Until(TimeSpan period, TimeProvider clock)
    {
        var now = (long)clock.GetElapsedTime(0, clock.GetTimestamp()).TotalMilliseconds;
        var each = (long)period.TotalMilliseconds;
        return TimeSpan.FromMilliseconds(each - (now % each));
    }
}
