namespace Gatehouse.Contracts;

/// <summary>Moments by time that has gone by: they stay where they are when somebody sets the time of day.</summary>
public static class Timestamps
{
    /// <returns>The clock's timestamp when this much time has gone by.</returns>
    public static long TimestampIn(this TimeProvider clock, TimeSpan time) =>
        clock.GetTimestamp() + (long)(time.TotalSeconds * clock.TimestampFrequency);
}
