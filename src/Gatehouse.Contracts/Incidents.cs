namespace Gatehouse.Contracts;

/// <summary>Something that went wrong with a system, from its detection to its end: so far, a circuit breaker that opened.</summary>
/// <param name="Name">Of the breaker.</param>
/// <param name="Watch">What it watches: <c>violation_rate</c>, <c>cost</c>, <c>loops</c> or <c>tool_call_storm</c>.</param>
/// <param name="Action">What it does with calls: <c>slow</c>, <c>stop</c> or <c>hand_over</c>.</param>
/// <param name="Observed">What opened it last, in the unit of its threshold.</param>
/// <param name="Openings">How often it opened; a breaker that opens again belongs to the same incident until somebody closes that.</param>
/// <param name="MitigatedAt">When the breaker closed by itself; <see langword="null"/> while it is open.</param>
/// <param name="Note">What the person who closed it wrote.</param>
public sealed record Incident(
    Guid Id,
    Guid TeamId,
    Guid SystemId,
    string System,
    SystemEnvironment Environment,
    string Name,
    string Policy,
    string Watch,
    string Action,
    double Threshold,
    double Observed,
    long Openings,
    DateTimeOffset OpenedAt,
    DateTimeOffset ReopenedAt,
    DateTimeOffset? MitigatedAt,
    DateTimeOffset? ClosedAt,
    string? ClosedBy,
    string? Note);
