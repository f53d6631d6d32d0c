using Gatehouse.Storage;

namespace Gatehouse.Governance;

/// <summary>Whether the database was written under this installation's secret.</summary>
public static class InstallationCheck
{
    /// <exception cref="DatabaseException">It was written under another secret: no key would be recognised.</exception>
    public static Task RunAsync(Database db, InstallationSecret secret, CancellationToken ct) => RunAsync(db, new Secrets(secret), ct);

    /// <exception cref="DatabaseException">It was written under another secret: no key would be recognised.</exception>
    internal static async Task RunAsync(Database db, Secrets secrets, CancellationToken ct)
    {
        await db.ExecuteAsync($"UPDATE governance_revision SET secret_check = {secrets.Check} WHERE id = {1} AND secret_check IS NULL", ct);
        var check = (await db.QueryAsync($"SELECT secret_check FROM governance_revision WHERE id = {1}", row => row.Text(0), ct))[0];
        if (check != secrets.Check)
        {
            throw new DatabaseException(
                "The database was written under another installation secret, so no key or password would be recognised: "
                + $"restore the file 'secret' of the data directory, or set {InstallationSecret.Variable} to the one that the other nodes use.");
        }
    }
}
