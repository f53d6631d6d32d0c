using Gatehouse.Contracts;
using Gatehouse.Gateway.Journal;
using Gatehouse.Gateway.Limits;
using Gatehouse.Gateway.Routing;
using Gatehouse.Governance;
using Gatehouse.Storage;

namespace Gatehouse.Tests.Governance.Leases;

/// <summary>
/// Three nodes on one database through a schedule that a seed decides: calls come, wait, settle and are journalled; journals reach the
/// ledger late; budgets are made and changed, and nodes hear of them late; requests to the database fail and answers are lost; nodes are
/// killed and start again; days end, and clocks are set to and fro. After every step what is spent of each hard budget, and what the
/// nodes can still spend of it without asking, is within its cap. What a worker does between two requests to the database is not cut up;
/// everything else is.
/// </summary>
internal sealed class LeaseSimulation : IAsyncDisposable
{
    private static readonly Guid Team = new(1, 0, 0, new byte[8]);

    private readonly int _seed;
    private readonly Random _random;
    private readonly Database _db;
    private readonly StepClock _clock;
    private readonly BudgetMetrics _metrics = new();
    private readonly BudgetCharges _charges;
    private readonly List<SimulatedNode> _nodes = [];
    private readonly List<SimulatedBudget> _budgets = [];
    private readonly Dictionary<Guid, SimulatedCall> _recorded = []; // in a journal, and not in the ledger
    private readonly List<SimulatedCall> _ledger = [];
    private readonly Dictionary<AllowanceWindow, long> _charged = [];
    private int _step;
    private int _daysAhead;
    private bool _isInside;
    private bool _isCalm;

    public LeaseSimulation(Database db, string folder, int seed)
    {
        _seed = seed;
        _random = new Random(seed);
        _db = db;
        var day = new DateTimeOffset(2026, 3, 1, 0, 0, 0, TimeSpan.Zero);
        _clock = new StepClock(seed % 3 == 0 ? day.AddSeconds(-20 - _random.Next(30)) : day.AddHours(12));
        _charges = new BudgetCharges(_metrics, _clock);
        for (var i = 0; i < 3; i++)
        {
            var principal = new Principal(
                Id(10 + i), Team, Id(20 + i), "s", SystemEnvironment.Production, default, false, null, false);
            var node = new SimulatedNode(Path.Combine(folder, $"{seed}-{i}"), db, _clock, principal);
            node.Db.Before = () => MeanwhileAsync(node, "The request did not arrive.");
            node.Db.After = () => MeanwhileAsync(node, "The answer is lost.");
            _nodes.Add(node);
        }
    }

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public async Task RunAsync(int steps)
    {
        foreach (var node in _nodes)
        {
            await StartAsync(node);
        }

        await MakeBudgetAsync();
        for (_step = 1; _step <= steps; _step++)
        {
            _clock.Advance(TimeSpan.FromMilliseconds(_random.Next(60)));
            await StepAsync();
            await CheckAsync();
        }

        await EndAsync();
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var node in _nodes)
        {
            await node.DisposeAsync();
        }

