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
/// <item>Closed → Open: a count reaches the threshold (<see cref="Enter"/> for what a request shows, <see cref="Settle"/> for what a call
/// comes to), or another node says so (<see cref="Adopt"/>).</item>
/// <item>Open → one probe at a time, when its time is over (<see cref="Enter"/>).</item>
/// <item>Probe → Closed, with counts from nothing, or Open again (<see cref="Settle"/>).</item>
/// <item>The change that was made last counts, on whichever node.</item>
/// </list>
/// </summary>
internal sealed class SystemBreaker
{
    private static readonly long LongestProbe = (long)TimeSpan.FromMinutes(5).TotalMicroseconds;

    private readonly Lock _lock = new();
    private readonly SlidingSum? _sum;
    private readonly RepeatTable? _repeats;
    private readonly Action<SystemBreaker, double> _changed;
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
            && _sum!.Add(now, tools.Length).Amount is var calls && calls >= Definition.Threshold)
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

        var (calls, amount) = _sum!.Add(now, Definition.Watch == BreakerWatch.Cost ? record.CostNanos ?? 0 : violates ? 1 : 0);
        var observed = Definition.Watch == BreakerWatch.Cost ? amount / (double)Nanos.PerUsd : amount / (double)calls;
        if (calls >= Definition.MinimumCalls && observed >= Definition.Threshold)
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

    private int Repetitions(ulong request, ReadOnlySpan<ulong> tools, long now, out ulong repeated)
    {
        repeated = request;
        var most = _repeats!.Count(request, now);
        foreach (var tool in tools)
        {
            if (_repeats.Count(tool, now) is var times && times > most)
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
        _probeAt = 0;
        Volatile.Write(ref _until, until);
        Volatile.Write(ref _changedAt, changedAt);
        _isOpen = open;
    }
}

/// <summary>Whose breaker it is.</summary>
/// <param name="Policy">The policy that it stands in.</param>
internal sealed record BreakerOwner(Guid TeamId, Guid SystemId, string System, SystemEnvironment Environment, string Policy);
