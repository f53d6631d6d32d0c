using System.Globalization;
using System.Net.Sockets;

namespace Gatehouse.Load;

/// <summary>
/// Requests at moments fixed beforehand. A request that finds no connection free waits, and its latency counts from the moment at which it
/// should have left: a server that stalls is charged for everything that would have come meanwhile (no coordinated omission).
/// </summary>
internal sealed class OpenLoop(Uri url, byte[] request, int rate, int seconds)
{
    private readonly long[] _nanos = new long[(long)rate * seconds];
    private long _next = -1;
    private int _failed;

    /// <returns>Requests, failed ones, and latencies in µs: p50, p99, p99.9, longest.</returns>
    public string Run(int connections)
    {
        var exchanges = Enumerable.Range(0, connections).Select(_ => new Exchange(url)).ToArray();
        var start = Clock.Now + 200_000_000; // every thread is there by then
        var threads = exchanges.Select(e => new Thread(() => Work(e, start))).ToArray();
        Array.ForEach(threads, static t => t.Start());
        Array.ForEach(threads, static t => t.Join());
        Array.ForEach(exchanges, static e => e.Dispose());
        Array.Sort(_nanos);
        return string.Create(
            CultureInfo.InvariantCulture,
            $"RESULT {_nanos.Length} {_failed} {At(0.5):F0} {At(0.99):F0} {At(0.999):F0} {_nanos[^1] / 1000.0:F0}");
    }

    private void Work(Exchange exchange, long start)
    {
        Clock.BeExact();
        for (long index; (index = Interlocked.Increment(ref _next)) < _nanos.Length;)
        {
            var due = start + (index * 1_000_000_000 / rate);
            Clock.SleepUntil(due);
            try
            {
                Interlocked.Add(ref _failed, exchange.TrySend(request) ? 0 : 1);
            }
            catch (SocketException)
            {
                Interlocked.Increment(ref _failed);
            }

            _nanos[index] = Clock.Now - due;
        }
    }

    private double At(double share) => _nanos[(int)(share * (_nanos.Length - 1))] / 1000.0;
}
