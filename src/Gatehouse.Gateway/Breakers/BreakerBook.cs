using System.Collections.Concurrent;
using System.Threading.Channels;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Routing;
using Gatehouse.Guardrails.Policies;

namespace Gatehouse.Gateway.Breakers;

/// <summary>How a breaker stands, as all nodes know it.</summary>
/// <param name="Until">When a call may try, in microseconds.</param>
/// <param name="ChangedAt">Microseconds; the last change counts.</param>
public sealed record SharedBreaker(Guid SystemId, SystemEnvironment Environment, string Name, bool IsOpen, long Until, long ChangedAt);

/// <summary>A breaker changed on this node.</summary>
/// <param name="Observed">What opened it, in the unit of its threshold.</param>
public sealed record BreakerChanged(
    Guid TeamId, string System, string Policy, GuardBreaker Breaker, double Observed, SharedBreaker State);

/// <summary>
/// The circuit breakers of systems on this node. Calls find theirs without a lock; changes go to the control plane, which tells the other
/// nodes. Safe from any thread.
/// </summary>
public sealed class BreakerBook(GatewayMetrics metrics)
{
    private const int QueueLength = 4096;

    private readonly ConcurrentDictionary<(Guid, SystemEnvironment), BreakerSet> _sets = [];
    private readonly Channel<BreakerChanged> _changed = Channel.CreateBounded<BreakerChanged>(
        new BoundedChannelOptions(QueueLength) { FullMode = BoundedChannelFullMode.DropOldest }); // the newest state matters
    private volatile IReadOnlyList<SharedBreaker> _shared = [];

    /// <summary>For the control plane.</summary>
    public ChannelReader<BreakerChanged> Changed => _changed.Reader;

    /// <summary>What all nodes know.</summary>
    public void Share(IReadOnlyList<SharedBreaker> shared)
    {
        _shared = shared;
        foreach (var one in shared)
        {
            if (_sets.TryGetValue((one.SystemId, one.Environment), out var set))
            {
                Adopt(set, one);
            }
        }
    }

    /// <summary>Whether calls came of a system that has any.</summary>
    public bool HasBreakers => !_sets.IsEmpty;

    /// <summary>What this node counted, for the others.</summary>
    public IReadOnlyList<BreakerCount> Counts(DateTimeOffset now) =>
        [.. _sets.Values.SelectMany(s => s.Breakers).SelectMany(b => b.Counts(CallBreakers.Micros(now)))];

    /// <summary>What all other nodes counted.</summary>
    public void Hear(IReadOnlyList<BreakerCount> counts, DateTimeOffset now)
    {
        var heard = counts.ToLookup(c => (c.SystemId, c.Environment, c.Name));
        foreach (var breaker in _sets.Values.SelectMany(s => s.Breakers))
        {
            breaker.Hear(heard[(breaker.Owner.SystemId, breaker.Owner.Environment, breaker.Definition.Name)], CallBreakers.Micros(now));
        }
    }

    /// <summary>The breakers of a system. To be asked only when its policy has any.</summary>
    internal BreakerSet Of(Principal principal, GuardPolicy policy) =>
        _sets.TryGetValue((principal.SystemId, principal.Environment), out var set) && set.IsOf(policy)
            ? set
            : Make(principal, policy, set);

    private BreakerSet Make(Principal principal, GuardPolicy policy, BreakerSet? before)
    {
        var owner = new BreakerOwner(principal.TeamId, principal.SystemId, principal.System, principal.Environment, policy.Name);
        var made = new BreakerSet(policy, [.. policy.Definition.Breakers.Select(
            b => before?.Breakers.FirstOrDefault(o => o.Definition == b && o.Owner == owner) ?? new SystemBreaker(owner, b, Tell))]);
        _sets[(principal.SystemId, principal.Environment)] = made;
        foreach (var one in _shared)
        {
            if (one.SystemId == principal.SystemId && one.Environment == principal.Environment)
            {
                Adopt(made, one);
            }
        }

        return made;
    }

    private static void Adopt(BreakerSet set, SharedBreaker shared)
    {
        foreach (var breaker in set.Breakers)
        {
            if (breaker.Definition.Name == shared.Name)
            {
                breaker.Adopt(shared);
            }
        }
    }

    private void Tell(SystemBreaker breaker, double observed)
    {
        var owner = breaker.Owner;
        metrics.BreakerChanged(breaker.Definition, breaker.IsOpen);
        _changed.Writer.TryWrite(new BreakerChanged(
            owner.TeamId, owner.System, owner.Policy, breaker.Definition, observed,
            new SharedBreaker(
                owner.SystemId, owner.Environment, breaker.Definition.Name, breaker.IsOpen, breaker.Until, breaker.ChangedAt)));
    }
}

/// <summary>The breakers of one system in one environment, in the order of its policy.</summary>
internal sealed class BreakerSet(GuardPolicy policy, SystemBreaker[] breakers)
{
    public SystemBreaker[] Breakers => breakers;

    /// <summary>Whether one of them looks at requests.</summary>
    public bool ReadsRequests { get; } = breakers.Any(b => b.Definition.Watch is BreakerWatch.Loops or BreakerWatch.ToolCallStorm);

    public bool IsOf(GuardPolicy current) => ReferenceEquals(policy, current);
}
