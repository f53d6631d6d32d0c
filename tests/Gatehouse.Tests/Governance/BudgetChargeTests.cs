using Gatehouse.Contracts;
using Gatehouse.Gateway.Journal;
using Gatehouse.Governance;
using Gatehouse.Tests.Observability;
using Gatehouse.Tests.Storage;

namespace Gatehouse.Tests.Governance;

/// <summary>What the ledger's transactions do to budgets and leases.</summary>
public class BudgetChargeTests
{
    private const string Node = "n1";
    private const long Run = 7;

    public static readonly TheoryData<string> Kinds = TestDatabases.Kinds;

    private static readonly Guid Team = Guid.CreateVersion7();

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    /// <summary>
    /// What a call took of a lease only its node knows: it may have begun before the node had heard of the budget, or on a lease that was
    /// lost since. To take a charge for settled would free what others still hold.
    /// </summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task What_is_charged_is_spent_and_settles_nothing(string kind)
    {
        await using var ledger = await StartAsync(kind, endUser: null);

        await ChargeAsync(ledger, Samples.Noon.AddSeconds(-1), "", nanos: 40);
        await ChargeAsync(ledger, Samples.Noon.AddSeconds(1), "", nanos: 2);

        Assert.Equal(42, await ledger.CountAsync($"SELECT spent FROM governance_allowance"));
        Assert.Equal(0, await ledger.CountAsync($"SELECT settled FROM governance_lease"));
    }

    /// <summary>The ledger names end users only since somebody asks for them, and a recount begins there too.</summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task A_budget_of_each_end_user_counts_from_when_it_was_made(string kind)
    {
        await using var ledger = await StartAsync(kind, CallScope.EachUser);

        await ChargeAsync(ledger, Samples.Noon.AddSeconds(-1), "ann", nanos: 40);
        await ChargeAsync(ledger, Samples.Noon.AddSeconds(1), "ann", nanos: 2);

        Assert.Equal(2, await ledger.CountAsync($"SELECT spent FROM governance_allowance WHERE subject = 'ann'"));
    }

    /// <summary>A budget made at noon, of which the node holds something.</summary>
    private static async Task<TestLedger> StartAsync(string kind, string? endUser)
    {
        var ledger = await TestLedger.StartAsync(kind);
        var id = Guid.CreateVersion7();
        await ledger.Db.ExecuteAsync(
            $"""
            INSERT INTO governance_budget (id, name, end_user, period, mode, limit_nanos, alert_percent, unknown_price, created_by, created_at)
            VALUES ({id}, 'all', {endUser}, 'total', 'hard', 1000, 80, 'count', 'admin', {Samples.Noon})
            """,
            Ct);
        var (from, until) = Gatehouse.Gateway.Limits.LimitRule.Window(Gatehouse.Gateway.Limits.LimitPeriod.Total, Samples.Noon);
        await ledger.Db.ExecuteAsync(
            $"""
            INSERT INTO governance_lease (rule_id, measure, subject, from_at, until_at, node, run, granted, used, underway, settled)
            VALUES ({id}, 'money', '', {from}, {until}, {Node}, {Run}, 1000, 0, 0, 0)
            """,
            Ct);
        return ledger;
    }

    private static async Task ChargeAsync(TestLedger ledger, DateTimeOffset startedAt, string endUser, long nanos)
    {
        using var metrics = new BudgetMetrics();
        var record = new CallRecord
        {
            Id = Guid.CreateVersion7(startedAt),
            TeamId = Team,
            StartedAtMicros = (startedAt - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond,
            EndUser = endUser,
            CostNanos = nanos,
        };
        await ledger.Db.TransactionAsync(sql => new BudgetCharges(metrics, ledger.Clock).ChargeAsync(sql, [record], Ct), Ct);
    }
}
