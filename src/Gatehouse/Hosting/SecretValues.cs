using System.Data.Common;
using Gatehouse.Configuration;
using Gatehouse.Governance;
using Gatehouse.Storage;

namespace Gatehouse.Hosting;

/// <summary>The stored secrets as the configuration finds them: read before there is a host, published by Governance afterwards.</summary>
internal sealed class SecretValues
{
    private volatile IReadOnlyDictionary<string, string>? _current;

    /// <summary><see langword="null"/> while no database is open.</summary>
    public IReadOnlyDictionary<string, string>? Current => _current;

    /// <exception cref="DatabaseException">One cannot be opened.</exception>
    public async Task ReadAsync(Database database, string dataFolder, CancellationToken ct) =>
        _current = await StoredSecrets.ReadAsync(database, InstallationSecret.Load(dataFolder), ct);

    /// <summary>Reads them if there is a database that can be read; looking makes none.</summary>
    public async Task TryReadAsync(StartSettings? start, CancellationToken ct)
    {
        if (start is null || (start.SqlitePath is { } path && !File.Exists(path)))
        {
            return;
        }

        try
        {
            await using var database = ServerParts.Connect(start);
            await ReadAsync(database, start.DataFolder, ct);
        }
        catch (Exception e) when (e is DatabaseException or DbException or IOException or UnauthorizedAccessException
            or InvalidOperationException)
        {
            // The doctor's own look at the database tells.
        }
    }

    /// <summary>While the database is away: those that this node kept.</summary>
    public void Take(IReadOnlyDictionary<string, string> kept) => _current = kept;

    /// <returns>Whether they differ from those before.</returns>
    public bool TryChange(IReadOnlyDictionary<string, string> secrets)
    {
        var before = _current;
        if (before is not null && before.Count == secrets.Count
            && secrets.All(s => before.TryGetValue(s.Key, out var value) && value == s.Value))
        {
            return false;
        }

        _current = secrets;
        return true;
    }

    public override string ToString() => nameof(SecretValues);
}
