using Gatehouse.Contracts;
using Gatehouse.Gateway.Journal;

namespace Gatehouse.Observability.Ledger;

/// <summary>
/// What a target had to do with a call that another target ended. One JSON list a call, in <c>observability_ledger.earlier_targets</c>.
/// </summary>
/// <param name="CostNanos">Zero also when the cost of the whole call is unknown, since then no part of it is in any sum.</param>
/// <param name="FailedOver">Attempts there that failed, so that the call went on to another.</param>
internal sealed record TargetTokens(string Provider, string Model, long InputTokens, long OutputTokens, long CostNanos, long FailedOver = 0)
{
    private const string HedgeLost = "hedge_lost"; // of an attempt that was well, and only slower than another

    /// <summary>Whether a part of the call's tokens is its.</summary>
    public bool HasTokens => InputTokens + OutputTokens > 0;

    /// <returns>Empty for the usual call, which had only to do with the target that ended it.</returns>
    public static IReadOnlyList<TargetTokens> Earlier(CallRecord record)
    {
        // Of two attempts that were under way when the call was cut, neither failed.
        var isCut = record.Outcome == CallOutcome.Cancelled || record.ErrorCode == CallErrors.ServerStopped;
        List<TargetTokens>? found = null;
        foreach (var attempt in record.Attempts)
        {
            var failed = attempt.ErrorCode is not null and not HedgeLost && !(isCut && attempt.ErrorCode == record.ErrorCode);
            if ((attempt.Usage is null && !failed) || (attempt.Provider == record.Provider && attempt.Model == record.Model))
            {
                continue;
            }

            var usage = attempt.Usage ?? default;

            found ??= [];
            var at = found.FindIndex(t => t.Provider == attempt.Provider && t.Model == attempt.Model);
            var before = at < 0 ? new TargetTokens(attempt.Provider, attempt.Model, 0, 0, 0) : found[at];
            var sum = before with
            {
                InputTokens = before.InputTokens + usage.TotalInput,
                OutputTokens = before.OutputTokens + usage.TotalOutput,
                CostNanos = before.CostNanos + (record.CostNanos is not null && attempt.CostUsd is { } usd ? Nanos.FromUsd(usd) : 0),
                FailedOver = before.FailedOver + (failed ? 1 : 0),
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