        _metrics.Dispose();
    }

    private async Task StepAsync()
    {
        var node = _nodes[_random.Next(_nodes.Count)];
        switch (_random.Next(100))
        {
            case < 2 when _budgets.Count < 3:
                await MakeBudgetAsync();
                break;
            case < 4:
                await ChangeBudgetAsync();
                break;
            case 4 when node.IsAlive:
                node.Kill();
                break;
            case < 7 when !node.IsAlive:
                node.StartAgain();
                await StartAsync(node);
                break;
            case 7 when _seed % 4 == 1:
                SetClock(_random.Next(6));
                break;
            case 8 when _seed % 4 == 1:
                await RedateAsync();
                break;
            case 7:
                _clock.Advance(TimeSpan.FromSeconds(_random.Next(3)));
                break;
            case < 20 when node.IsAlive:
                await node.Publisher.RefreshAsync(Ct);
                break;
            case < 40 when node.IsAlive:
                await RoundAsync(node);
                break;
            default:
                await ActAsync(node);
                break;
        }
    }

    private void SetClock(int daysAhead)
    {
        var by = TimeSpan.FromDays(daysAhead - _daysAhead);
        _daysAhead = daysAhead;
        _clock.Step(by);
        foreach (var node in _nodes)
        {
            node.FailingSince += by;
        }
    }

    /// <summary>What the upkeep of budgets does with those that are still to be made.</summary>
    private async Task RedateAsync()
    {
        await new BudgetRecounts(_db, ReadAsync, _charges, _clock).RunDueAsync(Ct);
        foreach (var budget in _budgets)
        {
            var at = (await _db.QueryAsync(
                $"SELECT created_at FROM governance_budget WHERE id = {budget.Id}", row => row.Instant(0), Ct))[0];
            if (at != budget.CreatedAt)
            {
                (budget.CreatedAt, budget.HeldSince) = (at, null);
                budget.Bounds.Clear();
                budget.Revision = (await _db.QueryAsync($"SELECT revision FROM governance_revision", row => row.Long(0), Ct))[0];
            }
        }

        Task<IReadOnlyList<(string EndUser, long Nanos, long UnknownCalls)>> ReadAsync(
            Transaction sql, CallScope scope, DateTimeOffset from, DateTimeOffset until, CancellationToken ct) =>
            Task.FromResult<IReadOnlyList<(string, long, long)>>([.. _ledger
                .Where(c => c.Real > 0 && c.StartedAt >= from && c.StartedAt < until && scope.Matches(
                    c.Node.Principal.TeamId, c.Node.Principal.SystemId, c.Node.Principal.KeyId, c.Route, c.User))
                .GroupBy(c => scope.IsPerUser ? c.User : "").Select(g => (g.Key, g.Sum(c => c.Real), 0L))]);
    }

    /// <summary>What may happen while a worker waits for the database.</summary>
    private async Task MeanwhileAsync(SimulatedNode node, string fault)
    {
        if (_isInside)
        {
            return;
        }

        _isInside = true;
        for (var i = _random.Next(3); i > 0; i--)
        {
            var other = _nodes[_random.Next(_nodes.Count)];
            if (other.IsAlive && _random.Next(8) == 0)
            {
                await other.Publisher.RefreshAsync(Ct);
            }
            else
            {
                await ActAsync(other);
            }
        }

        _isInside = false;
        var isLong = node.FailingSince is { } since && _clock.GetUtcNow() - since > TimeSpan.FromSeconds(2);
        if (!_isCalm && !isLong && _random.Next(25) == 0)
        {
            node.FailingSince ??= _clock.GetUtcNow();
            throw new DatabaseException(fault);
        }
    }

    /// <summary>A call begins or goes on, or the ledger takes records.</summary>
    private async Task ActAsync(SimulatedNode node)
    {
        if (!node.IsAlive)
        {
            return;
        }

        switch (_random.Next(10))
        {
            case < 3 when node.Calls.Count < 12:
                var worst = _random.Next(1, 60);
                node.Calls.Add(new SimulatedCall(
                    node, node.Table, Micros(_clock.GetUtcNow()), _step, $"r{_random.Next(2)}", $"u{_random.Next(2)}", worst,
                    _random.Next(worst + 1)));
                break;
            case < 9 when node.Calls.Count > 0:
                Move(node, node.Calls[_random.Next(node.Calls.Count)]);
                break;
            case 9:
                await DrainAsync(node, _random.Next(1, 8));
                break;
        }
    }

    private static Guid Id(int number) => new(number, 0, 0, new byte[8]);

    private static DateTimeOffset Micros(DateTimeOffset at) => at.AddTicks(-(at.Ticks % TimeSpan.TicksPerMicrosecond));

    /// <summary>As <see cref="Admissions"/> and the settlement do, one thing at a time.</summary>
    private void Move(SimulatedNode node, SimulatedCall call)
    {
        switch (call.Stage)
        {
            case CallStage.Began:
                Admit(node, call);
                break;
            case CallStage.UnderWay:
                call.Record = RecordOf(call);
                call.Holds?.Settle(call.Record);
                call.Stage = CallStage.Settled;
                break;
            case CallStage.Settled:
                node.Journal.Append(call.Record!);
                _recorded.Add(call.Record!.Id, call);
                call.Stage = CallStage.Appended;
                break;
            default:
                call.Holds?.Recorded();
                node.Calls.Remove(call);
                break;
        }
    }

    private static void Admit(SimulatedNode node, SimulatedCall call)
    {
        if (call.Holds is null)
        {
            if (call.Table.Find(node.Principal, call.Route, call.User, call.StartedAt) is not { } found)
            {
                call.Stage = CallStage.UnderWay;
                return;
            }

            call.Holds = new Holds(found);
        }

        for (; call.Rules < call.Holds.Rules.Count; call.Rules++)
        {
            var allowance = call.Holds.Rules[call.Rules];
            if (call.Waits is null && !allowance.Rule.Enforced)
            {
                continue;
            }

            var window = call.Waits ?? allowance.Current(call.StartedAt);
            if (call.Holds.TryTake(window, Measure.Money, call.Worst))
            {
                StopWaiting(call);
                call.Held.Add((allowance.Rule.Id, window));
                node.Seen.Add((allowance.Rule.Id, window, allowance.Subject));
                continue;
            }

            if (call.Waits is null)
            {
                call.Waits = node.Book.Find(allowance.Rule, allowance.Subject, call.StartedAt).Current(call.StartedAt);
                call.Waits.BeginWait(call.Worst);
            }
            else if (++call.Tries > 6)
            {
                StopWaiting(call);
                call.Holds.Release();
                node.Calls.Remove(call);
            }

            return;
        }

        call.Stage = CallStage.UnderWay;
    }

    private static void StopWaiting(SimulatedCall call)
    {
        call.Waits?.EndWait(call.Worst);
        call.Waits = null;
    }

    private static CallRecord RecordOf(SimulatedCall call) => new()
    {
        Id = Guid.CreateVersion7(),
        TraceId = new string('0', 32),
        SpanId = new string('0', 16),
        TeamId = call.Node.Principal.TeamId,
        SystemId = call.Node.Principal.SystemId,
        KeyId = call.Node.Principal.KeyId,
        Route = call.Route,
        EndUser = call.User,
        StartedAtMicros = (call.StartedAt - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond,
        Outcome = CallOutcome.Ok,
        CostNanos = call.Real,
        Attempts = [new CallAttempt("p", "m", 0, 0, 0, 0, 200, null, null, null, Nanos.ToUsd(call.Real))],
    };

    private async Task DrainAsync(SimulatedNode node, int most)
    {
        var (after, batch) = (node.Position, new List<CallRecord>());
        if (node.Journal.TryRead(ref after, batch, most))
        {
            await _db.TransactionAsync(sql => _charges.ChargeAsync(sql, batch, Ct), Ct);
            foreach (var record in batch)
            {
                _recorded.Remove(record.Id, out var call);
                _ledger.Add(call!);
                foreach (var (_, window) in call!.Held)
                {
                   
                    _charged[window] = _charged.GetValueOrDefault(window) + call.Real;
                }

                CountOutside(call);
            }
        }

        node.Position = after;
        if (_isCalm || _random.Next(4) > 0)
        {
            node.Progress.Drained(after); // else the answer of the transaction is lost, and the next look finds the position
        }
    }

    /// <summary>A call that held nothing began before all nodes held by the budget, and comes on top.</summary>
    private void CountOutside(SimulatedCall call)
    {
        foreach (var budget in _budgets.Where(b => b is { IsHard: true, HeldSince: not null }))
        {
            if (budget.KeyOf(call) is { } key && call.Real > 0 && !call.Held.Exists(h => h.Rule == budget.Id))
            {
                Assert.True(call.Step <= budget.HeldSince, $"Step {_step}: a call of step {call.Step} held nothing of its budget.");
                budget.Bounds[key] = budget.Bounds.GetValueOrDefault(key, budget.Cap) + call.Real;
            }
        }
    }

    private static async Task RoundAsync(SimulatedNode node)
    {
        var before = node.FailingSince;
        await node.Worker.RoundAsync(Ct);
        if (node.FailingSince == before)
        {
            node.FailingSince = null;
        }
    }

    private async Task StartAsync(SimulatedNode node)
    {
        _isInside = true;
        var wasCalm = _isCalm;
        _isCalm = true;
        await node.Presence.ShowAsync(Ct);
        (_isInside, _isCalm) = (false, wasCalm);
    }

    private async Task MakeBudgetAsync()
    {
        var now = Micros(_clock.GetUtcNow());
        var (scope, period) = _budgets.Count switch
        {
            0 => (new CallScope(null, Route: "r0"), LimitPeriod.Day),
            1 => (new CallScope(Team), LimitPeriod.Total),
            _ => (new CallScope(Team, EndUser: CallScope.EachUser), LimitPeriod.Day),
        };
        var budget = new SimulatedBudget(Id(30 + _budgets.Count), scope, period, now)
        {
            Cap = _random.Next(300, 3000),
            IsHard = _random.Next(4) > 0,
        };
        var word = period == LimitPeriod.Day ? "day" : "total";
        budget.Revision = await WriteAsync(async sql =>
        {
            await sql.ExecuteAsync(
                $"""
                INSERT INTO governance_budget (id, name, team_id, route, end_user, period, mode, limit_nanos, alert_percent, unknown_price,
                    created_by, created_at)
                VALUES ({budget.Id}, {$"b{_budgets.Count}"}, {(Guid?)null}, {scope.Route}, {scope.EndUser}, {word},
                    {Mode(budget)}, {budget.Cap}, 80, 'count', 'a', {now})
                """,
                Ct);
            foreach (var sum in _ledger.Where(c => budget.KeyOf(c) is not null).GroupBy(c => budget.KeyOf(c)!.Value))
            {
                await sql.ExecuteAsync(
                    $"""
                    INSERT INTO governance_allowance (rule_id, measure, subject, from_at, until_at, spent, unknown_calls)
                    VALUES ({budget.Id}, 'money', {sum.Key.Subject}, {sum.Key.From}, {LimitRule.Window(period, sum.Key.From).Until},
                        {sum.Sum(c => c.Real)}, 0)
                    """,
                    Ct);
            }
        });
        _budgets.Add(budget);
    }

    private async Task ChangeBudgetAsync()
    {
        var budget = _budgets[_random.Next(_budgets.Count)];
        if (_random.Next(3) == 0)
        {
            budget.IsHard = !budget.IsHard;
        }
        else
        {
            budget.Cap = Math.Max(100, budget.Cap + _random.Next(-600, 800));
        }

        budget.HeldSince = null;
        budget.Bounds.Clear();
        budget.Revision = await WriteAsync(sql => sql.ExecuteAsync(
            $"UPDATE governance_budget SET limit_nanos = {budget.Cap}, mode = {Mode(budget)} WHERE id = {budget.Id}", Ct));
    }

    private static string Mode(SimulatedBudget budget) => budget.IsHard ? "hard" : "soft";

    private Task<long> WriteAsync(Func<Transaction, Task> change) => _db.TransactionAsync(
        async sql =>
        {
            var revision = await sql.QueryAsync(
                $"UPDATE governance_revision SET revision = revision + 1 WHERE id = {1} RETURNING revision", row => row.Long(0), Ct);
            await change(sql);
            return revision[0];
        },
        Ct);

    private async Task CheckAsync()
    {
        if (_budgets.Exists(b => b.HeldSince is null))
        {
            var held = await _db.QueryAsync(
                $"SELECT node, revision FROM governance_node", row => (Node: row.Text(0), Revision: row.Long(1)), Ct);
            var lowest = _nodes.Where(n => n.IsAlive)
                .Min(n => (long?)held.Where(h => h.Node == n.Name).Select(h => h.Revision).FirstOrDefault(-1)) ?? -1;
            foreach (var budget in _budgets.Where(b => b.HeldSince is null && b.Revision <= lowest))
            {
                budget.HeldSince = _step;
                foreach (var (key, most) in MostSpent(budget))
                {
                    budget.Bounds[key] = Math.Max(budget.Cap, most);
                }
            }
        }

        foreach (var budget in _budgets.Where(b => b is { IsHard: true, HeldSince: not null }))
        {
            foreach (var (key, most) in MostSpent(budget))
            {
                var bound = budget.Bounds.GetValueOrDefault(key, budget.Cap);
                Assert.True(
                    most <= bound,
                    $"Step {_step}: {most} of {bound} (cap {budget.Cap}) may be spent of '{budget.Scope}' {key}.");
                budget.Bounds[key] = Math.Max(budget.Cap, Math.Min(bound, most));
            }
        }
    }

    /// <summary>What is spent, what journals will charge, and what nodes hold and can use without asking anybody.</summary>
    private Dictionary<(string Subject, DateTimeOffset From), long> MostSpent(SimulatedBudget budget)
    {
        var sums = new Dictionary<(string Subject, DateTimeOffset From), long>();
        foreach (var call in _ledger)
        {
            Add(budget.KeyOf(call), call.Real);
        }

        var windows = new HashSet<(AllowanceWindow Window, string Subject)>();
        foreach (var node in _nodes.Where(n => n.IsAlive))
        {
            windows.UnionWith(node.Seen.Where(s => s.Rule == budget.Id).Select(s => (s.Window, s.Subject)));
            foreach (var allowance in node.Book.All.Where(a => a.Rule.Id == budget.Id))
            {
                foreach (var window in (AllowanceWindow?[])[allowance.Window, allowance.Next, .. allowance.Others])
                {
                    if (window is not null)
                    {
                        windows.Add((window, allowance.Subject));
                    }
                }
            }
        }

        foreach (var (window, subject) in windows)
        {
            var most = Math.Max(window.Used, Math.Min(window.Granted, window.Pledged));
            Add((subject, window.From), most - _charged.GetValueOrDefault(window));
        }

        foreach (var call in _recorded.Values)
        {
            if (call.Held.Find(h => h.Rule == budget.Id).Window is { } window && !windows.Any(w => w.Window == window))
            {
                Add(budget.KeyOf(call), call.Real);
            }
        }

        return sums;

        void Add((string, DateTimeOffset)? key, long amount)
        {
            if (key is { } of)
            {
                sums[of] = sums.GetValueOrDefault(of) + amount;
            }
        }
    }

    /// <summary>Everything comes to its end; then all that is left can be spent, and the books agree.</summary>
    private async Task EndAsync()
    {
        _isCalm = true;
        foreach (var node in _nodes.Where(n => !n.IsAlive))
        {
            node.StartAgain();
            await StartAsync(node);
        }

        await RedateAsync();
        for (var i = 0; i < 30; i++)
        {
            await SettleAllAsync();
        }

        foreach (var budget in _budgets)
        {
            Assert.NotNull(budget.HeldSince);
        }

        foreach (var route in (string[])["r0", "r1"])
        {
            await SpendAsync(route, "u0");
            await SpendAsync(route, "u1");
        }

        for (var i = 0; i < 10; i++)
        {
            await SettleAllAsync();
        }

        await AgreeAsync();
    }

    private async Task SettleAllAsync()
    {
        _clock.Advance(TimeSpan.FromMilliseconds(300));
        _step++;
        foreach (var node in _nodes)
        {
            foreach (var call in node.Calls.ToList())
            {
                Move(node, call);
            }

            await DrainAsync(node, 100);
            await node.Publisher.RefreshAsync(Ct);
            await RoundAsync(node);
        }

        await CheckAsync();
    }

    /// <summary>Nodes call until a hard budget stops them, and come to the last nano of it.</summary>
    private async Task SpendAsync(string route, string user)
    {
        for (var i = 0; i < 400; i++)
        {
            var node = _nodes[_random.Next(_nodes.Count)];
            var left = _budgets.Where(b => b.IsHard && (b.Scope.Route is null || b.Scope.Route == route)).Select(b =>
            {
                var key = (b.Scope.IsPerUser ? user : "", LimitRule.Window(b.Period, _clock.GetUtcNow()).From);
                return b.Cap - _ledger.Where(c => b.KeyOf(c) == key).Sum(c => c.Real);
            }).DefaultIfEmpty(0).Min();
            if (left <= 0)
            {
                return;
            }

            var call = new SimulatedCall(
                node, node.Table, Micros(_clock.GetUtcNow()), _step, route, user, Math.Max(1, left / 3), Math.Max(1, left / 3));
            node.Calls.Add(call);
            while (node.Calls.Contains(call))
            {
                await SettleAllAsync();
            }
        }

        Assert.Fail($"What is left for route {route} and user {user} cannot be spent.");
    }

    private async Task AgreeAsync()
    {
        foreach (var budget in _budgets)
        {
            var counted = await _db.QueryAsync(
                $"SELECT subject, from_at, spent FROM governance_allowance WHERE rule_id = {budget.Id} AND measure = 'money' AND spent <> 0",
                row => (Key: (row.Text(0), row.Instant(1)), Spent: row.Long(2)),
                Ct);
            Assert.Equal(
                _ledger.Where(c => budget.KeyOf(c) is not null && c.Real > 0).GroupBy(c => budget.KeyOf(c)!.Value)
                    .ToDictionary(g => g.Key, g => g.Sum(c => c.Real)),
                counted.ToDictionary(c => c.Key, c => c.Spent));
        }

        var (_, faults) = await _db.TransactionAsync(sql => BudgetInvariants.LeasesAsync(sql, _clock, Ct), Ct);
        Assert.Empty(faults);
    }
}
