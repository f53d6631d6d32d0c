using Gatehouse.Contracts;
using Gatehouse.Gateway.Journal;
using Gatehouse.Guardrails.Policies;

namespace Gatehouse.Gateway.Breakers;

/// <summary>What a breaker says to a call.</summary>
internal enum BreakerSays
{
    Pass,

    /// <summary>It passes, and its outcome decides whether the breaker closes.</summary>
    Probe,

    /// <summary>What the breaker does while it is open.</summary>
    Act,
}

/// <summary>
/// One circuit breaker of one system in one environment, on this node. Safe from any thread; the lock guards a change of state and nothing
/// else.
/// <list type="number">
/// <item>What is counted is what this node saw, and what the others told that they saw since the last change (<see cref="Hear"/>).</item>
/// <item>Closed → Open: a count reaches the threshold (<see cref="Enter"/> for what a request shows, <see cref="Settle"/> for what a call
/// comes to, <see cref="Hear"/> for what others counted), or another node says so (<see cref="Adopt"/>).</item>
/// <item>Open → one probe at a time, when its time is over (<see cref="Enter"/>).</item>
/// <item>Probe → Closed, with counts from nothing, or Open again (<see cref="Settle"/>).</item>
/// <item>The change that was made last counts, on whichever node.</item>
/// </list>
/// </summary>
internal sealed class SystemBreaker
{
    /// <summary>Most repetitions that a node tells the others of.</summary>
    private const int MostTold = 64;

    private static readonly long LongestProbe = (long)TimeSpan.FromMinutes(5).TotalMicroseconds;

    private readonly Lock _lock = new();
    private readonly SlidingSum? _sum;
    private readonly RepeatTable? _repeats;
    private readonly Action<SystemBreaker, double> _changed;
    private volatile Elsewhere _elsewhere = Elsewhere.Nothing;
    private volatile bool _isOpen;
    private long _until; // microseconds
    private long _changedAt;
    private long _probeAt;
    private ulong _repeated; // what opened it

    /// <param name="changed">Told of each change made here, with what was observed.</param>
    public SystemBreaker(BreakerOwner owner, GuardBreaker definition, Action<SystemBreaker, double> changed)
    {
        (Owner, Definition, _changed) = (owner, definition, changed);
        _repeats = definition.Watch == BreakerWatch.Loops ? new RepeatTable(definition.Window) : null;
        _sum = _repeats is null ? new SlidingSum(definition.Window) : null;
    }

    public BreakerOwner Owner { get; }

    public GuardBreaker Definition { get; }

    public bool IsOpen => _isOpen;

    /// <summary>When a call may try; meaningless while closed. Microseconds.</summary>
    public long Until => Volatile.Read(ref _until);

    /// <summary>When it last changed, in microseconds; 0 when it never did.</summary>
    public long ChangedAt => Volatile.Read(ref _changedAt);

    /// <summary>A call comes; what it shows is counted.</summary>
    /// <param name="request">Its fingerprint.</param>
    /// <param name="tools">Fingerprints of the tools whose results it brings.</param>
    public BreakerSays Enter(ulong request, ReadOnlySpan<ulong> tools, long now)
    {
        if (_isOpen)
        {
            return TryProbe(request, tools, now);
        }

        if (Definition.Watch == BreakerWatch.Loops)
        {
            var most = Repetitions(request, tools, now, out var repeated);
            if (most >= Definition.Threshold)
            {
                Open(now, most, repeated);
            }
        }
        else if (Definition.Watch == BreakerWatch.ToolCallStorm && tools.Length > 0
            && _sum!.Add(now, tools.Length).Amount + Others(now).Amount is var calls && calls >= Definition.Threshold)
        {
            Open(now, calls, 0);
        }

        return _isOpen ? BreakerSays.Act : BreakerSays.Pass;
    }

    /// <summary>A call that was let through has ended.</summary>
    public void Settle(CallRecord record, bool isProbe, long now)
    {
        var violates = Definition.Watch == BreakerWatch.ViolationRate && record.Guard?.Verdict >= Definition.From;
        if (isProbe)
        {
            if (violates)
            {
                Open(now, 1, _repeated, again: true);
            }
            else
            {
                Close(now);
            }

            return;
        }

        if (_isOpen || Definition.Watch is BreakerWatch.Loops or BreakerWatch.ToolCallStorm)
        {
            return; // a call that began before it opened changes nothing
        }

        Judge(_sum!.Add(now, Definition.Watch == BreakerWatch.Cost ? record.CostNanos ?? 0 : violates ? 1 : 0), now);
    }

    /// <summary>What this node counted since the last change and within the window; nothing while it is open.</summary>
    public IEnumerable<BreakerCount> Counts(long now)
    {
        var generation = ChangedAt;
        if (_isOpen)
        {
            yield break;
        }

        if (_repeats is not null)
        {
            foreach (var (fingerprint, times) in _repeats.Repeated(now, MostTold))
            {
                yield return Count(unchecked((long)fingerprint), times, 0);
            }
        }
        else if (_sum!.Read(now) is { Calls: > 0 } sums)
        {
            yield return Count(0, sums.Calls, sums.Amount);
        }

        BreakerCount Count(long fingerprint, long calls, long amount) => new(
            Owner.TeamId, Owner.SystemId, Owner.Environment, Definition.Name, fingerprint, calls, amount, generation);
    }

