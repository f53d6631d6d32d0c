namespace Gatehouse.Governance;

/// <summary>Where an exception stands.</summary>
public enum ExceptionState
{
    /// <summary>Nobody has decided.</summary>
    Requested,

    /// <summary>It holds.</summary>
    Approved,

    /// <summary>Somebody said no.</summary>
    Declined,

    /// <summary>Somebody took it back.</summary>
    Revoked,

    /// <summary>Its day has come.</summary>
    Expired,
}

/// <summary>An accepted gap in the guard policy of a system, asked for by one person and decided by another.</summary>
/// <param name="System">The system's name.</param>
/// <param name="Detector">The detector that it is about; <see langword="null"/>: all.</param>
/// <param name="Types">Types of findings that it is about; empty: all.</param>
/// <param name="Decision">What the person who decided says about it.</param>
public sealed record PolicyException(
    Guid Id, Guid TeamId, Guid SystemId, string System, string? Detector, IReadOnlyList<string> Types, DateTimeOffset Until, string Reason,
    ExceptionState State, string RequestedBy, DateTimeOffset At, string? DecidedBy, DateTimeOffset? DecidedAt, string? Decision,
    string? RevokedBy, DateTimeOffset? RevokedAt)
{
    internal Guid RequestedById { get; init; }
}

/// <summary>An exception to be asked for.</summary>
public sealed record NewException(Guid SystemId, string? Detector, IReadOnlyList<string> Types, DateTimeOffset Until, string Reason);
