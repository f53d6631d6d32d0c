using Gatehouse.Contracts;

namespace Gatehouse.Observability.Ledger;

/// <summary>Which calls cost something that nobody knows: the sums count them, so that no total passes for complete.</summary>
internal static class UnpricedCall
{
    /// <param name="hasUsage">The provider reported tokens.</param>
    /// <param name="answeredModel">Named by a provider that began an answer, however it ended.</param>
    public static bool Is(CallOutcome? outcome, bool hasUsage, string? answeredModel, long? costNanos) =>
        costNanos is null && (outcome == CallOutcome.Ok || hasUsage || answeredModel is not null);
}
