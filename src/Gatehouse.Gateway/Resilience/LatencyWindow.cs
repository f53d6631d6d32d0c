namespace Gatehouse.Gateway.Resilience;

/// <summary>
/// The last times to the first byte of one target, for percentiles. Safe from any thread; a torn picture is off by one answer.
/// </summary>
internal sealed class LatencyWindow
{
    /// <summary>Answers below which a percentile says nothing.</summary>
    public const int Least = 20;

    private const int Size = 128;

    private readonly long[] _micros = new long[Size];
    private int _count;

    public void Add(long micros)
    {
        var turn = (uint)(Interlocked.Increment(ref _count) - 1);
        Volatile.Write(ref _micros[turn % Size], Math.Max(micros, 1));
    }

    /// <param name="percentile">From 1 to 99.</param>
    /// <returns><see langword="null"/> until enough is known.</returns>
    public long? Percentile(int percentile)
    {
        var count = (int)Math.Min((uint)Volatile.Read(ref _count), Size);
        if (count < Least)
        {
            return null;
        }

        Span<long> sorted = stackalloc long[count];
        _micros.AsSpan(0, count).CopyTo(sorted);
        sorted.Sort();
        return sorted[Math.Min(count - 1, (int)Math.Ceiling(percentile / 100.0 * count) - 1)];
    }
}
