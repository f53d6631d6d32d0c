using Gatehouse.Contracts;
using Gatehouse.Gateway.Journal;
using Gatehouse.Gateway.Limits;
using Gatehouse.Storage;

namespace Gatehouse.Governance;

/// <summary>Where the ledger meets budgets; the host joins them.</summary>
public sealed class BudgetDoor
{
    private readonly BudgetCharges _charges;
    private readonly JournalProgress _journal;
    private readonly NodeClaim _claim;
    private readonly BudgetRecounts _recounts;
    private readonly GovernanceWrites _writes;

    internal BudgetDoor(
        BudgetCharges charges, JournalProgress journal, NodeClaim claim, BudgetRecounts recounts, GovernanceWrites writes)
    {
        _claim = claim;
        _recounts = recounts;
        _writes = writes;
        _charges = charges;
        _journal = journal;
    }

    /// <summary>Charges budgets with calls, in the transaction that writes them into the ledger.</summary>
    /// <exception cref="NodeTakenException">Another run goes by this node's name: they must not be written.</exception>
    public async Task ChargeAsync(Transaction sql, IReadOnlyList<CallRecord> records, CancellationToken ct)
    {
        await _claim.CheckAsync(sql, ct);
        await _charges.ChargeAsync(sql, records, ct);
    }

    /// <summary>Everything of this node's journal up to here is in the ledger.</summary>
    public void Drained(JournalPosition upTo) => _journal.Drained(upTo);

    /// <summary>The ledger's costs of a period changed: that goes to the audit log, and budgets are counted anew.</summary>
    /// <exception cref="ProblemException">The reason is too long.</exception>
    public async Task RepricedAsync(
        Person who, DateTimeOffset from, DateTimeOffset to, string detail, string? reason, CancellationToken ct)
    {
        await _writes.RunAsync(
            async write =>
            {
                foreach (var budget in await write.Sql.QueryAsync(
                    $"SELECT {BudgetRows.Columns} FROM governance_budget b", BudgetRows.Read, ct))
                {
                    var (begins, ends) = LimitRule.Window(BudgetRows.PeriodOf(budget.Period), write.At);
                    if (from < ends && to > begins)
                    {
                        await write.Sql.ExecuteAsync($"UPDATE governance_budget SET recount_at = {write.At} WHERE id = {budget.Id}", ct);
                    }
                }

                await write.AuditAsync(who, "prices.reprice", null, "ledger", null, Words.WithReason(detail, reason), ct);
                return true;
            },
            ct);
        await _recounts.RunDueAsync(ct);
    }
}
