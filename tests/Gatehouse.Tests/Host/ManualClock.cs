namespace Gatehouse.Tests.Host;

/// <summary>A time of day that stands still until a test moves it. Timers run on real time, so that workers go on.</summary>
internal sealed class ManualClock : TimeProvider
{
    private long _ticks = System.GetUtcNow().UtcTicks;

    public override DateTimeOffset GetUtcNow() => new(Interlocked.Read(ref _ticks), TimeSpan.Zero);

    public void Advance(TimeSpan by) => Interlocked.Add(ref _ticks, by.Ticks);
}
