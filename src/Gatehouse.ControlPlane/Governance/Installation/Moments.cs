namespace Gatehouse.Governance;

/// <summary>The clock at the resolution that both databases keep.</summary>
internal static class Moments
{
    /// <summary>Cut to whole microseconds, so that an answer shows what a later read will.</summary>
    public static DateTimeOffset Now(this TimeProvider clock) => Cut(clock.GetUtcNow());

    public static DateTimeOffset Cut(DateTimeOffset instant) =>
        new(instant.UtcTicks - (instant.UtcTicks % TimeSpan.TicksPerMicrosecond), TimeSpan.Zero);
}
