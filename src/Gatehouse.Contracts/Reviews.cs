namespace Gatehouse.Contracts;

/// <summary>How a review stands.</summary>
public enum ReviewState
{
    /// <summary>A call waits for the decision.</summary>
    Waiting,

    /// <summary>Asked afterwards: the call has gone on, and nobody waits.</summary>
    Open,
    Approved,
    Denied,

    /// <summary>Nobody decided in time, and the policy's default was taken.</summary>
    TimedOut,

    /// <summary>The client went away before anybody decided.</summary>
    Withdrawn,

    /// <summary>The node that held the call is gone, and the call with it.</summary>
    Abandoned,
}

/// <summary>What a person says about the finding itself, apart from what is to become of the call.</summary>
public enum ReviewLabel
{
    /// <summary>The rule was right to find it.</summary>
    Right,

    /// <summary>There was nothing to find.</summary>
    FalsePositive,
}

/// <summary>A question to a person about a call. Holds none of the call's text.</summary>
/// <param name="Holds">The call waited for the decision; otherwise it went on and was asked about afterwards.</param>
/// <param name="PassesOnTimeout">What happens when nobody decides in time: the call goes on, or is refused.</param>
/// <param name="Rule">The rule of the policy that asks, or the circuit breaker that hands calls over.</param>
/// <param name="Side">Where it was found: <c>input</c>, <c>output</c>, <c>tool_call</c>, <c>tool_result</c> or <c>retrieved</c>.</param>
/// <param name="Findings">What the rule found; empty when a breaker asks.</param>
/// <param name="Route">As the client asked for it.</param>
/// <param name="DueAt">When the call stops waiting; <see langword="null"/> when none waits.</param>
/// <param name="Passed">Whether the call went on in the end; <see langword="null"/> while that is open, or when nobody could tell.</param>
public sealed record Review(
    Guid Id,
    Guid TeamId,
    Guid SystemId,
    string System,
    SystemEnvironment Environment,
    ReviewState State,
    bool Holds,
    bool PassesOnTimeout,
    string Policy,
    string PolicyRevision,
    string Rule,
    string Side,
    IReadOnlyList<GuardFinding> Findings,
    Guid CallId,
    string RequestId,
    string Route,
    DateTimeOffset AskedAt,
    DateTimeOffset? DueAt,
    DateTimeOffset? EndedAt,
    bool? Passed,
    string? Person,
    string? Note,
    ReviewLabel? Label);

/// <summary>A text of the call under review, with what was found marked in it. What other rules take out is not in it.</summary>
/// <param name="Side">Where it stands in the call.</param>
/// <param name="IsContext">It is there to understand the others by.</param>
/// <param name="IsCut">Only the surroundings of the marks are here.</param>
public sealed record ReviewText(string Side, string Text, IReadOnlyList<ReviewMark> Marks, bool IsContext, bool IsCut);

/// <summary>A place in a <see cref="ReviewText"/>, in UTF-16 units.</summary>
public sealed record ReviewMark(int Start, int Length, string Type, string Rule, double Score);

/// <summary>A review with its texts.</summary>
/// <param name="Texts"><see langword="null"/> when they may not be shown, or are deleted.</param>
/// <param name="NoTexts">Why there are none.</param>
public sealed record ReviewDetail(Review Review, IReadOnlyList<ReviewText>? Texts, string? NoTexts);
