namespace Gatehouse.Contracts;

/// <summary>Moments by time that has gone by: they stay where they are when somebody sets the time of day.</summary>
public static class Timestamps
{
    /// <returns>The clock's timestamp when this much time has gone by.</returns>
    public static long TimestampIn(this TimeProvider clock, TimeSpan time) =>
        clock.GetTimestamp() + (long)(time.TotalSeconds * clock.TimestampFrequency);
}

/// <summary>
/// The end of something that somebody else's clock measures too. It is there when so much time has gone by, or when the time of day says
/// so, whichever is sooner: a clock that is set back does not move it, and while a machine sleeps only the time of day goes on.
/// </summary>
/// <param name="Timestamp">Of the clock.</param>
/// <param name="At">By the time of day.</param>
public readonly record struct Ending(long Timestamp, DateTimeOffset At)
{
    /// <returns>What ends when this much time has gone by.</returns>
    public static Ending In(TimeSpan time, TimeProvider clock) => new(clock.TimestampIn(time), clock.GetUtcNow() + time);

    public bool IsOver(TimeProvider clock) => Left(clock) <= TimeSpan.Zero;

    /// <returns>Less than nothing once it is over.</returns>
    public TimeSpan Left(TimeProvider clock)
    {
        var (left, leftOfDay) = (clock.GetElapsedTime(clock.GetTimestamp(), Timestamp), At - clock.GetUtcNow());
        return left < leftOfDay ? left : leftOfDay;
    }
}
