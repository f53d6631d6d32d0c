using Gatehouse.Gateway.Limits;

namespace Gatehouse.Governance;

/// <summary>
/// What this node holds of each count: leases what calls wait for and some ahead, gives back what lies idle, and tells how much of it is
/// used and in the ledger already. For one caller at a time.
/// </summary>
internal sealed class LeasedCounts(
    LeaseStore store, AllowanceBook book, JournalProgress journal, LiveNodes nodes, LeaseOutage outage, TimeProvider clock)
{
    /// <summary>For so many seconds of its present use a node pledges: until it takes the database for away for good.</summary>
    private const long PledgeSeconds = 8;

    private static readonly TimeSpan MovedFor = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan PrepareAhead = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan KeepPrevious = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan ForgetUnusedAfter = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan ForgetSettledAfter = TimeSpan.FromMinutes(10);

    private readonly Dictionary<AllowanceWindow, LeaseStanding> _standings = [];
    private int _lost;

    /// <summary>Of how many counts others had what this node held, since this was asked last.</summary>
    public int TakeLost()
    {
        var lost = _lost;
        _lost = 0;
        return lost;
    }

    /// <param name="isKnown">Whether there is such a rule.</param>
    public async Task LookAsync(Allowance allowance, bool isKnown, CancellationToken ct)
    {
        var now = clock.GetUtcNow();
        var window = allowance.Look(now);
        if (!isKnown || await TryForgetAsync(allowance, window, ct))
        {
            book.Remove(allowance);
            foreach (var gone in allowance.Others.Add(window))
            {
                _standings.Remove(gone);
            }

            if (allowance.Next is { } coming)
            {
                _standings.Remove(coming);
            }

            return;
        }

        var rule = allowance.Rule;
        if (!rule.Enforced)
        {
            return;
        }

        var isWanted = window.IsAsking || window.Waiting > 0 || window.Used > 0
            || (!rule.Scope.IsPerUser && rule.Period != LimitPeriod.Minute);
        await SyncAsync(allowance, window, isWanted, ct);
        var isNear = rule.Period != LimitPeriod.Total && window.Used > 0 && window.Until - now < PrepareAhead;
        if ((isNear ? allowance.Prepare() : allowance.Next) is { } next && (next.IsAsking || (isNear && next.Granted == 0)))
        {
            await SyncAsync(allowance, next, true, ct);
        }

        // Calls that began in the last period, or when the clock was another one: they wait for their hold, or settle.
        foreach (var other in allowance.Others)
        {
            if (other.Waiting > 0
                || (rule.Measure == Measure.Money && now < other.Until + KeepPrevious && _standings.ContainsKey(other)))
            {
                await SyncAsync(allowance, other, other.Waiting > 0, ct);
            }
            else
            {
                other.Answering(); // nobody needs any of it
            }
        }
    }

    /// <summary>Forgets periods of which nothing new is taken; their leases go with them.</summary>
    public void Tidy()
    {
        var over = clock.GetUtcNow() - KeepPrevious;
        foreach (var window in _standings.Keys.Where(w => w.Until <= over && !w.IsKept).ToList())
        {
            _standings.Remove(window);
        }
    }

    /// <summary>No call is under way any more: tells what was used of each minute, and of money what the ledger does not have.</summary>
    /// <returns>Whether the ledger has all, so that nothing need be held any more.</returns>
    public async Task<bool> TellLastAsync(CancellationToken ct)
    {
        foreach (var allowance in book.All)
        {
            var (window, isMoney) = (allowance.Window, allowance.Rule.Measure == Measure.Money);
            if (!_standings.TryGetValue(window, out var standing) || standing.SyncedAt == 0)
            {
                continue;
            }

            window.TakeBack(long.MaxValue);
            standing.LookAtLedger(window, journal);
            if (isMoney ? standing.Recorded != window.Used : standing.HasMoved(window))
            {
                var told = Request(allowance, allowance.Rule, window, window.Used, 0) with { IsAnew = true };
                await store.SyncAsync(journal.NodeId, book.Run, told, ct);
            }
        }

        return journal.IsWhole;
    }

    private LeaseStanding StandingOf(AllowanceWindow window)
    {
        if (!_standings.TryGetValue(window, out var standing))
        {
            _standings.Add(window, standing = new LeaseStanding());
        }

        return standing;
    }

    /// <param name="isWanted">Whether a count that was never leased is to be.</param>
    private async Task SyncAsync(Allowance allowance, AllowanceWindow window, bool isWanted, CancellationToken ct)
    {
        var (standing, rule, now) = (StandingOf(window), allowance.Rule, clock.GetTimestamp());
        if (rule.Measure == Measure.Money)
        {
            standing.LookAtLedger(window, journal);
        }

        var recent = standing.Look(window, now, clock);
        var waiting = window.Waiting;
        var starving = waiting > 0 && window.Spare < window.WaitingEach;
        var isWantedElsewhere = nodes.IsWanted(rule, allowance.Subject, window);
        var stock = isWantedElsewhere ? recent : Stock(rule, window, standing, recent);
        var keep = rule.Measure switch
        {
            Measure.Money => stock,
            Measure.Concurrency => Math.Max(1, window.Underway),
            _ => recent,
        };
        var idle = nodes.Count > 1 && waiting == 0 && window.Spare > (2 * keep) + (isWantedElsewhere ? 0 : rule.Cap / 100);
        var stale = standing.HasMoved(window) && clock.GetElapsedTime(standing.SyncedAt, now) >= MovedFor;
        var wantsNoMore = standing.IsWanted && waiting == 0; // the call went away: the others are to know
        if (!window.IsAsking && !starving && !idle && !stale && !wantsNoMore && (standing.SyncedAt != 0 || !isWanted))
        {
            return;
        }

        window.Answering();
        rule = allowance.Rule; // after: a change from here on asks anew
        try
        {
            if (nodes.Count > 1 && window.Pledged == long.MaxValue)
            {
                window.Pledge(window.Used + Pledged(rule, window, recent)); // lower, before the database is told
            }

            if (nodes.Count > 1 && starving)
            {
                window.TakeBack(long.MaxValue);
            }
            else if (idle)
            {
                window.TakeBack(window.Spare - keep);
            }

            var pledge = Pledge(rule, window, recent);
            var told = Request(allowance, rule, window, pledge, idle ? 0 : Ahead(window, Math.Max(2 * recent, stock)));
            var answer = await TellAsync(told, ct);
            if (answer.IsLost)
            {
                _lost += standing.SyncedAt == 0 || answer.IsRuleGone ? 0 : 1; // of a share that was never leased nothing is lost
                window.TakeBack(long.MaxValue);
                told = Request(allowance, rule, window, Math.Max(window.Used, window.Granted), 0) with { IsAnew = true };
                answer = await TellAsync(told, ct);
                pledge = told.Pledge;
                window.Ask();
            }
            else if (answer.Free < 0 && window.TakeBack(-answer.Free) > 0)
            {
                told = Request(allowance, rule, window, pledge, 0);
                answer = await TellAsync(told, ct);
            }

            window.Pledge(pledge);
            var canHaveMore = pledge < window.Granted + answer.More ? pledge - window.Used : answer.Free > 0 ? answer.More : 0;
            window.Grant(answer.More, answer.Others, canHaveMore / 2);
            standing.Synced(told, answer, now);
        }
        catch
        {
            window.Ask(); // it was not answered
            throw;
        }
    }

    private Task<LeaseAnswer> TellAsync(LeaseRequest told, CancellationToken ct) =>
        outage.AskAsync(limit => store.SyncAsync(journal.NodeId, book.Run, told, limit), ct);

    /// <summary>
    /// What to hold beyond what is used, of several nodes: of money what calls go on with while the database is away, about a minute's use
    /// or a small part of the cap, and no more than an even part of what is left.
    /// </summary>
    private long Stock(LimitRule rule, AllowanceWindow window, LeaseStanding standing, long recent)
    {
        var part = rule.Cap / (16 * nodes.Count);
        if (rule.Measure != Measure.Money)
        {
            return Math.Max(recent, part);
        }

        var share = (window.Spare + (standing.Free ?? rule.Cap)) / (nodes.Count + 1); // with which half of what is left stays free
        return Math.Max(recent, Math.Min(Math.Max(standing.Minute, part), share));
    }

    /// <summary>Never less than was pledged before.</summary>
    private long Pledge(LimitRule rule, AllowanceWindow window, long recent) =>
        nodes.Count == 1 ? long.MaxValue : Math.Max(window.Pledged, window.Used + Pledged(rule, window, recent));

    /// <summary>What calls wait for, and some seconds' use or a small part of the cap.</summary>
    private long Pledged(LimitRule rule, AllowanceWindow window, long recent) =>
        window.Waiting + Math.Max(1, Math.Max(PledgeSeconds * recent, rule.Cap / (64 * nodes.Count)));

    private LeaseRequest Request(Allowance allowance, LimitRule rule, AllowanceWindow window, long pledge, long ahead)
    {
        var consumed = window.Consumed; // before what is used: that holds it
        var (used, recorded) = (window.Used, StandingOf(window).Recorded);
        var need = Math.Max(0, window.Waiting - window.Spare);
        return new LeaseRequest(
            rule, allowance.Subject, window.From, window.Until, window.Granted, used, used - consumed, recorded, pledge, need,
            window.WaitingEach, ahead, nodes.Count);
    }

    private long Ahead(AllowanceWindow window, long stock) => nodes.Count == 1 ? long.MaxValue : Math.Max(0, stock - window.Spare);

    /// <summary>
    /// Gives back what an end user holds who does not call. What they used for good is forgotten only with the period, or once the
    /// ledger has all of it.
    /// </summary>
    private async Task<bool> TryForgetAsync(Allowance allowance, AllowanceWindow window, CancellationToken ct)
    {
        if (!allowance.Rule.Scope.IsPerUser)
        {
            return false;
        }

        var standing = StandingOf(window);
        var used = window.Used;
        if (standing.IdleFor(window, clock) < (used == 0 ? ForgetUnusedAfter : ForgetSettledAfter)
            || (used > 0 && (allowance.Rule.Measure != Measure.Money || standing.Recorded != used)))
        {
            return false;
        }

        standing.IsLookedAt();
        window.TakeBack(long.MaxValue); // a call that comes meanwhile waits
        allowance.Next?.TakeBack(long.MaxValue);
        if (window is not { Waiting: 0, Underway: 0 } || window.Used != used || allowance.Next is { Used: > 0 }
            || allowance.Window != window)
        {
            return false;
        }

        if (standing.SyncedAt != 0)
        {
            await outage.AskAsync(
                limit => store.ForgetAsync(journal.NodeId, book.Run, allowance.Rule, allowance.Subject, window.From, limit), ct);
        }

        return book.TryForget(allowance);
    }
}
