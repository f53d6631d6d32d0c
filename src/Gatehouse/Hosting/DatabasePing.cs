using Gatehouse.Configuration;
using Gatehouse.Governance;
using Gatehouse.Storage;

namespace Gatehouse.Hosting;

/// <summary>The doctor's look at the database: a connection of its own, so that a full pool does not hide a healthy server.</summary>
internal static class DatabasePing
{
    public static DoctorEdges Edges { get; } = new() { PingDatabase = PingAsync, Tables = loaded => TablesCheck.OfDisk(loaded.Start) };

    /// <summary>The server's: it has used the database, and knows what became of that.</summary>
    public static async Task<(string Version, DateTimeOffset? Clock)> PingAsync(
        TablesStanding standing, LoadedConfiguration loaded, CancellationToken ct)
    {
        var sign = await PingAsync(loaded, ct);
        return (standing.NotRead ?? standing.NotWritten) is { } trouble
            ? throw new DatabasePingException(trouble.What) { Mend = trouble.Mend }
            : sign;
    }

    private static async Task<(string Version, DateTimeOffset? Clock)> PingAsync(LoadedConfiguration loaded, CancellationToken ct)
    {
        if (loaded.SqlitePath is { } path && !File.Exists(path))
        {
            // Looking must not create the file.
            return ($"SQLite (the file {path} will be made at the start)", null);
        }

        try
        {
            await using var database = ServerParts.Connect(loaded.Start);
            var sign = await database.PingAsync(ct);
            await Migrations.RefuseNewerAsync(database, typeof(ConfigurationState).Assembly, ct);
            return sign;
        }
        catch (DatabaseException e)
        {
            throw new DatabasePingException(e.What, e) { Mend = e.Mend };
        }
    }
}
