namespace Gatehouse.Gateway.Breakers;

/// <summary>
/// Calls and an amount over a time that moves along, in ten slices. Takes no lock and allocates nothing; what is added in the very moment
/// in which a slice begins may be lost.
/// </summary>
internal sealed class SlidingSum(TimeSpan window)
{
    private const int Slices = 10;

    private readonly long _length = Math.Max(1, (long)(window.TotalMicroseconds / Slices));
    private readonly long[] _numbers = new long[Slices];
    private readonly long[] _calls = new long[Slices];
    private readonly long[] _amounts = new long[Slices];

    /// <returns>The sums with it.</returns>
    public (long Calls, long Amount) Add(long nowMicros, long amount)
    {
        var number = nowMicros / _length;
        var at = number % Slices;
        var known = Volatile.Read(ref _numbers[at]);
        if (known != number && Interlocked.CompareExchange(ref _numbers[at], number, known) == known)
        {
            Volatile.Write(ref _calls[at], 0);
            Volatile.Write(ref _amounts[at], 0);
        }

        Interlocked.Increment(ref _calls[at]);
        Interlocked.Add(ref _amounts[at], amount);
        return Sums(number);
    }

    /// <returns>The sums as they are.</returns>
    public (long Calls, long Amount) Read(long nowMicros) => Sums(nowMicros / _length);

    private (long Calls, long Amount) Sums(long number)
    {
        var (calls, sum) = (0L, 0L);
        for (var i = 0; i < Slices; i++)
        {
            if (Volatile.Read(ref _numbers[i]) > number - Slices)
            {
                calls += Volatile.Read(ref _calls[i]);
                sum += Volatile.Read(ref _amounts[i]);
            }
        }

        return (calls, sum);
    }

    public void Clear()
    {
        Array.Clear(_calls);
        Array.Clear(_amounts);
    }
}
