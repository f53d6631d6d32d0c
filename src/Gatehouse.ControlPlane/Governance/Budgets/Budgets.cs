using System.Globalization;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Limits;
using Gatehouse.Storage;

namespace Gatehouse.Governance;

/// <summary>A budget to be made.</summary>
public sealed record NewBudget(
    string Name, NamedScope Scope, BudgetPeriod Period, BudgetMode Mode, decimal LimitUsd, int AlertPercent, UnknownPrice UnknownPrice);

/// <summary>What to change about a budget; <see langword="null"/> leaves as it is.</summary>
/// <param name="Reason">Why; goes to the audit log.</param>
public sealed record BudgetChange(
    decimal? LimitUsd, BudgetMode? Mode, int? AlertPercent, UnknownPrice? UnknownPrice, string? Reason = null);

/// <summary>Budgets: list, create, change, remove. Owns tables <c>governance_budget</c> and <c>governance_budget_event</c>.</summary>
public sealed class Budgets
{
    /// <summary>Beyond, nanos no longer fit.</summary>
    private const decimal MaxUsd = 1_000_000_000m;

    /// <summary>Calls of this time are counted while the budget is made; the others are in the ledger, or under way for longer.</summary>
    private static readonly TimeSpan LastCalls = TimeSpan.FromMinutes(1);

    private const int UsersShown = 10;
    private const int EventsShown = 100;

    private readonly Database _db;
    private readonly GovernanceWrites _writes;
    private readonly RuleScopes _scopes;
    private readonly BudgetRecounts _recounts;
    private readonly TimeProvider _clock;

    internal Budgets(Database db, GovernanceWrites writes, RuleScopes scopes, BudgetRecounts recounts, TimeProvider clock)
    {
        _db = db;
        _writes = writes;
        _scopes = scopes;
        _recounts = recounts;
        _clock = clock;
    }

    /// <summary>The budgets that the person may see and how they stand, those of all teams first, then by team and name.</summary>
    public async Task<IReadOnlyList<BudgetStanding>> ListAsync(Person who, CancellationToken ct)
    {
        var budgets = await _db.QueryAsync(
            $"""
            SELECT {BudgetRows.Columns}, t.name, s.name, k.name
            FROM governance_budget b
            LEFT JOIN governance_team t ON t.id = b.team_id
            LEFT JOIN governance_system s ON s.id = b.system_id
            LEFT JOIN governance_key k ON k.id = b.key_id
            """,
            row => (Budget: BudgetRows.Read(row), Team: row.TextOrNull(14), System: row.TextOrNull(15), Key: row.TextOrNull(16)),
            ct);
        var standings = new List<BudgetStanding>();
        foreach (var (budget, team, system, key) in budgets
            .Where(b => RuleScopes.MaySee(who, b.Budget.Scope.TeamId))
            .OrderBy(b => b.Team ?? "", StringComparer.Ordinal).ThenBy(b => b.Budget.Name, StringComparer.Ordinal))
        {
            standings.Add(await StandAsync(budget, team, system, key, ct));
        }

        return standings;
    }

    /// <exception cref="ProblemException">404: there is none that the person may see.</exception>
    public async Task<BudgetStanding> GetAsync(Person who, Guid id, CancellationToken ct) =>
        (await ListAsync(who, ct)).FirstOrDefault(b => b.Budget.Id == id)
            ?? throw new ProblemException(Problem.NotFound("budget", id.ToString()));

    /// <summary>What budgets reported since then, newest first, of the teams that the person may see.</summary>
    public async Task<IReadOnlyList<BudgetEvent>> EventsAsync(Person who, DateTimeOffset since, CancellationToken ct)
    {
        var events = await _db.QueryAsync(
            $"""
            SELECT b.id, b.name, b.team_id, e.subject, e.kind, e.made_at, e.spent_nanos, e.limit_nanos
            FROM governance_budget_event e JOIN governance_budget b ON b.id = e.budget_id
            WHERE e.made_at >= {since} ORDER BY e.made_at DESC
            """,
            row => new BudgetEvent(
                row.Id(0), row.Text(1), row.IdOrNull(2), row.Text(3), Words.Parse<BudgetEventKind>(row.Text(4)), row.Instant(5),
                Nanos.ToUsd(row.Long(6)), Nanos.ToUsd(row.Long(7))),
            ct);
        return [.. events.Where(e => RuleScopes.MaySee(who, e.TeamId)).Take(EventsShown)];
    }