    /// <summary>What all other nodes counted. It replaces what they told before.</summary>
    public void Hear(IEnumerable<BreakerCount> counts, long now)
    {
        var (calls, amount, times) = (0L, 0L, (Dictionary<ulong, int>?)null);
        foreach (var count in counts)
        {
            if (count.Generation != ChangedAt)
            {
                continue; // of before a change that the one or the other has not heard of
            }

            if (count.Fingerprint == 0)
            {
                (calls, amount) = (calls + count.Calls, amount + count.Amount);
            }
            else
            {
                var fingerprint = unchecked((ulong)count.Fingerprint);
                times ??= [];
                times[fingerprint] = times.GetValueOrDefault(fingerprint) + (int)Math.Min(count.Calls, int.MaxValue / 2);
            }
        }

        _elsewhere = calls == 0 && times is null ? Elsewhere.Nothing : new Elsewhere(now, calls, amount, times);
        if (!_isOpen && _sum is not null && calls > 0)
        {
            Judge(_sum.Read(now), now);
        }
    }

    /// <summary>Opens where the sums of all nodes reach the threshold.</summary>
    private void Judge((long Calls, long Amount) here, long now)
    {
        var elsewhere = Others(now);
        var (calls, amount) = (here.Calls + elsewhere.Calls, here.Amount + elsewhere.Amount);
        var observed = Definition.Watch switch
        {
            BreakerWatch.Cost => amount / (double)Nanos.PerUsd,
            BreakerWatch.ViolationRate => amount / (double)calls,
            _ => amount,
        };
        if ((calls >= Definition.MinimumCalls || Definition.Watch == BreakerWatch.ToolCallStorm) && observed >= Definition.Threshold)
        {
            Open(now, observed, 0);
        }
    }

    /// <summary>The call that was to be the probe does not go on.</summary>
    public void GiveUp()
    {
        lock (_lock)
        {
            _probeAt = 0;
        }
    }

    /// <summary>Another node, or a person, has changed it.</summary>
    public void Adopt(SharedBreaker shared)
    {
        lock (_lock)
        {
            if (shared.ChangedAt <= _changedAt)
            {
                return;
            }

            Become(shared.IsOpen, shared.Until, shared.ChangedAt);
        }
    }

    private BreakerSays TryProbe(ulong request, ReadOnlySpan<ulong> tools, long now)
    {
        if (now < Until)
        {
            return BreakerSays.Act;
        }

        lock (_lock)
        {
            if (!_isOpen)
            {
                return BreakerSays.Pass;
            }

            if (now < _until || (_probeAt != 0 && now - _probeAt < LongestProbe))
            {
                return BreakerSays.Act;
            }

            _probeAt = now;
        }

        if (_repeated != 0 && (request == _repeated || tools.Contains(_repeated)))
        {
            Open(now, Definition.Threshold, _repeated, again: true); // it goes on as it did
            return BreakerSays.Act;
        }

        return BreakerSays.Probe;
    }

    /// <summary>Not longer than a window: nodes that are not heard of count nothing new, and what they counted is over.</summary>
    private Elsewhere Others(long now)
    {
        var told = _elsewhere;
        return now - told.At > Definition.Window.Ticks / TimeSpan.TicksPerMicrosecond ? Elsewhere.Nothing : told;
    }

    private int Repetitions(ulong request, ReadOnlySpan<ulong> tools, long now, out ulong repeated)
    {
        repeated = request;
        var elsewhere = Others(now);
        var most = _repeats!.Count(request, now) + elsewhere.Times(request);
        foreach (var tool in tools)
        {
            if (_repeats.Count(tool, now) + elsewhere.Times(tool) is var times && times > most)
            {
                (most, repeated) = (times, tool);
            }
        }

        return most;
    }

    private void Open(long now, double observed, ulong repeated, bool again = false)
    {
        lock (_lock)
        {
            if (_isOpen && !again)
            {
                return;
            }

            Become(open: true, now + (long)Definition.For.TotalMicroseconds, Math.Max(now, _changedAt + 1));
            _repeated = repeated;
        }

        _changed(this, observed);
    }

    private void Close(long now)
    {
        lock (_lock)
        {
            if (!_isOpen)
            {
                return;
            }

            Become(open: false, 0, Math.Max(now, _changedAt + 1));
        }

        _changed(this, 0);
    }

    private void Become(bool open, long until, long changedAt)
    {
        _sum?.Clear();
        _repeats?.Clear();
        _elsewhere = Elsewhere.Nothing;
        _probeAt = 0;
        Volatile.Write(ref _until, until);
        Volatile.Write(ref _changedAt, changedAt);
        _isOpen = open;
    }

    /// <summary>What the other nodes counted. Immutable.</summary>
    private sealed class Elsewhere(long at, long calls, long amount, Dictionary<ulong, int>? times)
    {
        public static readonly Elsewhere Nothing = new(0, 0, 0, null);

        public long At => at;

        public long Calls => calls;

        public long Amount => amount;

        public int Times(ulong fingerprint) => times is null ? 0 : times.GetValueOrDefault(fingerprint);
    }
}

/// <summary>Whose breaker it is.</summary>
/// <param name="Policy">The policy that it stands in.</param>
internal sealed record BreakerOwner(Guid TeamId, Guid SystemId, string System, SystemEnvironment Environment, string Policy);
