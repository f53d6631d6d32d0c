using System.Data.Common;
using System.Globalization;
using System.Reflection;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Data.Sqlite;
using Npgsql;
using SQLitePCL;

namespace Gatehouse.Storage;

/// <summary>
/// Numbered SQL files, embedded as <c>Module/Migrations/0001_name.sql</c>, each applied once and never changed afterwards.
/// All of them run in one transaction under one lock: nodes may start together, and a failure leaves the schema as it was.
/// </summary>
public static class Migrations
{
    /// <returns>How many were applied.</returns>
    /// <exception cref="DatabaseException">
    /// A migration changed after it was applied, or the database was migrated by a newer Gatehouse.
    /// </exception>
    public static async Task<int> ApplyAsync(Database database, Assembly assembly, CancellationToken ct) =>
        await ApplyAsync(database, Read(assembly), TimeProvider.System, ct);

    internal static Task<int> ApplyAsync(
        Database database, IReadOnlyList<Migration> migrations, TimeProvider clock, CancellationToken ct) =>
        database.TransactionAsync(
            async transaction =>
            {
                await transaction.LockPatientlyAsync("schema_migration", ct);
                await transaction.ExecuteAsync($"""
                    CREATE TABLE IF NOT EXISTS schema_migration (
                        module TEXT NOT NULL, number BIGINT NOT NULL, name TEXT NOT NULL, hash TEXT NOT NULL, applied_at BIGINT NOT NULL,
                        PRIMARY KEY (module, number))
                    """, ct);
                var applied = (await transaction.QueryAsync(ReadApplied, AppliedOf, ct)).ToDictionary(a => (a.Module, a.Number));
                RefuseNewer(applied.Values, migrations);

                var count = 0;
                foreach (var migration in migrations)
                {
                    if (applied.TryGetValue((migration.Module, migration.Number), out var before))
                    {
                        RefuseChanged(before, migration);
                        continue;
                    }

                    await transaction.RunScriptAsync(migration.Script, ct);
                    await transaction.ExecuteAsync($"""
                        INSERT INTO schema_migration (module, number, name, hash, applied_at)
                        VALUES ({migration.Module}, {migration.Number}, {migration.Name}, {migration.Hash}, {clock.GetUtcNow()})
                        """, ct);
                    count++;
                }

                return count;
            },
            ct);

    /// <summary>For looking only: changes nothing, and a database that has no schema yet is none of a newer Gatehouse.</summary>
    /// <exception cref="DatabaseException">The database was migrated by a newer Gatehouse.</exception>
    public static async Task RefuseNewerAsync(Database database, Assembly assembly, CancellationToken ct) =>
        RefuseNewer(await AppliedAsync(database, ct), Read(assembly));

    /// <summary>For who reads tables and must not make them: the schema has to be that of this version.</summary>
    /// <exception cref="DatabaseException">The database was migrated by a newer Gatehouse, or an older one, or by none.</exception>
    public static async Task RequireAsync(Database database, Assembly assembly, CancellationToken ct)
    {
        var (applied, migrations) = (await AppliedAsync(database, ct), Read(assembly));
        RefuseNewer(applied, migrations);
        const string mend = "Start this version once (gatehouse up), which brings the schema up to date, or look with the version that runs.";
        if (applied.Count == 0)
        {
            throw new DatabaseException("The database has no tables of Gatehouse.", mend, null);
        }

        var has = applied.Select(a => (a.Module, a.Number)).ToHashSet();
        if (migrations.Find(m => !has.Contains((m.Module, m.Number))) is { } missing)
        {
            throw new DatabaseException(
                $"The schema of the database is older than this version of Gatehouse: it lacks {missing.Module} {missing.Number:D4} ({missing.Name}).",
                mend, null);
        }
    }

    internal static List<Migration> Read(Assembly assembly)
    {
        var migrations = new List<Migration>();
        foreach (var resource in assembly.GetManifestResourceNames())
        {
            var parts = resource.Replace('\\', '/').Split('/');
            if (parts is [var module, "Migrations", var file] && file.EndsWith(".sql", StringComparison.Ordinal))
            {
                using var reader = new StreamReader(assembly.GetManifestResourceStream(resource)!, Encoding.UTF8);
                migrations.Add(new Migration(
                    module,
                    int.Parse(file.AsSpan(0, 4), CultureInfo.InvariantCulture),
                    file[5..^4],
                    reader.ReadToEnd().ReplaceLineEndings("\n")));
            }
        }

        return [.. migrations.OrderBy(m => m.Module, StringComparer.Ordinal).ThenBy(m => m.Number)];
    }

    private static async Task<List<Applied>> AppliedAsync(Database database, CancellationToken ct)
    {
        try
        {
            return await database.QueryAsync(ReadApplied, AppliedOf, ct);
        }
        catch (DbException e) when (
            e is PostgresException { SqlState: PostgresErrorCodes.UndefinedTable } or SqliteException { SqliteErrorCode: raw.SQLITE_ERROR })
        {
            return []; // there is no such table
        }
    }

    private static FormattableString ReadApplied => $"SELECT module, number, name, hash FROM schema_migration";

    private static Applied AppliedOf(Row row) => new(row.Text(0), row.Long(1), row.Text(2), row.Text(3));

    private static void RefuseNewer(IEnumerable<Applied> applied, IReadOnlyList<Migration> migrations)
    {
        foreach (var before in applied)
        {
            // Modules of other assemblies are not ours to judge.
            var known = migrations.Where(m => m.Module == before.Module).ToList();
            if (known.Count > 0 && known.TrueForAll(m => m.Number != before.Number))
            {
                throw new DatabaseException(
                    $"The database holds migration {before.Module} {before.Number:D4} ({before.Name}), which this version of Gatehouse does not have.",
                    "Start the version that made it, or a newer one.", null);
            }
        }
    }

    private static void RefuseChanged(Applied before, Migration migration)
    {
        if (before.Hash != migration.Hash)
        {
            throw new DatabaseException(
                $"Migration {migration.Module} {migration.Number:D4} ({migration.Name}) is not the one that was applied to this database: "
                + "an applied migration never changes; restore its text and add a new one.");
        }
    }

    private sealed record Applied(string Module, long Number, string Name, string Hash);
}

/// <summary>One numbered step of a module's schema.</summary>
internal sealed record Migration(string Module, int Number, string Name, string Script)
{
    public string Hash => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Script)));
}
