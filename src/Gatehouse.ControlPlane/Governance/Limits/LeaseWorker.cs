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
/// <item>With what it holds a node tells how much of that is used and in the ledger already, by its own journal. So the database knows of
/// each lease what may still be charged to it, and that and what is spent never pass the cap.</item>
/// <item>What an earlier run of this node held is given back when everything it journalled is in the ledger. What a silent node
/// had not pledged to use is taken by the others after four seconds, the rest after two minutes.</item>
/// <item>Counts that calls wait for come first. What an end user holds of a rule that gives each their own is leased when they call, and
/// given back and forgotten when they do not.</item>
/// <item>While the database is away calls go on with what is held: at first up to the pledge, after four seconds, when others may take the
/// rest or are away too, with all. Rates, which begin anew each minute, go on with an even share.</item>
/// <item>When a round has looked at all that changed with a revision, the node tells that it holds by it: who changed a budget or limit
/// waits for that (<see cref="NodeAgreement"/>).</item>
/// </list>
/// </summary>
internal sealed partial class LeaseWorker : BackgroundService
{
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan HungryTick = TimeSpan.FromMilliseconds(25);
    private static readonly TimeSpan BeatEvery = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan SharesAfter = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan PrepareAhead = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan KeepPrevious = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan ForgetUnusedAfter = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan ForgetSettledAfter = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan LongestRound = TimeSpan.FromMilliseconds(100);

    /// <summary>A database that is silent for longer is away.</summary>
    private static readonly TimeSpan LongestAnswer = TimeSpan.FromSeconds(2);

    private readonly LeaseStore _store;
    private readonly AllowanceBook _book;
    private readonly Snapshot<GovernanceTables> _tables;
    private readonly TablesStanding _tablesStanding;
    private readonly GovernanceChanges _changes;
    private readonly GovernancePublisher _publisher;
    private readonly NodeAgreement _agreement;
    private readonly CallJournal _journal;
    private readonly TimeProvider _clock;
    private readonly ILogger<LeaseWorker> _log;
    private readonly LiveNodes _nodes;
    private readonly Dictionary<AllowanceWindow, LeaseStanding> _standings = [];
    private readonly JournalPosition _start;
    private readonly Lock _drainedLock = new();
    private JournalPosition? _drained;
    private bool _earlierReleased;
    private volatile bool _replayed;
    private bool _isUnseen;
    private long _failingSince;
    private long _held;
    private long _told = -1;
    private int _lost;
    private bool _toldLost;
    private long _roundBegan;

    public LeaseWorker(
        LeaseStore store, AllowanceBook book, Snapshot<GovernanceTables> tables, TablesStanding tablesStanding, GovernanceChanges changes,
        GovernancePublisher publisher, NodeAgreement agreement, CallJournal journal, TimeProvider clock, ILogger<LeaseWorker> log)
    {
        (_store, _book, _tables, _tablesStanding, _changes, _publisher) = (store, book, tables, tablesStanding, changes, publisher);
        (_agreement, _journal, _clock, _log) = (agreement, journal, clock, log);
        _nodes = new LiveNodes(store, journal.NodeId, tablesStanding.Nodes, clock, log);
        _start = journal.End;
        agreement.Wanted += book.Wake;
        changes.Serving += book.Wake;
    }

    /// <summary>Everything of this node's journal up to <paramref name="upTo"/> is in the ledger.</summary>
    public void Drained(JournalPosition upTo)
    {
        lock (_drainedLock)
        {
            _drained = upTo;
        }

        if (!_replayed && LeaseStanding.Reaches(upTo, _start))
        {
            _replayed = true;
            _book.Wake();
        }
    }

    /// <summary>
    /// Shows the node before it reads keys and rules once more: who changes them from here on waits for it. Without the database that is
    /// the first it does when the database is back.
    /// </summary>
    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        _isUnseen = _tablesStanding.IsFromDisk;
        if (!_isUnseen)
        {
            await ShowAsync(cancellationToken);
        }

