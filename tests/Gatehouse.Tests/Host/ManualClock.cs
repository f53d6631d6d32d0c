namespace Gatehouse.Tests.Host;

/// <summary>A time of day that stands still until a test moves it. Timers run on real time, so that workers go on.</summary>
internal sealed class ManualClock : TimeProvider
{
    private long _ticks = System.GetUtcNow().UtcTicks;
    private long _passed;

    public override DateTimeOffset GetUtcNow() => new(Interlocked.Read(ref _ticks), TimeSpan.Zero);

    public override long GetTimestamp() =>
        base.GetTimestamp() + (Interlocked.Read(ref _passed) * (TimestampFrequency / TimeSpan.TicksPerSecond));

    public void Advance(TimeSpan by) => Interlocked.Add(ref _ticks, by.Ticks);

    /// <summary>As if so much time had passed, for the time of day and for what is measured; timers are as before.</summary>
    public void Pass(TimeSpan by)
    {
        Advance(by);
        Interlocked.Add(ref _passed, by.Ticks);
    }
}
