using System.Collections.Concurrent;

namespace Gatehouse.Gateway.Limits;

/// <summary>Every count of this node. Calls find theirs through the <see cref="LimitTable"/>; the control plane walks them all and leases.</summary>
public sealed class AllowanceBook(TimeProvider clock)
{
    private readonly ConcurrentDictionary<AllowanceKey, Allowance> _all = new();
    private TaskCompletionSource _woken = New();

    /// <summary>A number of this run of the node: records and leases carry it, so that those of an earlier run are told apart.</summary>
    public long Run { get; } = clock.GetUtcNow().UtcTicks;

    public IEnumerable<Allowance> All => _all.Values;

    internal Allowance Find(LimitRule rule, string subject)
    {
        var key = new AllowanceKey(rule.Id, rule.Measure, subject);
        return _all.TryGetValue(key, out var known) ? known : _all.GetOrAdd(key, _ => new Allowance(this, rule, subject, clock.GetUtcNow()));
    }

    /// <summary>Whether this count is still the one that calls find.</summary>
    public void Remove(Allowance allowance) =>
        _all.TryRemove(new AllowanceKey(allowance.Rule.Id, allowance.Rule.Measure, allowance.Subject), out _);

    /// <summary>Rules of a new revision: counts go on, of those that changed under the new cap.</summary>
    internal void Change(IReadOnlyCollection<LimitRule> rules)
    {
        var byKey = rules.ToDictionary(r => (r.Id, r.Measure));
        foreach (var allowance in _all.Values)
        {
            if (byKey.TryGetValue((allowance.Rule.Id, allowance.Rule.Measure), out var rule) && rule != allowance.Rule)
            {
                allowance.Change(rule);
                allowance.Window.Ask();
            }
        }
    }

    /// <summary>Asks the control plane to look.</summary>
    public void Wake() => Volatile.Read(ref _woken).TrySetResult();

    /// <summary>For the one worker that leases: returns when somebody asks, or after <paramref name="most"/>.</summary>
    public async Task WaitAsync(TimeSpan most, CancellationToken ct)
    {
        using var tick = CancellationTokenSource.CreateLinkedTokenSource(ct);
        await Task.WhenAny(Volatile.Read(ref _woken).Task, Task.Delay(most, clock, tick.Token));
        await tick.CancelAsync();
        ct.ThrowIfCancellationRequested();
        Volatile.Write(ref _woken, New()); // before the look: who asks from here on is heard the next time
    }

    private static TaskCompletionSource New() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private readonly record struct AllowanceKey(Guid RuleId, Measure Measure, string Subject);
}
