namespace Gatehouse.Contracts;

/// <summary>How a guard outside of the process fared on this node in the last hour.</summary>
/// <param name="To">The webhook's host, or the model's route.</param>
/// <param name="Failed">Questions without a verdict.</param>
/// <param name="P50Micros">Half of the questions took at most this long.</param>
/// <param name="P99Micros">All but one of a hundred took at most this long.</param>
/// <param name="LastFailure">Why the last question without a verdict had none.</param>
public sealed record PlugInStanding(
    string Policy, string Rule, string Kind, string To, long Questions, long Found, long Failed, long P50Micros, long P99Micros,
    string? LastFailure, DateTimeOffset LastAskedAt);
