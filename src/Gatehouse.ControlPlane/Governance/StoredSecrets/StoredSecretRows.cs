using System.Security.Cryptography;
using Gatehouse.Storage;

namespace Gatehouse.Governance;

/// <summary>Reads table <c>governance_secret</c>, whose values are sealed under the installation's secret, each to its own name.</summary>
internal static class StoredSecretRows
{
    private const string Purpose = "stored secrets";

    public static byte[] Seal(InstallationSecret secret, string name, string value) => SealedText.Seal(secret.Derive(Purpose), value, name);

    public static Task<List<SealedSecret>> ReadAsync(Database db, CancellationToken ct) => db.QueryAsync(
        $"SELECT name, value FROM governance_secret", row => new SealedSecret(row.Text(0), row.Bytes(1)), ct);

    /// <summary>Every value by its name.</summary>
    /// <param name="strict">Whether one that cannot be opened is an error; else it is left out, so that nothing else waits for it.</param>
    /// <exception cref="DatabaseException">One cannot be opened: it was stored under another installation secret, or changed
    /// since.</exception>
    public static IReadOnlyDictionary<string, string> Open(IReadOnlyList<SealedSecret> rows, InstallationSecret secret, bool strict)
    {
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
