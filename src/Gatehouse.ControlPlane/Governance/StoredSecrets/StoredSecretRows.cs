using System.Security.Cryptography;
using Gatehouse.Storage;

namespace Gatehouse.Governance;

/// <summary>Reads table <c>governance_secret</c>, whose values are sealed under the installation's secret, each to its own name.</summary>
internal static class StoredSecretRows
{
    private const string Purpose = "stored secrets";

    public static byte[] Seal(InstallationSecret secret, string name, string value) => SealedText.Seal(secret.Derive(Purpose), value, name);

    /// <summary>Every value by its name.</summary>
    /// <param name="strict">Whether one that cannot be opened is an error; else it is left out, so that nothing else waits for it.</param>
    /// <exception cref="DatabaseException">One cannot be opened: it was stored under another installation secret, or changed
    /// since.</exception>
    public static async Task<IReadOnlyDictionary<string, string>> ReadAsync(
        Database db, InstallationSecret secret, bool strict, CancellationToken ct)
    {
        var rows = await db.QueryAsync($"SELECT name, value FROM governance_secret", row => (Name: row.Text(0), Value: row.Bytes(1)), ct);
        var values = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var (name, value) in rows)
        {
            try
            {
                values.Add(name, SealedText.Open(secret.Derive(Purpose), value, name));
            }
            catch (CryptographicException) when (!strict)
            {
                // Revocations must not wait for it; the configuration tells what it misses.
            }
            catch (CryptographicException e)
            {
                throw new DatabaseException(
                    $"The stored secret '{name}' cannot be opened: it was stored under another installation secret, or changed since. "
                    + $"Restore the file 'secret' of the data directory, or set {InstallationSecret.Variable} to the one that the other nodes use.", e);
            }
        }

        return values;
    }
}
