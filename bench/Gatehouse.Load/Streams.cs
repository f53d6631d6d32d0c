using System.Globalization;
using System.Net.Sockets;

namespace Gatehouse.Load;

/// <summary>Streams on many connections at once, each connection beginning the next when one has ended.</summary>
internal sealed class Streams(Uri url, byte[] request, int seconds)
{
    private readonly List<double> _firstBytes = []; // µs
    private int _failed;
    private long _receipts;

    /// <returns>Streams, failed ones, receipts, and the time to the first byte in µs: p50, p99.</returns>
    public string Run(int connections)
    {
        var start = Clock.Now + 200_000_000;
        var threads = Enumerable.Range(0, connections)
            .Select(i => new Thread(() => Work(start + ((long)i * 1_000_000_000 / connections), start))).ToArray();
        Array.ForEach(threads, static t => t.Start());
        Array.ForEach(threads, static t => t.Join());
        _firstBytes.Sort();
        return string.Create(
            CultureInfo.InvariantCulture,
            $"RESULT {_firstBytes.Count} {_failed} {_receipts} {_firstBytes[_firstBytes.Count / 2]:F0} {_firstBytes[(int)(0.99 * (_firstBytes.Count - 1))]:F0}");
    }

    /// <param name="from">The first second is for the connections to begin one after another.</param>
    private void Work(long from, long start)
    {
        Clock.BeExact();
        Clock.SleepUntil(from);
        using var exchange = new Exchange(url);
        while (Clock.Now < start + (seconds * 1_000_000_000L))
        {
            var sentAt = Clock.Now;
            var isGood = false;
            try
            {
                isGood = exchange.TrySend(request);
            }
            catch (SocketException)
            {
                // counted below
            }

            lock (_firstBytes)
            {
                _firstBytes.Add((exchange.FirstByteAt - sentAt) / 1000.0);
                _receipts += exchange.Receipts;
                _failed += isGood ? 0 : 1;
            }

            if (!isGood)
            {
                return;
            }
        }
    }
}
