using System.Globalization;
using Gatehouse.Configuration;
using Gatehouse.Governance;
using Gatehouse.Storage;

namespace Gatehouse.Hosting;

/// <summary>The doctor's look at the tables that calls are served from, and at those on the disk.</summary>
internal static class TablesCheck
{
    private const string Name = "tables";

    public static DoctorCheck Of(TablesStanding standing, TablesKeeper keeper, DatabaseReturn back)
    {
        if (back.Refusal is { } refusal)
        {
            return new(
                Name, DoctorState.Failing, $"{Served(standing)} The database answers and cannot be used by this node: {refusal.Told}",
                refusal.Mend);
        }

        if (standing.IsAway)
        {
            return new(
                Name, DoctorState.Warning, Served(standing),
                "Bring the database back. Meanwhile keys cannot be made or revoked, and hard budgets give out what this node holds of them and no more.");
        }

        if (keeper.HasFailed)
        {
            return new(
                Name, DoctorState.Warning, "The tables cannot be written to the data folder, so a start without the database would be from older ones.",
                "Free some space, and look at the folder's owner.");
        }

        return new(Name, DoctorState.Ok, keeper.File is { } file
            ? string.Create(
                CultureInfo.InvariantCulture,
                $"The database confirms them; a start without it would go on from '{TablesFile.Name}' for {file.MaxAge.TotalHours:0.##} h.")
            : "The database confirms them.");
    }

    /// <summary>Where no server runs: whether one would start without the database.</summary>
    public static DoctorCheck? OfDisk(StartSettings start)
    {
        // Looking must not make a secret.
        if (start.Postgres is null || !File.Exists(Path.Combine(start.DataFolder, TablesFile.Name)))
        {
            return null;
        }

        try
        {
            var kept = ServerParts.TablesFileOf(start)!.Read(TimeProvider.System.GetUtcNow());
            return new(Name, DoctorState.Ok, string.Create(
                CultureInfo.InvariantCulture,
                $"A start without the database would be from the snapshot of {kept.At.UtcDateTime:yyyy-MM-dd HH:mm:ss} UTC."));
        }
        catch (Exception e) when (e is TablesRefusedException or DatabaseException or IOException or UnauthorizedAccessException
            or InvalidOperationException)
        {
            return new(Name, DoctorState.Notice, $"A start without the database would fail: {e.Message.TrimEnd('.')}.", "A start beside the database keeps new ones.");
        }
    }

    private static string Served(TablesStanding standing) => string.Create(
        CultureInfo.InvariantCulture,
        $"Calls are served from {(standing.IsFromDisk ? "the snapshot" : "the tables")} of {standing.ConfirmedAt.UtcDateTime:yyyy-MM-dd HH:mm:ss} UTC.");
}
