using Gatehouse.Contracts;
using Gatehouse.Gateway.Journal;
using Gatehouse.Gateway.Limits;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Gatehouse.Governance;

/// <summary>
/// Keeps this node supplied with leases of budgets and limits, off the way of calls:
/// <list type="number">
/// <item>A node that is alone holds all that is free; of several each holds what it lately used, and gives back what lies idle.</item>
/// <item>Of what it holds a node uses no more than it pledged to the database before, so that the others lose little when it dies. While it
/// is alone, or the database away, that is all.</item>
/// <item>A node that cannot serve a waiting call gives back what it holds too little of, so that parts do not lie about on every
/// node.</item>
/// <item>What an earlier run of this node held is given back when everything it journalled is in the ledger. What a silent node
/// had not pledged to use is taken by the others after four seconds, the rest after two minutes.</item>
/// <item>Counts that calls wait for come first. What an end user holds of a rule that gives each their own is leased when they call, and
/// given back and forgotten when they do not.</item>
/// <item>While the database is away calls go on with what is held; rates, which begin anew each minute, with an even share.</item>
/// </list>
/// </summary>
internal sealed partial class LeaseWorker(
    LeaseStore store, AllowanceBook book, Snapshot<GovernanceTables> tables, TablesStanding standing, CallJournal journal,
    TimeProvider clock, ILogger<LeaseWorker> log)
    : BackgroundService
{
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan HungryTick = TimeSpan.FromMilliseconds(25);
    private static readonly TimeSpan BeatEvery = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan LiveFor = TimeSpan.FromSeconds(4);
    private static readonly TimeSpan GoneAfter = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan PrepareAhead = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan ForgetUnusedAfter = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan ForgetSettledAfter = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan LongestRound = TimeSpan.FromMilliseconds(100);

    private readonly Dictionary<string, Neighbour> _nodes = [];
    private readonly Dictionary<AllowanceWindow, Standing> _standings = [];
    private readonly JournalPosition _start = journal.End;
    private long _beatAt;
    private bool _earlierReleased;
    private volatile bool _replayed;
    private bool _failing;
    private int _live = standing.Nodes;

    /// <summary>Everything of this node's journal up to <paramref name="upTo"/> is in the ledger.</summary>
    public void Drained(JournalPosition upTo)
    {
        if (!_replayed && (upTo.Segment > _start.Segment || (upTo.Segment == _start.Segment && upTo.Offset >= _start.Offset)))
        {
            _replayed = true;
            book.Wake();
        }
    }

    /// <summary>Stopped after the ledger was flushed: what this node still holds is spare.</summary>
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        try
        {
            await store.ReleaseAsync(journal.NodeId, cancellationToken);
        }
#pragma warning disable CA1031 // The next start, or another node, gives it back.
        catch (Exception e)
#pragma warning restore CA1031
        {
            Tell(e);
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await BeatAsync(stoppingToken);
                await SyncAsync(stoppingToken);
                _failing = false;
                book.IsCutOff = false;
            }
#pragma warning disable CA1031 // The database may be away for a while: calls go on with what is held.
            catch (Exception e) when (!stoppingToken.IsCancellationRequested)
#pragma warning restore CA1031
            {
                if (!_failing)
                {
                    Tell(e);
                }

                book.IsCutOff = _failing || standing.IsFromDisk; // one failure may be two nodes that were in each other's way
                _failing = true;
                GrantShares();
            }

            var hungry = _failing ? false : book.All.Any(a => a.Window.Waiting > 0);
            if (_failing)
            {
                await Task.Delay(Tick, clock, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
            else
            {
                await book.WaitAsync(hungry ? HungryTick : Tick, stoppingToken);
            }
        }
    }

    private void Tell(Exception e)
    {
        if (!standing.IsFromDisk) // else the start has told
        {
            LeasesFailed(e);
        }
    }

    private async Task BeatAsync(CancellationToken ct)
    {
        if (_replayed && !_earlierReleased)
        {
            await store.ReleaseEarlierAsync(journal.NodeId, book.Run, ct);
            _earlierReleased = true;
            foreach (var allowance in book.All)
            {
                allowance.Window.Ask();
            }
        }

        var now = clock.GetTimestamp();
        if (_beatAt != 0 && clock.GetElapsedTime(_beatAt, now) < BeatEvery)
        {
            return;
        }

        var beats = await store.BeatAsync(journal.NodeId, book.Run, ct);
        now = clock.GetTimestamp();

        // Nobody could beat while the database was away, for all that is known here.
        var blind = _failing || (_beatAt != 0 && clock.GetElapsedTime(_beatAt, now) > LiveFor);
        _beatAt = now;
        var before = _live;
        var isMore = false;
        _live = 1;
        foreach (var (node, beat) in beats.Where(b => b.Node != journal.NodeId))
        {
            if (blind || !_nodes.TryGetValue(node, out var seen) || seen.Beat != beat)
            {
                _nodes[node] = seen = new Neighbour(beat, now, IsSilent: false);
            }

            if (clock.GetElapsedTime(seen.SeenAt, now) >= GoneAfter)
            {
                await store.ReleaseAsync(node, ct);
                _nodes.Remove(node);
                NodeGone(node);
            }
            else if (clock.GetElapsedTime(seen.SeenAt, now) < LiveFor)
            {
                _live++;
            }
            else if (!seen.IsSilent)
            {
                await store.ReleaseUnpledgedAsync(node, ct);
                _nodes[node] = seen with { IsSilent = true };
                isMore = true;
                NodeSilent(node);
            }
        }

        standing.Nodes = _live;
        if (_live > before || isMore)
        {
            foreach (var allowance in book.All)
            {
                allowance.Window.Ask(); // what one node held alone is to be shared
            }
        }
    }

    private async Task SyncAsync(CancellationToken ct)
    {
        var now = clock.GetUtcNow();
        var began = clock.GetTimestamp();
        var rules = tables.Current.Limits.ToDictionary(r => (r.Id, r.Measure));
        foreach (var (allowance, isAwaited) in book.All.Select(a => (a, a.Window.Waiting > 0)).OrderByDescending(a => a.Item2))
        {
            if (isAwaited)
            {
                began = clock.GetTimestamp(); // the rest has its own time, so that it has its turn too
            }

            var window = allowance.Current(now);
            if (!rules.TryGetValue((allowance.Rule.Id, allowance.Rule.Measure), out var rule)
                || await TryForgetAsync(allowance, window, ct))
            {
                book.Remove(allowance);
                _standings.Remove(window);
            }
            else if (rule.Enforced)
            {
                var isWanted = window.IsAsking || window.Waiting > 0 || window.Used > 0
                    || (!rule.Scope.IsPerUser && rule.Period != LimitPeriod.Minute);
                await SyncAsync(rule, allowance, window, isWanted, ct);
                if (rule.Period != LimitPeriod.Total && window.Used > 0 && window.Until - now < PrepareAhead
                    && allowance.Prepare() is { Granted: 0 } next)
                {
                    await SyncAsync(rule, allowance, next, true, ct);
                }
            }

            if (!isAwaited && clock.GetElapsedTime(began) > LongestRound && book.All.Any(a => a.Window.Waiting > 0))
            {
                return; // the next round begins with them
            }
        }

        foreach (var window in _standings.Keys.Where(w => w.Until <= now).ToList())
        {
            _standings.Remove(window); // nothing new is taken of it, and its lease goes with the period
        }
    }

    private Standing StandingOf(AllowanceWindow window)
    {
        if (!_standings.TryGetValue(window, out var standing))
        {
            _standings.Add(window, standing = new Standing());
        }

        return standing;
    }

    /// <param name="isWanted">Whether a count that was never leased is to be.</param>
    private async Task SyncAsync(LimitRule rule, Allowance allowance, AllowanceWindow window, bool isWanted, CancellationToken ct)
    {
        var standing = StandingOf(window);
        var now = clock.GetTimestamp();
        var recent = standing.Look(window, now, clock);
        var waiting = window.Waiting;
        var starving = waiting > 0 && window.Spare < window.WaitingEach;
        var keep = rule.Measure == Measure.Concurrency ? Math.Max(1, window.Underway) : recent;
        var idle = _live > 1 && waiting == 0 && window.Spare > (2 * keep) + (rule.Cap / 100);
        var stale = standing.HasMoved(window) && clock.GetElapsedTime(standing.SyncedAt, now) >= BeatEvery;
        if (!window.IsAsking && !starving && !idle && !stale && (standing.SyncedAt != 0 || !isWanted))
        {
            return;
        }

        window.Answering();
        if (_live > 1 && window.Pledged == long.MaxValue)
        {
            window.Pledge(window.Used);
        }

        if (_live > 1 && starving)
        {
            window.TakeBack(long.MaxValue);
        }
        else if (idle)
        {
            window.TakeBack(window.Spare - keep);
        }

        var pledge = Pledge(rule, window, recent);
        var told = Request(rule, allowance, window, pledge, idle ? 0 : Ahead(rule, window, recent));
        var answer = await store.SyncAsync(journal.NodeId, book.Run, told, ct);
        if (answer.Free < 0 && window.TakeBack(-answer.Free) > 0)
        {
            told = Request(rule, allowance, window, pledge, 0);
            answer = await store.SyncAsync(journal.NodeId, book.Run, told, ct);
        }

        if (answer.IsLost)
        {
            LeaseLost(rule.Name);
            allowance.Restart(clock.GetUtcNow());
            allowance.Window.Ask();
            return;
        }

        window.Pledge(pledge);
        var canHaveMore = pledge < window.Granted + answer.More ? pledge - window.Used : answer.Free > 0 ? answer.More : 0;
        window.Grant(answer.More, answer.Others, canHaveMore / 2);
        standing.Synced(told, now);
    }

    /// <summary>What calls wait for, and about a second's use or a small part of the cap; never less than was pledged before.</summary>
    private long Pledge(LimitRule rule, AllowanceWindow window, long recent) => _live == 1
        ? long.MaxValue
        : Math.Max(window.Pledged, window.Used + window.Waiting + Math.Max(1, Math.Max(recent, rule.Cap / (64 * _live))));

    private LeaseRequest Request(LimitRule rule, Allowance allowance, AllowanceWindow window, long pledge, long ahead)
    {
        var need = Math.Max(0, window.Waiting - window.Spare);
        return new LeaseRequest(
            rule, allowance.Subject, window.From, window.Until, window.Granted, window.Used, window.Underway, pledge, need,
            window.WaitingEach, ahead, _live);
    }

    private long Ahead(LimitRule rule, AllowanceWindow window, long recent) =>
        _live == 1 ? long.MaxValue : Math.Max(0, Math.Max(2 * recent, rule.Cap / (16 * _live)) - window.Spare);

    /// <summary>
    /// Rates and concurrency go on with an even share: nobody can lease, and refusing every call would be worse than being a little off.
    /// </summary>
    private void GrantShares()
    {
        foreach (var allowance in book.All)
        {
            var window = allowance.Current(clock.GetUtcNow());
            window.Pledge(long.MaxValue); // nobody is told, so nobody takes it
            var share = Math.Max(1, allowance.Rule.Cap / _live);
            if (allowance.Rule is { Enforced: true, Measure: not Measure.Money } && window.Granted < share)
            {
                window.Grant(share - window.Granted, 0, 0);
            }
        }
    }

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
            || (used > 0 && allowance.Rule.Measure != Measure.Money))
        {
            return false;
        }

        standing.IsLookedAt();
        window.TakeBack(long.MaxValue); // a call that comes meanwhile waits
        return window is { Waiting: 0, Underway: 0 } && window.Used == used
            && (standing.SyncedAt == 0
                || await store.ForgetAsync(journal.NodeId, book.Run, allowance.Rule, allowance.Subject, window.From, used, ct))
            && book.TryForget(allowance);
    }

    [LoggerMessage(Level = LogLevel.Error,
        Message = "Leases of budgets and limits cannot be renewed: calls go on with what this node holds, and it is tried again.")]
    private partial void LeasesFailed(Exception e);

    [LoggerMessage(Level = LogLevel.Warning,
        Message = "Node {Node} is silent; what it held of budgets and limits and has not used is free for the others.")]
    private partial void NodeSilent(string node);

    [LoggerMessage(Level = LogLevel.Warning,
        Message = "Node {Node} has been silent for two minutes; what it held of budgets and limits is free again.")]
    private partial void NodeGone(string node);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Others took this node for gone and have what it held of '{Rule}'; it begins anew.")]
    private partial void LeaseLost(string rule);

    /// <param name="SeenAt">When its beat last moved.</param>
    private sealed record Neighbour(long Beat, long SeenAt, bool IsSilent);

    /// <summary>What the worker remembers of a count from one look to the next.</summary>
    internal sealed class Standing
    {
        private long _used;
        private long _underway;
        private long _lookedUsed;
        private long _lookedAt;
        private long _recent;
        private long _idleUsed;
        private long _idleSince;

        public long SyncedAt { get; private set; }

        /// <returns>Units used in about a second, lately.</returns>
        public long Look(AllowanceWindow window, long now, TimeProvider clock)
        {
            var used = window.Used;
            if (_lookedAt == 0 || clock.GetElapsedTime(_lookedAt, now) >= BeatEvery)
            {
                _recent = _lookedAt == 0 ? 0 : Math.Max(2 * Math.Max(0, used - _lookedUsed), _recent / 2);
                _lookedUsed = used;
                _lookedAt = now;
            }

            return _recent;
        }

        /// <returns>How long nobody took anything of it or waited for it.</returns>
        public TimeSpan IdleFor(AllowanceWindow window, TimeProvider clock)
        {
            var used = window.Used;
            if (_idleSince == 0 || used != _idleUsed || window.IsAsking || window is not { Waiting: 0, Underway: 0 })
            {
                (_idleUsed, _idleSince) = (used, clock.GetTimestamp());
            }

            return clock.GetElapsedTime(_idleSince);
        }

        /// <summary>If it cannot be forgotten now, it is looked at anew as long after this.</summary>
        public void IsLookedAt() => _idleSince = 0;

        public bool HasMoved(AllowanceWindow window) => window.Used != _used || window.Underway != _underway;

        /// <param name="told">What the database knows now; calls may have moved on while it was told.</param>
        public void Synced(LeaseRequest told, long now)
        {
            _used = told.Used;
            _underway = told.Underway;
            SyncedAt = now;
        }
    }
}
