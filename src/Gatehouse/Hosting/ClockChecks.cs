using System.Globalization;
using Gatehouse.Configuration;
using Gatehouse.Observability;
using Gatehouse.Storage;

namespace Gatehouse.Hosting;

/// <summary>The doctor's look at what a clock that is or was ahead leaves: deletion that waits, and calls of the future.</summary>
internal static class ClockChecks
{
    /// <summary>Clocks of several nodes differ a little, and that is all right.</summary>
    private static readonly TimeSpan Slack = TimeSpan.FromMinutes(5);

    /// <returns>Nothing when all is well.</returns>
    public static async Task<IReadOnlyList<DoctorCheck>> OfAsync(
        DeletionClock deletion, Database db, DateTimeOffset now, CancellationToken ct)
    {
        var checks = new List<DoctorCheck>();
        if (await deletion.GetWaitAsync(ct) is { } wait)
        {
            checks.Add(new("deletion", DoctorState.Warning, string.Create(
                CultureInfo.InvariantCulture,
                $"It waits: the clock is suddenly {wait.Ahead} ahead. What expired after {wait.Sure.UtcDateTime:yyyy-MM-dd HH:mm:ss} UTC stays until the clock has been steady for {Math.Ceiling(wait.Still.TotalMinutes):0} minutes more."),
                "Check the time of this machine (timedatectl says whether it is synchronized); after a quiet time, or when it has slept, all is well."));
        }

        if (await FutureCalls.FindAsync(db, now + Slack, ct) is { } future)
        {
            checks.Add(new("ledger", DoctorState.Notice, string.Create(
                CultureInfo.InvariantCulture,
                $"{Counted(future.Count)} in the future, the last at {future.LastAt.UtcDateTime:yyyy-MM-dd HH:mm:ss} UTC: a node's clock was ahead."),
                "Check the time of each node (timedatectl). Nothing is lost: these calls take of the budgets of their own days."));
        }

        return checks;
    }

    private static string Counted(long calls) => calls switch
    {
        1 => "A call begins",
        < FutureCalls.Most => string.Create(CultureInfo.InvariantCulture, $"{calls:N0} calls begin"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{calls:N0} calls or more begin"),
    };
}
