using Gatehouse.Contracts;

namespace Gatehouse.Governance;

/// <summary>The end of a key or token.</summary>
internal static class Expiry
{
    /// <exception cref="ProblemException">It is not in the future.</exception>
    public static DateTimeOffset? Check(DateTimeOffset? expiresAt, TimeProvider clock)
    {
        if (expiresAt <= clock.GetUtcNow())
        {
            throw new ProblemException(Problem.Invalid("expires_at", "must be in the future"));
        }

        return expiresAt is { } at ? Moments.Cut(at) : null;
    }

    /// <summary>From the two ways in which a request may name it.</summary>
    /// <exception cref="ProblemException">Both are given, or the days are out of range.</exception>
    public static DateTimeOffset? From(
        DateTimeOffset? expiresAt, int? expiresInDays, TimeProvider clock) => (expiresAt, expiresInDays) switch
    {
        (not null, not null) =>
            throw new ProblemException(Problem.Invalid("expires_in_days", "cannot be given together with 'expires_at'")),
        (_, < 1 or > 3650) => throw new ProblemException(Problem.Invalid("expires_in_days", "must be between 1 and 3650")),
        (_, { } days) => clock.GetUtcNow().AddDays(days),
        _ => expiresAt,
    };
}
