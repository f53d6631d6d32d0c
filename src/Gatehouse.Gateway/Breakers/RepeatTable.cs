namespace Gatehouse.Gateway.Breakers;

/// <summary>
/// How often each fingerprint came within a time. Room for 4,096 of them, in sets of four: the one seen longest ago gives way, so a flood
/// of different ones makes it forget and never count wrong. Allocates nothing; a set is locked for a few comparisons.
/// </summary>
internal sealed class RepeatTable(TimeSpan window)
{
    private const int Sets = 1024;
    private const int Ways = 4;

    private readonly long _window = (long)window.TotalMicroseconds;
    private readonly Entry[] _entries = new Entry[Sets * Ways];
    private readonly Lock[] _locks = [.. Enumerable.Range(0, 16).Select(_ => new Lock())];

    /// <returns>How often it came, with this time.</returns>
    public int Count(ulong fingerprint, long nowMicros)
    {
        var set = (int)(fingerprint % Sets);
        lock (_locks[set % _locks.Length])
        {
            var entries = _entries.AsSpan(set * Ways, Ways);
            var oldest = 0;
            for (var i = 0; i < Ways; i++)
            {
                ref var entry = ref entries[i];
                if (entry.Fingerprint == fingerprint)
                {
                    if (nowMicros - entry.First > _window)
                    {
                        (entry.First, entry.Times) = (nowMicros, 0);
                    }

                    entry.Last = nowMicros;
                    return ++entry.Times;
                }

                oldest = entry.Last < entries[oldest].Last ? i : oldest;
            }

            entries[oldest] = new Entry { Fingerprint = fingerprint, First = nowMicros, Last = nowMicros, Times = 1 };
            return 1;
        }
    }

    /// <summary>Those that came more than once, most often first.</summary>
    /// <param name="most">How many of them at most.</param>
    public List<(ulong Fingerprint, int Times)> Repeated(long nowMicros, int most)
    {
        var found = new List<(ulong Fingerprint, int Times)>();
        for (var set = 0; set < Sets; set++)
        {
            lock (_locks[set % _locks.Length])
            {
                foreach (ref readonly var entry in _entries.AsSpan(set * Ways, Ways))
                {
                    if (entry.Times > 1 && nowMicros - entry.First <= _window)
                    {
                        found.Add((entry.Fingerprint, entry.Times));
                    }
                }
            }
        }

        found.Sort(static (a, b) => b.Times.CompareTo(a.Times));
        return found.Count > most ? found[..most] : found;
    }

    public void Clear() => Array.Clear(_entries);

    private struct Entry
    {
        public ulong Fingerprint;
        public long First; // microseconds
        public long Last;
        public int Times;
    }
}
