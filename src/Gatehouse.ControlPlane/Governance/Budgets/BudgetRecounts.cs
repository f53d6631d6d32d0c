using Gatehouse.Contracts;
using Gatehouse.Gateway.Limits;
using Gatehouse.Storage;

namespace Gatehouse.Governance;

/// <summary>What the calls of a scope and time were charged, by end user, as the ledger holds it; the host joins it.</summary>
public delegate Task<IReadOnlyList<(string EndUser, long Nanos, long UnknownCalls)>> ReadSpending(
    Transaction sql, CallScope scope, DateTimeOffset from, DateTimeOffset until, CancellationToken ct);

/// <summary>
/// Counts a budget anew from the ledger. A transaction that writes the ledger while a budget is made does not see it yet, and its calls
/// would be missed: so each budget is counted when it is made and once more when no such transaction can be open any longer.
/// <para>
/// The ledger is walked in a snapshot, which holds nobody up: SQLite has one writer. What the count says too much or too little there, of
/// what was charged by then, is true of any later moment, because charges only add. So the transaction that writes is short.
/// </para>
/// </summary>
internal sealed class BudgetRecounts(Database db, ReadSpending read, BudgetCharges charges, TimeProvider clock)
{
    /// <summary>Above the time that any transaction of the ledger takes.</summary>
    public static readonly TimeSpan Again = TimeSpan.FromSeconds(30);

    /// <summary>By so much clocks of several nodes that are kept may differ.</summary>
    private static readonly TimeSpan Skew = TimeSpan.FromSeconds(5);

    /// <summary>Periods to come of which calls are looked for: an age of days, and decades of months.</summary>
    private const int MostPeriods = 400;

    /// <summary>Counts budgets whose count is due. Safe to run on every node.</summary>
    /// <returns>Names of budgets that turned out to be made under a clock that was ahead.</returns>
    public async Task<IReadOnlyList<string>> RunDueAsync(CancellationToken ct)
    {
        var early = await RedateAsync(ct);
        var due = await db.QueryAsync(
            $"SELECT {BudgetRows.Columns} FROM governance_budget b WHERE b.recount_at <= {clock.GetUtcNow()}", BudgetRows.Read, ct);
        foreach (var budget in due)
        {
            await RecountAsync(budget, ct);
        }

        return early;
    }

    /// <summary>
    /// A budget that is still to be made was made under a clock that was ahead. One of end users would count no call until then, and the
    /// first count of any was of another period: it is made now.
    /// </summary>
    private async Task<IReadOnlyList<string>> RedateAsync(CancellationToken ct)
    {
        if (!await IsAnyLaterAsync(clock.Now()))
        {
            return [];
        }

        // The later of two clocks: it may be this one that is wrong.
        var now = (await db.PingAsync(ct)).Clock is { } there && there > clock.Now() ? there : clock.Now();
        return !await IsAnyLaterAsync(now) ? [] : await db.TransactionAsync(
            async sql =>
            {
                await sql.ExecuteAsync($"UPDATE governance_revision SET revision = revision + 1 WHERE id = {1}", ct);
                return await sql.QueryAsync(
                    $"UPDATE governance_budget SET created_at = {now}, recount_at = {now} WHERE created_at > {now + Skew} RETURNING name",
                    row => row.Text(0),
                    ct);
            },
            ct);

        async Task<bool> IsAnyLaterAsync(DateTimeOffset at) => (await db.QueryAsync(
            $"SELECT 1 FROM governance_budget WHERE created_at > {at + Skew}", row => row.Long(0), ct)).Count > 0;
    }

    /// <summary>Where counting begins in a period: the ledger names end users only since somebody asks for them.</summary>
    public static DateTimeOffset Since(Budget budget, DateTimeOffset from) =>
        budget.Scope.EndUser is not null && budget.CreatedAt > from ? budget.CreatedAt : from;

    /// <summary>What the ledger holds of the present period for a budget that is about to be made.</summary>
    /// <param name="upTo">The rest is counted by <see cref="BeginAsync"/>.</param>
    public Task<IReadOnlyList<(string EndUser, long Nanos, long UnknownCalls)>> CountAsync(
        Budget budget, DateTimeOffset upTo, CancellationToken ct)
    {
        var (from, _) = LimitRule.Window(BudgetRows.PeriodOf(budget.Period), upTo);
        return db.SnapshotAsync(sql => read(sql, budget.Scope, Since(budget, from), upTo, ct), ct);
    }

    /// <summary>Writes the first count, in the transaction that makes the budget.</summary>
    /// <param name="counted">Of all calls that started before <paramref name="upTo"/>.</param>
    public async Task BeginAsync(
        Transaction sql, Budget budget, IReadOnlyList<(string EndUser, long Nanos, long UnknownCalls)> counted, DateTimeOffset upTo,
        CancellationToken ct)
    {
        var (from, until) = LimitRule.Window(BudgetRows.PeriodOf(budget.Period), budget.CreatedAt);
        var since = Since(budget, from);
        var rest = await read(sql, budget.Scope, since > upTo ? since : upTo, until, ct);
        await ChangeAsync(sql, budget, from, until, Sum(from > upTo ? rest : counted.Concat(rest)), ct); // before: of the last period
    }

