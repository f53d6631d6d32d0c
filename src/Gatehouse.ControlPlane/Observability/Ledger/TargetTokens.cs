using Gatehouse.Contracts;
using Gatehouse.Gateway.Journal;

namespace Gatehouse.Observability.Ledger;

/// <summary>What a target used of a call that another target ended. One JSON list a call, in <c>observability_ledger.earlier_targets</c>.</summary>
/// <param name="CostNanos">Zero also when the cost of the whole call is unknown, since then no part of it is in any sum.</param>
internal sealed record TargetTokens(string Provider, string Model, long InputTokens, long OutputTokens, long CostNanos)
{
    /// <returns>Empty for the usual call, all of whose tokens belong to the target that ended it.</returns>
    public static IReadOnlyList<TargetTokens> Earlier(CallRecord record)
    {
        List<TargetTokens>? found = null;
        foreach (var attempt in record.Attempts)
        {
            if (attempt.Usage is not { } usage || (attempt.Provider == record.Provider && attempt.Model == record.Model))
            {
                continue;
            }

            found ??= [];
            var at = found.FindIndex(t => t.Provider == attempt.Provider && t.Model == attempt.Model);
            var before = at < 0 ? new TargetTokens(attempt.Provider, attempt.Model, 0, 0, 0) : found[at];
            var sum = before with
            {
                InputTokens = before.InputTokens + usage.TotalInput,
                OutputTokens = before.OutputTokens + usage.TotalOutput,
                CostNanos = before.CostNanos + (record.CostNanos is not null && attempt.CostUsd is { } usd ? Nanos.FromUsd(usd) : 0),
            };
            if (at < 0)
            {
                found.Add(sum);
            }
            else
            {
                found[at] = sum;
            }
        }

        return found ?? [];
    }
}