    /// <summary>
    /// In force on every node when it returns, save on one that has lost the database. What the ledger holds of its period counts.
    /// </summary>
    /// <exception cref="ProblemException">The person may not, a field is wrong, or the name is taken.</exception>
    public async Task<BudgetStanding> CreateAsync(Person who, NewBudget budget, CancellationToken ct)
    {
        Words.Name("name", budget.Name);
        Check(budget.LimitUsd, budget.AlertPercent);
        var scope = await _scopes.ResolveAsync(who, budget.Scope, ct);

        // All but the last calls are counted before anything is locked, because that walks the ledger of the period.
        var upTo = _clock.GetUtcNow() - LastCalls;
        var counted = await _recounts.CountAsync(
            new Budget(Guid.Empty, budget.Name, scope, budget.Period, budget.Mode, budget.LimitUsd, budget.AlertPercent,
                budget.UnknownPrice, who.Email, upTo + LastCalls),
            upTo, ct);
        var created = await _writes.RunOnAllAsync(
            async write =>
            {
                var made = new Budget(
                    Guid.CreateVersion7(write.At), budget.Name, scope, budget.Period, budget.Mode, budget.LimitUsd, budget.AlertPercent,
                    budget.UnknownPrice, who.Email, write.At);
                await RuleNames.RequireFreeAsync(write.Sql, "budget", made.Name, scope.TeamId, ct);
                await write.Sql.ExecuteAsync(
                    $"""
                    INSERT INTO governance_budget (id, name, team_id, system_id, key_id, route, end_user, period, mode, limit_nanos,
                        alert_percent, unknown_price, created_by, created_at, recount_at)
                    VALUES ({made.Id}, {made.Name}, {scope.TeamId}, {scope.SystemId}, {scope.KeyId}, {scope.Route}, {scope.EndUser},
                        {Words.Of(made.Period)}, {Words.Of(made.Mode)}, {Nanos.FromUsd(made.LimitUsd)}, {made.AlertPercent},
                        {Words.Of(made.UnknownPrice)}, {made.CreatedBy}, {made.CreatedAt}, {write.At + BudgetRecounts.Again})
                    """,
                    ct);
                await _recounts.BeginAsync(write.Sql, made, counted, upTo, ct);
                await write.AuditAsync(who, "budget.create", scope.TeamId, made.Name, made.Id, Describe(made), ct);
                return made;
            },
            ct);
        return await GetAsync(who, created.Id, ct);
    }

    /// <exception cref="ProblemException">There is no such budget, the person may not, or a field is wrong.</exception>
    public async Task<BudgetStanding> ChangeAsync(Person who, Guid id, BudgetChange change, CancellationToken ct)
    {
        var before = (await GetAsync(who, id, ct)).Budget;
        RuleScopes.Require(who, before.Scope.TeamId);
        var after = before with
        {
            LimitUsd = change.LimitUsd ?? before.LimitUsd,
            Mode = change.Mode ?? before.Mode,
            AlertPercent = change.AlertPercent ?? before.AlertPercent,
            UnknownPrice = change.UnknownPrice ?? before.UnknownPrice,
        };
        Check(after.LimitUsd, after.AlertPercent);
        await _writes.RunOnAllAsync(
            async write =>
            {
                await write.Sql.ExecuteAsync(
                    $"""
                    UPDATE governance_budget
                    SET limit_nanos = {Nanos.FromUsd(after.LimitUsd)}, mode = {Words.Of(after.Mode)}, alert_percent = {after.AlertPercent},
                        unknown_price = {Words.Of(after.UnknownPrice)}
                    WHERE id = {id}
                    """,
                    ct);
                if (after.LimitUsd > before.LimitUsd)
                {
                    // What was reported of the lower limit may come true again of the higher one.
                    var (from, _) = LimitRule.Window(BudgetRows.PeriodOf(after.Period), write.At);
                    await write.Sql.ExecuteAsync($"DELETE FROM governance_budget_event WHERE budget_id = {id} AND from_at = {from}", ct);
                }

                await write.AuditAsync(
                    who, "budget.change", after.Scope.TeamId, after.Name, id,
                    Words.WithReason($"{Describe(before)} -> {Describe(after)}", change.Reason), ct);
                return true;
            },
            ct);
        return await GetAsync(who, id, ct);
    }