    /// <summary>
    /// Counts the present period, and those to come that calls are in already because a clock was ahead, if that is still due when it is
    /// done.
    /// </summary>
    public async Task RecountAsync(Budget budget, CancellationToken ct)
    {
        var counts = new List<Count>();
        var asked = await db.SnapshotAsync(
            async sql =>
            {
                var due = await sql.QueryAsync(
                    $"SELECT recount_at FROM governance_budget WHERE id = {budget.Id} AND recount_at IS NOT NULL",
                    row => row.Instant(0),
                    ct);
                if (due.Count == 0)
                {
                    return (DateTimeOffset?)null;
                }

                counts.Clear();
                var (at, isLast) = (clock.GetUtcNow(), false);
                while (!isLast)
                {
                    var (from, until) = LimitRule.Window(BudgetRows.PeriodOf(budget.Period), at);
                    counts.Add(new Count(from, until, await CompareAsync(sql, budget, from, until, ct)));
                    isLast = until == DateTimeOffset.MaxValue || counts.Count == MostPeriods
                        || (await read(sql, budget.Scope, until, DateTimeOffset.MaxValue, ct)).Count == 0;
                    at = until;
                }

                return due[0];
            },
            ct);
        if (asked is { } dueAt)
        {
            await db.TransactionAsync(
                async sql =>
                {
                    // Nobody else has counted it since, or wants it counted once more. One that is new has its second count still to come.
                    DateTimeOffset? again = budget.CreatedAt + Again > dueAt ? budget.CreatedAt + Again : null;
                    if (await sql.ExecuteAsync(
                        $"UPDATE governance_budget SET recount_at = {again} WHERE id = {budget.Id} AND recount_at = {dueAt}", ct) == 1)
                    {
                        foreach (var (from, until, changes) in counts.Where((c, i) => i == 0 || c.Changes.Count > 0))
                        {
                            await ChangeAsync(sql, budget, from, until, changes, ct);
                        }
                    }
                },
                ct);
        }
    }

    /// <returns>What the ledger holds more than is counted, by end user.</returns>
    private async Task<Dictionary<string, (long Nanos, long Unknown)>> CompareAsync(
        Transaction sql, Budget budget, DateTimeOffset from, DateTimeOffset until, CancellationToken ct)
    {
        var charged = await sql.QueryAsync(
            $"""
            SELECT subject, spent, unknown_calls FROM governance_allowance
            WHERE rule_id = {budget.Id} AND measure = 'money' AND from_at = {from}
            """,
            row => (row.Text(0), -row.Long(1), -row.Long(2)),
            ct);
        return Sum((await read(sql, budget.Scope, Since(budget, from), until, ct)).Concat(charged));
    }

    private static Dictionary<string, (long Nanos, long Unknown)> Sum(IEnumerable<(string User, long Nanos, long Unknown)> parts) =>
        parts.GroupBy(p => p.User, StringComparer.Ordinal).ToDictionary(g => g.Key, g => (g.Sum(p => p.Nanos), g.Sum(p => p.Unknown)));

    private async Task ChangeAsync(
        Transaction sql, Budget budget, DateTimeOffset from, DateTimeOffset until, Dictionary<string, (long Nanos, long Unknown)> changes,
        CancellationToken ct)
    {
        // The row of no one in particular stands for all end users (BudgetCharges): theirs are many, come and go, and would be locked in no
        // order.
        changes.TryAdd("", (0, 0));
        foreach (var (user, change) in changes.OrderBy(c => c.Key, StringComparer.Ordinal))
        {
            var spent = (await sql.QueryAsync(
                $"""
                INSERT INTO governance_allowance (rule_id, measure, subject, from_at, until_at, spent, unknown_calls, lowered)
                VALUES ({budget.Id}, 'money', {user}, {from}, {until}, {change.Nanos}, {change.Unknown}, {Math.Max(0, -change.Nanos)})
                ON CONFLICT (rule_id, measure, subject, from_at) DO UPDATE
                SET spent = governance_allowance.spent + excluded.spent, unknown_calls = governance_allowance.unknown_calls + excluded.unknown_calls,
                    lowered = governance_allowance.lowered + excluded.lowered
                RETURNING spent
                """,
                row => row.Long(0),
                ct))[0];
            await charges.ReportAsync(sql, budget, user, from, spent, ct);
        }
    }

    private sealed record Count(DateTimeOffset From, DateTimeOffset Until, Dictionary<string, (long Nanos, long Unknown)> Changes);
}
