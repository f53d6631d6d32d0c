using Gatehouse.Contracts;
using Gatehouse.Gateway.Limits;
using Gatehouse.Storage;

namespace Gatehouse.Governance;

/// <summary>Rows of <c>governance_budget</c> and <c>governance_limit</c>, and what the gateway makes of them.</summary>
internal static class BudgetRows
{
    private static readonly FormattableString ScopeColumns =
        $"b.id, b.name, b.team_id, b.system_id, b.key_id, b.route, b.end_user, b.created_by, b.created_at";

    /// <summary>For <see cref="Read"/>; the table's alias is <c>b</c>.</summary>
    public static readonly FormattableString Columns = $"{ScopeColumns}, b.period, b.mode, b.limit_nanos, b.alert_percent, b.unknown_price";

    /// <summary>For <see cref="ReadLimit"/>; the table's alias is <c>b</c>.</summary>
    public static readonly FormattableString LimitColumns = $"{ScopeColumns}, b.requests_per_minute, b.tokens_per_minute, b.concurrency";

    public static Budget Read(Row row) => new(
        row.Id(0), row.Text(1), ReadScope(row), Words.Parse<BudgetPeriod>(row.Text(9)), Words.Parse<BudgetMode>(row.Text(10)),
        Nanos.ToUsd(row.Long(11)), (int)row.Long(12), Words.Parse<UnknownPrice>(row.Text(13)), row.Text(7), row.Instant(8));

    public static RateLimit ReadLimit(Row row) => new(
        row.Id(0), row.Text(1), ReadScope(row), row.LongOrNull(9), row.LongOrNull(10), row.LongOrNull(11), row.Text(7), row.Instant(8));

    public static LimitPeriod PeriodOf(BudgetPeriod period) => period switch
    {
        BudgetPeriod.Day => LimitPeriod.Day,
        BudgetPeriod.Month => LimitPeriod.Month,
        _ => LimitPeriod.Total,
    };

    public static LimitRule RuleOf(Budget budget) => new(
        budget.Id, budget.Name, budget.Scope, Measure.Money, PeriodOf(budget.Period), Nanos.FromUsd(budget.LimitUsd),
        budget.Mode == BudgetMode.Hard, budget.UnknownPrice)
    {
        Since = budget.Scope.EndUser is null ? null : budget.CreatedAt,
    };

    public static IEnumerable<LimitRule> RulesOf(RateLimit limit)
    {
        if (limit.RequestsPerMinute is { } requests)
        {
            yield return Rule(limit, Measure.Requests, LimitPeriod.Minute, requests);
        }

        if (limit.TokensPerMinute is { } tokens)
        {
            yield return Rule(limit, Measure.Tokens, LimitPeriod.Minute, tokens);
        }

        if (limit.Concurrency is { } calls)
        {
            yield return Rule(limit, Measure.Concurrency, LimitPeriod.Total, calls);
        }
    }

    private static LimitRule Rule(RateLimit limit, Measure measure, LimitPeriod period, long cap) =>
        new(limit.Id, limit.Name, limit.Scope, measure, period, cap, true, UnknownPrice.Count);

    private static CallScope ReadScope(Row row) =>
        new(row.IdOrNull(2), row.IdOrNull(3), row.IdOrNull(4), row.TextOrNull(5), row.TextOrNull(6));
}
