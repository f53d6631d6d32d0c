using System.Collections.Concurrent;
using Gatehouse.Gateway.Routing;

namespace Gatehouse.Gateway.Resilience;

/// <summary>What second attempts have cost so far, by route: it outlives revisions of the configuration.</summary>
internal sealed class HedgeBook(TimeProvider clock)
{
    private readonly ConcurrentDictionary<string, HedgeMeter> _meters = new(StringComparer.Ordinal);

    /// <param name="route">As configured, so there are no more of them than routes.</param>
    public HedgeMeter Of(string route) => _meters.GetOrAdd(route, static (_, clock) => new HedgeMeter(clock), clock);
}

/// <summary>The worst case of a second attempt, on the day on which it is held: a day's money is that day's alone.</summary>
internal readonly record struct HedgeHold(long Nanos, long Day);

/// <summary>
/// Bounds the second attempts of one route. Each call earns a share of one, each second attempt takes a whole; of the money, the worst
/// case is held while a second attempt is under way, so that the limit is kept by calls that run at the same time too.
/// </summary>
internal sealed class HedgeMeter(TimeProvider clock)
{
    /// <summary>Second attempts that quiet times may save up.</summary>
    private const double MostSaved = 10;

    private readonly Lock _lock = new();
    private double _saved = 1; // the first slow call need not wait for enough others
    private long _spent; // nanos, held ones included
    private long _day;

    /// <summary>A call came that may want a second attempt.</summary>
    public void Came(Hedge hedge)
    {
        lock (_lock)
        {
            _saved = Math.Min(MostSaved, _saved + hedge.MaxShare);
        }
    }

    /// <param name="worstNanos">What the attempt may cost at most.</param>
    public bool TryTake(Hedge hedge, long worstNanos, out HedgeHold hold)
    {
        lock (_lock)
        {
            var day = clock.GetUtcNow().Ticks / TimeSpan.TicksPerDay;
            if (day != _day)
            {
                (_day, _spent) = (day, 0);
            }

            hold = new HedgeHold(worstNanos, day);

            if (_saved < 1 || (hedge.MaxCostNanos is { } most && _spent + worstNanos > most))
            {
                return false;
            }

            _saved--;
            _spent += worstNanos;
            return true;
        }
    }

    /// <summary>Nothing was sent.</summary>
    public void GiveBack(HedgeHold hold)
    {
        lock (_lock)
        {
            _saved++;
            _spent -= hold.Day == _day ? hold.Nanos : 0;
        }
    }

    /// <summary>Puts what the outrun attempt did cost in the place of what was held.</summary>
    public void Settle(HedgeHold hold, long nanos)
    {
        lock (_lock)
        {
            _spent += hold.Day == _day ? nanos - hold.Nanos : 0;
        }
    }
}