        await base.StartAsync(cancellationToken);
    }

    internal async Task ShowAsync(CancellationToken ct)
    {
        await _store.BeatAsync(_journal.NodeId, _book.Run, 0, ct);
        await _publisher.RefreshAsync(ct);
    }

    /// <summary>Stopped after the ledger was flushed: what this node still holds is spare.</summary>
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        try
        {
            await TellLastAsync(cancellationToken);
            if (DrainedTo() is { } upTo && LeaseStanding.Reaches(upTo, _journal.End))
            {
                await _store.ReleaseAsync(_journal.NodeId, cancellationToken);
            }
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
            await RoundAsync(stoppingToken);
            if (_failingSince != 0)
            {
                await Task.Delay(Tick, _clock, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
            else
            {
                var hurry = _agreement.IsWanted || _book.All.Any(a => a.Waiting > 0);
                await _book.WaitAsync(hurry ? HungryTick : Tick, stoppingToken);
            }
        }
    }

    /// <summary>Looks once at all counts.</summary>
    internal async Task RoundAsync(CancellationToken ct)
    {
        _roundBegan = _clock.GetTimestamp();
        try
        {
            if (_isUnseen)
            {
                await BoundedAsync(ShowAsync, ct);
                _isUnseen = false;
            }

            await BoundedAsync(BeatAsync, ct);
            await SyncAsync(ct);
            if (_held != _told)
            {
                await BoundedAsync(BeatAsync, ct);
            }

            _failingSince = 0;
            _book.IsCutOff = false;
        }
#pragma warning disable CA1031 // The database may be away for a while: calls go on with what is held.
        catch (Exception e) when (!ct.IsCancellationRequested)
#pragma warning restore CA1031
        {
            // One failure may be two nodes that were in each other's way.
            _book.IsCutOff = _failingSince != 0 || _tablesStanding.IsFromDisk;
            if (_failingSince == 0)
            {
                _failingSince = _roundBegan;
                Tell(e);
            }

            GoOnAlone(_failingSince);
        }
    }

    /// <summary>Once for each time that others took this node for gone, whatever rounds that takes.</summary>
    private void TellLost()
    {
        if (_lost > 0 && !_toldLost)
        {
            LeasesLost(_lost);
        }

        _toldLost = _lost > 0;
        _lost = 0;
    }

    /// <summary>
    /// Asks the database, and takes it for away when it is silent for too long: then the answer is lost, and the next round tells anew. It
    /// is waited for until the statement is really given up, so that a late one cannot undo what is told after it. Rates go on meanwhile.
    /// </summary>
    private async Task<T> BoundedAsync<T>(Func<CancellationToken, Task<T>> ask, CancellationToken ct)
    {
        using var longest = new CancellationTokenSource(LongestAnswer, _clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(ct, longest.Token);
        var asked = ask(either.Token);
        while (!asked.IsCompleted)
        {
            using var tick = CancellationTokenSource.CreateLinkedTokenSource(ct);
            if (await Task.WhenAny(asked, Task.Delay(Tick, _clock, tick.Token)) != asked && !ct.IsCancellationRequested)
            {
                GoOnAlone(_failingSince != 0 ? _failingSince : _roundBegan, ratesOnly: true);
            }
            else
            {
                await tick.CancelAsync();
                break;
            }
        }

        return await asked;
    }

    private async Task BoundedAsync(Func<CancellationToken, Task> ask, CancellationToken ct) => await BoundedAsync(
        async limit =>
        {
            await ask(limit);
            return true;
        },
        ct);

    private void Tell(Exception e)
    {
        if (!_tablesStanding.IsFromDisk) // else the start has told
        {
            LeasesFailed(e);
        }
    }

    private JournalPosition? DrainedTo()
    {
        lock (_drainedLock)
        {
            return _drained;
        }
    }

    private async Task BeatAsync(CancellationToken ct)
    {
        if (_replayed && !_earlierReleased)
        {
            await _store.ReleaseEarlierAsync(_journal.NodeId, _book.Run, ct);
            _earlierReleased = true;
            AskAll();
        }

        if (_nodes.SinceBeat < BeatEvery && _held == _told && !_agreement.IsWanted)
        {
            return;
        }

        var held = _held;
        if (await _nodes.BeatAsync(_book.Run, held, _failingSince != 0, ct))
        {
            AskAll(); // what one node held alone is to be shared
        }

        _tablesStanding.Nodes = _nodes.Count;
        _told = held;
        _agreement.Reached(_nodes.LowestRevision);
    }

    private void AskAll()
    {
        foreach (var allowance in _book.All)
        {
            allowance.Window.Ask();
        }
    }

    private async Task SyncAsync(CancellationToken ct)
    {
        // In this order: what the revision changed is asked for by then, and a count that is listed is of a rule that is read after it, or
        // of one that is gone.
        var served = _changes.Served;
        var all = _book.All.Select(a => (Allowance: a, Turn: a.Waiting > 0 ? Turn.Awaited : a.IsAsking ? Turn.Asked : Turn.Rest))
            .OrderBy(a => a.Turn).ThenBy(a => a.Allowance.Number).ToList();
        var rules = _tables.Current.Limits.Select(r => (r.Id, r.Measure)).ToHashSet();
        var began = _clock.GetTimestamp();
        var isWhole = true;
        for (var i = 0; i < all.Count; i++)
        {
            var (allowance, turn) = all[i];
            if (_nodes.SinceBeat >= BeatEvery)
            {
                await BoundedAsync(BeatAsync, ct); // else others take this node for dead in a long round
            }

            if (turn == Turn.Awaited)
            {
                began = _clock.GetTimestamp(); // the rest has its own time, so that it has its turn too
            }

            var isKnown = rules.Contains((allowance.Rule.Id, allowance.Rule.Measure));
            await LookAsync(allowance, isKnown, ct);
            if (turn != Turn.Awaited && _clock.GetElapsedTime(began) > LongestRound && _book.All.Any(a => a.Waiting > 0))
            {
                isWhole = i + 1 == all.Count || all[i + 1].Turn == Turn.Rest; // those left out keep asking
                break; // the next round begins with calls that wait
            }
        }

        if (isWhole)
        {
            _held = served;
            TellLost();
        }

        var over = _clock.GetUtcNow() - KeepPrevious;
        foreach (var window in _standings.Keys.Where(w => w.Until <= over && !w.IsKept).ToList())
        {
            _standings.Remove(window); // nothing new is taken of it, and its lease goes with the period
        }
    }

    private async Task LookAsync(Allowance allowance, bool isKnown, CancellationToken ct)
    {
        var now = _clock.GetUtcNow();
        var window = allowance.Look(now);
        if (!isKnown || await TryForgetAsync(allowance, window, ct))
        {
            _book.Remove(allowance);
            foreach (var gone in new[] { window, allowance.Next, allowance.Previous }.OfType<AllowanceWindow>())
            {
                _standings.Remove(gone);
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

        // Calls that began in the last period: they wait for their hold, or settle.
        if (allowance.Previous is { } previous && now < previous.Until + KeepPrevious
            && (previous.Waiting > 0 || (rule.Measure == Measure.Money && _standings.ContainsKey(previous))))
        {
            await SyncAsync(allowance, previous, previous.Waiting > 0, ct);
        }
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
        var (standing, rule, now) = (StandingOf(window), allowance.Rule, _clock.GetTimestamp());
        if (rule.Measure == Measure.Money)
        {
            standing.LookAtLedger(window, _journal, DrainedTo());
        }

        var recent = standing.Look(window, now, _clock);
        var waiting = window.Waiting;
        var starving = waiting > 0 && window.Spare < window.WaitingEach;
        var keep = rule.Measure == Measure.Concurrency ? Math.Max(1, window.Underway) : recent;
        var idle = _nodes.Count > 1 && waiting == 0 && window.Spare > (2 * keep) + (rule.Cap / 100);
        var stale = standing.HasMoved(window) && _clock.GetElapsedTime(standing.SyncedAt, now) >= BeatEvery;
        if (!window.IsAsking && !starving && !idle && !stale && (standing.SyncedAt != 0 || !isWanted))
        {
            return;
        }

        window.Answering();
        rule = allowance.Rule; // after: a change from here on asks anew
        try
        {
            if (_nodes.Count > 1 && window.Pledged == long.MaxValue)
            {
                window.Pledge(window.Used);
            }

            if (_nodes.Count > 1 && starving)
            {
                window.TakeBack(long.MaxValue);
            }
            else if (idle)
            {
                window.TakeBack(window.Spare - keep);
            }

            var pledge = Pledge(rule, window, recent);
            var told = Request(allowance, rule, window, pledge, idle ? 0 : Ahead(rule, window, recent));
            var answer = await TellAsync(told, ct);
            if (answer.IsLost)
            {
                _lost += standing.SyncedAt == 0 || answer.IsRuleGone ? 0 : 1; // of a share that was never leased nothing is lost
                window.TakeBack(long.MaxValue);
                told = Request(allowance, rule, window, window.Used, 0) with { IsAnew = true };
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
            standing.Synced(told, now);
        }
        catch
        {
            window.Ask(); // it was not answered
            throw;
        }
    }

    private Task<LeaseAnswer> TellAsync(LeaseRequest told, CancellationToken ct) =>
        BoundedAsync(limit => _store.SyncAsync(_journal.NodeId, _book.Run, told, limit), ct);

    /// <summary>What calls wait for, and about a second's use or a small part of the cap; never less than was pledged before.</summary>
    private long Pledge(LimitRule rule, AllowanceWindow window, long recent) => _nodes.Count == 1
        ? long.MaxValue
        : Math.Max(
            window.Pledged, window.Used + window.Waiting + Math.Max(1, Math.Max(recent, rule.Cap / (64 * _nodes.Count))));

    private LeaseRequest Request(Allowance allowance, LimitRule rule, AllowanceWindow window, long pledge, long ahead)
    {
        var consumed = window.Consumed; // before what is used: that holds it
        var (used, recorded) = (window.Used, StandingOf(window).Recorded);
        var need = Math.Max(0, window.Waiting - window.Spare);
        return new LeaseRequest(
            rule, allowance.Subject, window.From, window.Until, window.Granted, used, used - consumed, recorded, pledge, need,
            window.WaitingEach, ahead, _nodes.Count);
    }

    private long Ahead(LimitRule rule, AllowanceWindow window, long recent) => _nodes.Count == 1
        ? long.MaxValue
        : Math.Max(0, Math.Max(2 * recent, rule.Cap / (16 * _nodes.Count)) - window.Spare);

    /// <summary>
    /// Rates and concurrency go on with an even share: nobody can lease, and refusing every call would be worse than being a little off.
    /// Of money all that is held is used, once the others would take what is not pledged if they could: they are away too, or this node
    /// alone, and it cannot tell. Until then it keeps to its pledge, so that a short fault costs nobody anything.
    /// </summary>
    /// <param name="failingSince">When the first round that failed began.</param>
    /// <param name="ratesOnly">A statement is still under way: it may be telling how much of the money is used.</param>
    private void GoOnAlone(long failingSince, bool ratesOnly = false)
    {
        var shares = _tablesStanding.IsFromDisk || _clock.GetElapsedTime(failingSince) >= SharesAfter;
        var all = !ratesOnly && _nodes.SinceBeat >= LiveNodes.LiveFor && _clock.GetElapsedTime(failingSince) >= LiveNodes.LiveFor;
        foreach (var allowance in _book.All)
        {
            var window = allowance.Look(_clock.GetUtcNow());
            var isMoney = allowance.Rule.Measure == Measure.Money;
            if (isMoney ? all : shares)
            {
                window.Pledge(long.MaxValue); // nobody is told, so nobody takes it
            }

            var share = Math.Max(1, allowance.Rule.Cap / _nodes.Count);
            if (shares && allowance.Rule.Enforced && !isMoney && window.Granted < share)
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
        if (standing.IdleFor(window, _clock) < (used == 0 ? ForgetUnusedAfter : ForgetSettledAfter)
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
            await BoundedAsync(
                limit => _store.ForgetAsync(_journal.NodeId, _book.Run, allowance.Rule, allowance.Subject, window.From, limit), ct);
        }

        return _book.TryForget(allowance);
    }

    /// <summary>No call is under way any more: tells what was used of each minute, and of money what the ledger does not have.</summary>
    private async Task TellLastAsync(CancellationToken ct)
    {
        foreach (var allowance in _book.All)
        {
            var (window, isMoney) = (allowance.Window, allowance.Rule.Measure == Measure.Money);
            if (!_standings.TryGetValue(window, out var standing) || standing.SyncedAt == 0)
            {
                continue;
            }

            window.TakeBack(long.MaxValue);
            standing.LookAtLedger(window, _journal, DrainedTo());
            if (isMoney ? standing.Recorded != window.Used : standing.HasMoved(window))
            {
                var told = Request(allowance, allowance.Rule, window, window.Used, 0) with { IsAnew = true };
                await _store.SyncAsync(_journal.NodeId, _book.Run, told, ct);
            }
        }
    }

    [LoggerMessage(Level = LogLevel.Error,
        Message = "Leases of budgets and limits cannot be renewed: calls go on with what this node holds, and it is tried again.")]
    private partial void LeasesFailed(Exception e);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Others took this node for gone and have what it held of {Count} budgets and limits; it begins anew.")]
    private partial void LeasesLost(int count);

    /// <summary>In what order counts are looked at.</summary>
    private enum Turn
    {
        Awaited,
        Asked,
        Rest,
    }
}
