namespace Gatehouse.Tests.Governance.Leases;

/// <summary>Time of day and elapsed time, both where the test puts them. Its timers are those of the system.</summary>
internal sealed class StepClock(DateTimeOffset now) : TimeProvider
{
    private long _ticks = now.UtcTicks;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override DateTimeOffset GetUtcNow() => new(_ticks, TimeSpan.Zero);

    public override long GetTimestamp() => _ticks;

    public void Advance(TimeSpan by) => _ticks += by.Ticks;
}
