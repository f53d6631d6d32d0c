using System.Collections.Concurrent;

namespace Gatehouse.Gateway.Limits;

/// <summary>
/// Every count of this node. Calls find theirs through the <see cref="LimitTable"/>; the control plane walks them all and leases.
/// </summary>
public sealed class AllowanceBook(TimeProvider clock)
{
    /// <summary>
    /// End users at a time of one rule that gives each their own: callers choose the names, and are not to fill the memory.
    /// </summary>
    public const int MaxUsers = 10_000;

    private readonly ConcurrentDictionary<AllowanceKey, Allowance> _all = new();
    private readonly ConcurrentDictionary<(Guid RuleId, Measure Measure), int> _users = new();
    private Dictionary<(Guid, Measure), LimitRule> _rules = []; // of the newest revision; replaced whole
    private TaskCompletionSource _woken = New();
    private volatile bool _isCutOff;
    private long _numbers;

    /// <summary>A number of this run of the node: records and leases carry it, so that those of an earlier run are told apart.</summary>
    public long Run { get; } = clock.GetUtcNow().UtcTicks;

    /// <summary>Nobody can lease: the database is away.</summary>
    public bool IsCutOff
    {
        get => _isCutOff;
        set => _isCutOff = value;
    }

    public IEnumerable<Allowance> All => _all.Values;

    /// <summary>What this node holds of hard budgets is another's, for good: no call takes of it any more.</summary>
    public void Forfeit()
    {
        IsCutOff = true;
        foreach (var allowance in _all.Values)
        {
            if (allowance.Rule.Measure == Measure.Money)
            {
                allowance.Forfeit(); // of what is made later nothing is granted
            }
        }
    }

    public bool IsEmpty => _all.IsEmpty;

    internal long NextNumber() => Interlocked.Increment(ref _numbers);

    /// <returns>One that <see cref="Allowance.IsBeyond"/> when the rule has as many end users as it may.</returns>
    internal Allowance Find(LimitRule rule, string subject) => Find(rule, subject, clock.GetUtcNow());

    /// <param name="began">When the call began: a count that it makes is of that period, as the ledger charges it.</param>
    internal Allowance Find(LimitRule rule, string subject, DateTimeOffset began)
    {
        var key = new AllowanceKey(rule.Id, rule.Measure, subject);
        if (_all.TryGetValue(key, out var known))
        {
            return known;
        }

        var made = new Allowance(this, rule, subject, began);
        if (!rule.Scope.IsPerUser)
        {
            return Newest(_all.GetOrAdd(key, made));
        }

        if (_users.GetValueOrDefault((rule.Id, rule.Measure)) >= MaxUsers)
        {
            made.IsBeyond = true;
            return made;
        }

        var found = _all.GetOrAdd(key, made);
        if (found == made)
        {
            _users.AddOrUpdate((rule.Id, rule.Measure), 1, static (_, count) => count + 1);
        }

        return Newest(found);
    }

    public void Remove(Allowance allowance)
    {
        var key = new AllowanceKey(allowance.Rule.Id, allowance.Rule.Measure, allowance.Subject);
        if (_all.TryRemove(new KeyValuePair<AllowanceKey, Allowance>(key, allowance)) && allowance.Rule.Scope.IsPerUser)
        {
            _users.AddOrUpdate((key.RuleId, key.Measure), 0, static (_, count) => count - 1);
        }
    }

    /// <summary>Removes a count of which nothing can be taken, unless a call has begun to wait for it.</summary>
    public bool TryForget(Allowance allowance)
    {
        Remove(allowance);
        var key = new AllowanceKey(allowance.Rule.Id, allowance.Rule.Measure, allowance.Subject);
        if (allowance.Window.Waiting == 0 || !_all.TryAdd(key, allowance))
        {
            return true;
        }

        _users.AddOrUpdate((key.RuleId, key.Measure), 1, static (_, count) => count + 1);
        return false;
    }

    /// <summary>Rules of a new revision: counts go on, of those that changed under the new cap.</summary>
    internal void Change(IReadOnlyCollection<LimitRule> rules)
    {
        Volatile.Write(ref _rules, rules.ToDictionary(r => (r.Id, r.Measure))); // before the walk: who adds a count looks after that
        foreach (var allowance in _all.Values)
        {
            Newest(allowance);
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

    /// <summary>A call of an older revision may have made the count.</summary>
    private Allowance Newest(Allowance allowance)
    {
        if (Volatile.Read(ref _rules).TryGetValue((allowance.Rule.Id, allowance.Rule.Measure), out var rule) && rule != allowance.Rule)
        {
            allowance.Change(rule);
            allowance.Ask();
        }

        return allowance;
    }

    private static TaskCompletionSource New() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private readonly record struct AllowanceKey(Guid RuleId, Measure Measure, string Subject);
}
