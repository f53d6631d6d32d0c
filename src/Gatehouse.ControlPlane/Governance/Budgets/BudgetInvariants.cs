using System.Globalization;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Limits;
using Gatehouse.Storage;

namespace Gatehouse.Governance;

/// <summary>
/// Proves that budgets count what the ledger holds, and that nobody holds a part of one for a call that is over. Reads only.
/// </summary>
public static class BudgetInvariants
{
    /// <param name="read">What the ledger holds, in the same snapshot.</param>
    /// <returns>
    /// The number of counts compared, a sentence for each fault, and the budgets left out because their first count is due.
    /// </returns>
    public static async Task<(long Checked, IReadOnlyList<string> Faults, IReadOnlyList<string> Due)> SpentAsync(
        Transaction sql, ReadSpending read, TimeProvider clock, CancellationToken ct)
    {
        var budgets = await sql.QueryAsync(
            $"SELECT {BudgetRows.Columns}, b.recount_at FROM governance_budget b ORDER BY b.created_at",
            row => (Budget: BudgetRows.Read(row), IsDue: !row.IsNull(14)),
            ct);
        var (count, faults) = (0L, new List<string>());
        foreach (var (budget, _) in budgets.Where(b => !b.IsDue))
        {
            var (from, until) = LimitRule.Window(BudgetRows.PeriodOf(budget.Period), clock.GetUtcNow());
            var counted = (await sql.QueryAsync(
                $"SELECT subject, spent FROM governance_allowance WHERE rule_id = {budget.Id} AND measure = 'money' AND from_at = {from}",
                row => (Subject: row.Text(0), Spent: row.Long(1)),
                ct)).ToDictionary(c => c.Subject, c => c.Spent);
            foreach (var sum in await read(sql, budget.Scope, BudgetRecounts.Since(budget, from), until, ct))
            {
                count++;
                var spent = counted.GetValueOrDefault(sum.EndUser);
                counted.Remove(sum.EndUser);
                if (spent != sum.Nanos)
                {
                    faults.Add($"Budget '{budget.Name}'{Of(sum.EndUser)} counts {Usd(spent)}, and the ledger holds {Usd(sum.Nanos)}.");
                }
            }

            faults.AddRange(counted.Where(c => c.Value != 0).Select(c =>
                $"Budget '{budget.Name}'{Of(c.Key)} counts {Usd(c.Value)}, and the ledger holds nothing."));
        }

        return (count, faults, [.. budgets.Where(b => b.IsDue).Select(b => b.Budget.Name)]);
    }

    /// <returns>The number of leases looked at, and a sentence for each fault.</returns>
    public static async Task<(long Checked, IReadOnlyList<string> Faults)> LeasesAsync(
        Transaction sql, TimeProvider clock, CancellationToken ct)
    {
        var faults = await sql.QueryAsync(
            $"""
            SELECT l.node, l.run, COUNT(*), CAST(SUM(l.underway) AS BIGINT) FROM governance_lease l
            LEFT JOIN governance_node n ON n.node = l.node AND n.run = l.run
            WHERE n.node IS NULL GROUP BY l.node, l.run ORDER BY l.node, l.run
            """,
            row => $"Run {row.Long(1)} of node {row.Text(0)} is over and still holds parts of {row.Long(2)} counts.",
            ct);
        faults.AddRange(await sql.QueryAsync(
            $"""
            SELECT a.rule_id, a.subject, a.spent, CAST(SUM(l.settled) AS BIGINT) FROM governance_lease l
            JOIN governance_allowance a ON a.rule_id = l.rule_id AND a.measure = l.measure AND a.subject = l.subject AND a.from_at = l.from_at
            JOIN governance_budget b ON b.id = a.rule_id AND b.recount_at IS NULL
            WHERE l.measure = 'money' GROUP BY a.rule_id, a.subject, a.from_at, a.spent, a.lowered HAVING SUM(l.settled) > a.spent + a.lowered
            """,
            row => $"Of count {row.Id(0)}{Of(row.Text(1))} runs settled {Usd(row.Long(3))}, more than the {Usd(row.Long(2))} that are spent.",
            ct));
        faults.AddRange(await sql.QueryAsync(
            $"""
            SELECT rule_id, node FROM governance_lease WHERE measure = 'money' AND settled > used - underway ORDER BY rule_id, node
            """,
            row => $"Node {row.Text(1)} settled more of count {row.Id(0)} than its calls used.",
            ct));
        faults.AddRange(await sql.QueryAsync(
            $"""
            SELECT rule_id, measure, node FROM governance_lease WHERE granted < 0 OR used < 0 OR underway < 0 OR settled < 0
            ORDER BY rule_id, measure, node
            """,
            row => $"Node {row.Text(2)} holds less than nothing of the {row.Text(1)} of count {row.Id(0)}.",
            ct));
        faults.AddRange(await BeyondAsync(sql, clock.GetUtcNow(), ct));
        var count = await sql.QueryAsync($"SELECT COUNT(*) FROM governance_lease", row => row.Long(0), ct);
        return (count[0], faults);
    }

    /// <summary>
    /// What a node holds and has not used is never more than the limit, once the node says that it holds by the last change.
    /// </summary>
    private static Task<List<string>> BeyondAsync(Transaction sql, DateTimeOffset now, CancellationToken ct) => sql.QueryAsync(
        $"""
        SELECT h.node, h.name, h.measure, h.subject, h.granted, h.cap FROM (
            SELECT l.node, b.name, l.measure, l.subject, l.granted, l.used, l.from_at, l.until_at, b.limit_nanos + a.lowered AS cap
            FROM governance_lease l
            JOIN governance_budget b ON b.id = l.rule_id AND b.mode = 'hard'
            JOIN governance_allowance a
                ON a.rule_id = l.rule_id AND a.measure = l.measure AND a.subject = l.subject AND a.from_at = l.from_at
            WHERE l.measure = 'money'
            UNION ALL
            SELECT l.node, b.name, l.measure, l.subject, l.granted, l.used, l.from_at, l.until_at,
                CASE l.measure WHEN 'requests' THEN b.requests_per_minute WHEN 'tokens' THEN b.tokens_per_minute ELSE b.concurrency END
            FROM governance_lease l JOIN governance_limit b ON b.id = l.rule_id) h
        JOIN governance_node n ON n.node = h.node
        WHERE h.granted > h.cap AND h.granted > h.used AND h.from_at <= {now} AND h.until_at > {now}
            AND n.revision >= (SELECT revision FROM governance_revision WHERE id = 1)
        ORDER BY h.name, h.measure, h.subject, h.node
        """,
        row => $"Node {row.Text(0)} holds {Amount(row.Text(2), row.Long(4))} of '{row.Text(1)}'{Of(row.Text(3))}, which has {Amount(row.Text(2), row.Long(5))}.",
        ct);

    private static string Amount(string measure, long amount) => measure == Words.Of(Measure.Money)
        ? Usd(amount)
        : string.Create(CultureInfo.InvariantCulture, $"{amount:N0} {(measure == Words.Of(Measure.Concurrency) ? "calls at a time" : measure)}");

    private static string Of(string subject) => subject.Length == 0 ? "" : $" of end user '{subject}'";

    private static string Usd(long nanos) => string.Create(CultureInfo.InvariantCulture, $"{Nanos.ToUsd(nanos):0.#########} USD");
}
