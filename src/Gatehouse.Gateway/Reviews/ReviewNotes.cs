using Gatehouse.Contracts;

namespace Gatehouse.Gateway.Reviews;

/// <summary>A question to a person, on its way to the control plane. Holds text of the call.</summary>
/// <param name="Due">When the call stops waiting; <see langword="null"/> when it does not wait.</param>
/// <param name="Route">As the client asked for it.</param>
/// <param name="Rule">The rule of the policy, or the circuit breaker, that asks.</param>
public sealed record ReviewAsked(
    Guid Id,
    DateTimeOffset At,
    DateTimeOffset? Due,
    bool PassesOnTimeout,
    Guid CallId,
    string RequestId,
    string Route,
    Guid TeamId,
    Guid SystemId,
    SystemEnvironment Environment,
    string Policy,
    string PolicyRevision,
    string Rule,
    string Side,
    IReadOnlyList<GuardFinding> Findings,
    IReadOnlyList<ReviewText> Texts);

/// <summary>A call waits no longer.</summary>
/// <param name="How"><see cref="ReviewState.Approved"/>, <see cref="ReviewState.Denied"/>, <see cref="ReviewState.TimedOut"/> or
/// <see cref="ReviewState.Withdrawn"/>.</param>
/// <param name="Passed">Whether the call went on.</param>
public sealed record ReviewEnded(Guid Id, ReviewState How, bool Passed, DateTimeOffset At);

/// <summary>How many calls may wait for a person at the same time on one node.</summary>
/// <param name="PerSystem">Of one system.</param>
public sealed record ReviewLimits(int PerNode, int PerSystem)
{
    public static readonly ReviewLimits Default = new(100, 20);
}
