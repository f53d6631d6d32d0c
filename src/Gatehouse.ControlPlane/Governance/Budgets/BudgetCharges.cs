using Gatehouse.Contracts;
using Gatehouse.Gateway.Journal;
using Gatehouse.Gateway.Limits;
using Gatehouse.Storage;

namespace Gatehouse.Governance;

/// <summary>
/// Charges budgets with the calls that the ledger takes, in its transaction: what is spent is what the ledger holds, once, whatever
/// happens to a node. Reports budgets that reach the share at which they alert, or their end.
/// </summary>
internal sealed class BudgetCharges(BudgetMetrics metrics, TimeProvider clock)
{
    public async Task ChargeAsync(Transaction sql, IReadOnlyList<CallRecord> records, CancellationToken ct)
    {
        var budgets = await sql.QueryAsync($"SELECT {BudgetRows.Columns} FROM governance_budget b", BudgetRows.Read, ct);
        if (budgets.Count == 0)
        {
            return;
        }

        var charges = new Dictionary<(Guid Budget, string Subject, DateTimeOffset From), Charge>();
        foreach (var record in records)
        {
            var nanos = record.ChargedNanos ?? record.CostNanos ?? 0;
            var unknown = record is { CostNanos: null, ChargedNanos: null }
                && (record.Outcome == CallOutcome.Ok || record.Usage is not null || record.AnsweredModel is not null);
            if (nanos == 0 && !unknown)
            {
                continue;
            }

            foreach (var budget in budgets)
            {
                var startedAt = DateTimeOffset.UnixEpoch.AddMicroseconds(record.StartedAtMicros);
                if (budget.Scope.Matches(record.TeamId, record.SystemId, record.KeyId, record.Route, record.EndUser)
                    && startedAt >= BudgetRecounts.Since(budget, DateTimeOffset.MinValue))
                {
                    var (from, until) = LimitRule.Window(BudgetRows.PeriodOf(budget.Period), startedAt);
                    var key = (budget.Id, budget.Scope.IsPerUser ? record.EndUser : "", from);
                    if (!charges.TryGetValue(key, out var charge))
                    {
                        charges.Add(key, charge = new Charge(budget, until));
                    }

                    charge.Nanos += nanos;
                    charge.Unknown += unknown ? 1 : 0;
                }
            }
        }

        // Who counts a budget anew holds the row of no one in particular: so each charge of an end user takes that one first.
        foreach (var ((id, _, from), charge) in charges.Where(c => c.Value.Budget.Scope.IsPerUser).ToList())
        {
            charges.TryAdd((id, "", from), new Charge(charge.Budget, charge.Until));
        }

        // In one order on all nodes, so that they wait for each other's rows and never in a circle.
        foreach (var (key, charge) in charges.OrderBy(c => c.Key.Budget).ThenBy(c => c.Key.Subject, StringComparer.Ordinal)
            .ThenBy(c => c.Key.From))
        {
            var spent = (await sql.QueryAsync(
                $"""
                INSERT INTO governance_allowance (rule_id, measure, subject, from_at, until_at, spent, unknown_calls)
                VALUES ({key.Budget}, 'money', {key.Subject}, {key.From}, {charge.Until}, {charge.Nanos}, {charge.Unknown})
                ON CONFLICT (rule_id, measure, subject, from_at) DO UPDATE
                SET spent = governance_allowance.spent + excluded.spent, unknown_calls = governance_allowance.unknown_calls + excluded.unknown_calls
                RETURNING spent
                """,
                row => row.Long(0),
                ct))[0];
            await ReportAsync(sql, charge.Budget, key.Subject, key.From, spent, ct);
        }
    }

    /// <summary>Each kind once in a period.</summary>
    public async Task ReportAsync(Transaction sql, Budget budget, string subject, DateTimeOffset from, long spent, CancellationToken ct)
    {
        var limit = Nanos.FromUsd(budget.LimitUsd);
        await ReportAsync(BudgetEventKind.Alert, spent >= limit * (decimal)budget.AlertPercent / 100);
        await ReportAsync(BudgetEventKind.Exhausted, spent >= limit);

        async Task ReportAsync(BudgetEventKind kind, bool reached)
        {
            if (reached && await sql.ExecuteAsync(
                $"""
                INSERT INTO governance_budget_event (budget_id, subject, from_at, kind, made_at, spent_nanos, limit_nanos)
                VALUES ({budget.Id}, {subject}, {from}, {Words.Of(kind)}, {clock.Now()}, {spent}, {limit})
                ON CONFLICT (budget_id, subject, from_at, kind) DO NOTHING
                """,
                ct) == 1)
            {
                metrics.Reported(budget.Name, Words.Of(kind));
            }
        }
    }

    private sealed class Charge(Budget budget, DateTimeOffset until)
    {
        public Budget Budget { get; } = budget;

        public DateTimeOffset Until { get; } = until;

        public long Nanos { get; set; }

        public long Unknown { get; set; }
    }
}
