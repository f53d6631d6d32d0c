using Gatehouse.Contracts;

namespace Gatehouse.Guardrails.Policies;

/// <summary>What a circuit breaker of a system watches.</summary>
public enum BreakerWatch
{
    /// <summary>The share of calls in which the guards found something.</summary>
    ViolationRate,

    /// <summary>What calls cost, in US dollars.</summary>
    Cost,

    /// <summary>How often the same request, or the same call of a tool with the same arguments, comes again.</summary>
    Loops,

    /// <summary>How many tools the system's agents call.</summary>
    ToolCallStorm,
}

/// <summary>What an open circuit breaker does with calls.</summary>
public enum BreakerAction
{
    /// <summary>Each waits a while.</summary>
    Slow,

    /// <summary>They are refused.</summary>
    Stop,

    /// <summary>A person decides about each.</summary>
    HandOver,
}

/// <summary>A circuit breaker of the systems that a policy applies to; each system has its own in each environment.</summary>
/// <param name="Threshold">A share, US dollars, repetitions or calls of tools, as <paramref name="Watch"/> says.</param>
/// <param name="Window">How far back is counted.</param>
/// <param name="MinimumCalls">Calls in the window below which it does not open; not for loops and storms.</param>
/// <param name="For">How long it stays open before a call may try.</param>
public sealed record GuardBreaker(
    string Name, BreakerWatch Watch, double Threshold, TimeSpan Window, int MinimumCalls, BreakerAction Action, TimeSpan For)
{
    /// <summary>For <see cref="BreakerAction.Slow"/>: how long each call waits.</summary>
    public TimeSpan Delay { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>For <see cref="BreakerAction.HandOver"/>: how a person is asked.</summary>
    public Escalation Escalation { get; init; } = Escalation.Default;

    /// <summary>For <see cref="BreakerWatch.ViolationRate"/>: the mildest verdict that counts.</summary>
    public GuardVerdict From { get; init; } = GuardVerdict.Escalated;
}