    /// <summary>Ends the budget; what was spent stays in the ledger.</summary>
    /// <exception cref="ProblemException">There is no such budget, the person may not, or the reason is too long.</exception>
    public async Task RemoveAsync(Person who, Guid id, string? reason, CancellationToken ct)
    {
        var budget = (await GetAsync(who, id, ct)).Budget;
        RuleScopes.Require(who, budget.Scope.TeamId);
        await _writes.RunAsync(
            async write =>
            {
                await write.Sql.ExecuteAsync($"DELETE FROM governance_allowance WHERE rule_id = {id}", ct);
                await write.Sql.ExecuteAsync($"DELETE FROM governance_lease WHERE rule_id = {id}", ct);
                await write.Sql.ExecuteAsync($"DELETE FROM governance_budget_event WHERE budget_id = {id}", ct);
                await write.Sql.ExecuteAsync($"DELETE FROM governance_budget WHERE id = {id}", ct);
                await write.AuditAsync(
                    who, "budget.remove", budget.Scope.TeamId, budget.Name, id, Words.WithReason(Describe(budget), reason), ct);
                return true;
            },
            ct);
    }

    private static void Check(decimal limitUsd, int alertPercent)
    {
        if (limitUsd is <= 0 or > MaxUsd)
        {
            throw new ProblemException(Problem.Invalid("limit_usd", "must be more than 0 and at most 1000000000"));
        }

        if (alertPercent is < 1 or > 100)
        {
            throw new ProblemException(Problem.Invalid("alert_percent", "must be between 1 and 100"));
        }
    }

    private static string Describe(Budget b) => string.Create(
        CultureInfo.InvariantCulture,
        $"{Words.Of(b.Mode)} {b.LimitUsd:0.#########} USD a {Words.Of(b.Period)}, alert at {b.AlertPercent} %, unknown prices: {Words.Of(b.UnknownPrice)}");

    private async Task<BudgetStanding> StandAsync(Budget budget, string? team, string? system, string? key, CancellationToken ct)
    {
        var now = _clock.GetUtcNow();
        var (from, until) = LimitRule.Window(BudgetRows.PeriodOf(budget.Period), now);
        var spent = await _db.QueryAsync(
            $"""
            SELECT a.subject, a.spent, a.unknown_calls, COALESCE(
                (SELECT CAST(SUM(l.underway) AS BIGINT) FROM governance_lease l
                 WHERE l.rule_id = a.rule_id AND l.measure = a.measure AND l.subject = a.subject AND l.from_at = a.from_at), 0)
            FROM governance_allowance a
            WHERE a.rule_id = {budget.Id} AND a.measure = 'money' AND a.from_at = {from}
            ORDER BY a.spent DESC LIMIT {UsersShown}
            """,
            row => (User: row.Text(0), Spent: Nanos.ToUsd(row.Long(1)), Unknown: row.Long(2), Reserved: Nanos.ToUsd(row.Long(3))),
            ct);
        var most = spent.FirstOrDefault();
        var total = budget.Period == BudgetPeriod.Total;
        return new BudgetStanding(
            budget, team, system, key, total ? null : from, total ? null : until, most.Spent, most.Reserved,
            Math.Max(0, budget.LimitUsd - most.Spent - most.Reserved), total ? null : Forecast(most.Spent, from, until, now),
            spent.Sum(s => s.Unknown),
            budget.Scope.IsPerUser ? [.. spent.Select(s => new UserSpending(s.User, s.Spent, s.Reserved))] : []);
    }

    private static decimal? Forecast(decimal spent, DateTimeOffset from, DateTimeOffset until, DateTimeOffset now)
    {
        var share = (now - from) / (until - from);
        return share < 0.01 ? null : decimal.Round(spent / (decimal)share, 9);
    }
}
