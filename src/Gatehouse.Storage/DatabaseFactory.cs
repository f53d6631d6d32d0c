using Gatehouse.Storage.Postgres;
using Gatehouse.Storage.Sqlite;

namespace Gatehouse.Storage;

/// <summary>Opens the installation's database. Apply <see cref="Migrations"/> next.</summary>
public static class DatabaseFactory
{
    /// <summary>Opens or creates a SQLite file; its folder must exist.</summary>
    /// <exception cref="DatabaseException">The library is missing or too old, or the file cannot be opened.</exception>
    /// <param name="outlivesPowerCuts">Each commit is on the disk when it returns; else the last few may be lost with the power,
    /// whole.</param>
    public static Database Sqlite(string path, bool outlivesPowerCuts = false) => new SqliteDatabase(path, outlivesPowerCuts);

    /// <summary>Prepares a pool of connections; the first use connects.</summary>
    /// <exception cref="DatabaseException">The connection string is malformed.</exception>
    public static Database Postgres(string connectionString) => new PostgresDatabase(connectionString);

    /// <summary>Which database a connection string names, as <c>host:port/name</c>; without its credentials.</summary>
    public static string PostgresName(string connectionString) => PostgresDatabase.NameOf(connectionString);
}
