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
/// </summary>
internal sealed class BudgetRecounts(Database db, ReadSpending read, BudgetCharges charges, TimeProvider clock)
{
    /// <summary>Above the time that any transaction of the ledger takes.</summary>
    public static readonly TimeSpan Again = TimeSpan.FromSeconds(30);

    /// <summary>Counts budgets whose second count is due. Safe to run on every node.</summary>
    public async Task RunDueAsync(CancellationToken ct)
    {
        var due = await db.QueryAsync(
            $"SELECT {BudgetRows.Columns} FROM governance_budget b WHERE b.recount_at <= {clock.GetUtcNow()}", BudgetRows.Read, ct);
        foreach (var budget in due)
        {
            await db.TransactionAsync(
                async sql =>
                {
                    if (await sql.ExecuteAsync(
                        $"UPDATE governance_budget SET recount_at = NULL WHERE id = {budget.Id} AND recount_at IS NOT NULL", ct) == 1)
                    {
                        await RecountAsync(sql, budget, ct);
                    }
                },
                ct);
        }
    }

    /// <summary>Where counting begins in a period: the ledger names end users only since somebody asks for them.</summary>
    public static DateTimeOffset Since(Budget budget, DateTimeOffset from) =>
        budget.Scope.EndUser is not null && budget.CreatedAt > from ? budget.CreatedAt : from;

    /// <summary>Counts the present period.</summary>
    public Task RecountAsync(Transaction sql, Budget budget, CancellationToken ct) => RecountAsync(sql, budget, clock.GetUtcNow(), ct);

    /// <summary>Counts the period that <paramref name="at"/> falls into.</summary>
    public async Task RecountAsync(Transaction sql, Budget budget, DateTimeOffset at, CancellationToken ct)
    {
        var (from, until) = LimitRule.Window(BudgetRows.PeriodOf(budget.Period), at);
        var since = Since(budget, from);

        // The lock comes before the count: what is charged after it waits, and is not in the count. The row of no one in particular stands
        // for all end users (BudgetCharges): theirs are many, come and go, and would be locked in no order.
        await sql.ExecuteAsync(
            $"""
            INSERT INTO governance_allowance (rule_id, measure, subject, from_at, until_at, spent, unknown_calls)
            VALUES ({budget.Id}, 'money', '', {from}, {until}, 0, 0)
            ON CONFLICT (rule_id, measure, subject, from_at) DO UPDATE SET spent = governance_allowance.spent
            """,
            ct);
        foreach (var sum in await read(sql, budget.Scope, since, until, ct))
        {
            await sql.ExecuteAsync(
                $"""
                INSERT INTO governance_allowance (rule_id, measure, subject, from_at, until_at, spent, unknown_calls)
                VALUES ({budget.Id}, 'money', {sum.EndUser}, {from}, {until}, {sum.Nanos}, {sum.UnknownCalls})
                ON CONFLICT (rule_id, measure, subject, from_at) DO UPDATE SET spent = excluded.spent, unknown_calls = excluded.unknown_calls
                """,
                ct);
            await charges.ReportAsync(sql, budget, sum.EndUser, from, sum.Nanos, ct);
        }
    }
}
