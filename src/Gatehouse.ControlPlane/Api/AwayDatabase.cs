using System.Globalization;
using Gatehouse.Contracts;
using Gatehouse.Storage;

namespace Gatehouse.Api;

/// <summary>What people and programs read in place of what only the database knows, while it is away.</summary>
/// <param name="since">When it answered last; <see langword="null"/> while it does.</param>
/// <param name="isHeldBack">Whether it has not answered since the start.</param>
public sealed class AwayDatabase(Func<DateTimeOffset?> since, Func<bool> isHeldBack)
{
    /// <summary>In seconds, for <c>Retry-After</c>.</summary>
    public const string RetryAfter = "5";

    /// <summary>Whether nothing that the database knows can be had, not even who holds which session.</summary>
    public bool IsHeldBack => isHeldBack();

    public Problem Problem => new("database_unavailable", 503, since() is { } last
        ? string.Create(
            CultureInfo.InvariantCulture,
            $"The database has been away since {last.UtcDateTime:yyyy-MM-dd HH:mm:ss} UTC. Calls go on, and are recorded when it is back; try again then.")
        : "The database does not answer at the moment; try again.");

    /// <summary>Whether it is the database that failed, and not what was asked of it.</summary>
    public static bool IsMeant(Exception e) => DatabaseTrouble.Of(e) is not null;

    /// <summary>What people and programs read who met it.</summary>
    public Problem ProblemOf(Exception e) => DatabaseTrouble.Of(e) is { IsAway: false } trouble
        ? new("database_unavailable", 503, trouble.IsOfWrites
            ? $"{trouble.What} Nothing can be changed; calls go on, and are recorded when it can be written. {trouble.Mend}"
            : $"{trouble.What} Calls go on, and are recorded when the database can be used. {trouble.Mend}")
        : Problem;
}
