using System.Runtime.InteropServices;
using SQLitePCL;

namespace Gatehouse.Storage.Sqlite;

/// <summary>Loads the operating system's SQLite, once per process.</summary>
internal static class SqliteLibrary
{
    /// <summary>The first version with everything that the statements use (<c>RETURNING</c>, <c>UPSERT</c>, <c>-&gt;&gt;</c>).</summary>
    private static readonly Version _oldest = new(3, 38);

    private static readonly Lazy<string> _version = new(Load);

    /// <exception cref="DatabaseException">The library is missing or too old.</exception>
    public static string Version => _version.Value;

    private static string Load()
    {
        if (!NativeLibrary.TryLoad("libsqlite3.so.0", out var library))
        {
            throw new DatabaseException(
                "SQLite's library is not installed: install it (Debian and Ubuntu: apt-get install libsqlite3-0), or use PostgreSQL.");
        }

        NativeLibrary.SetDllImportResolver(
            typeof(SQLite3Provider_e_sqlite3).Assembly,
            (name, _, _) => name == "e_sqlite3" ? library : IntPtr.Zero);
        raw.SetProvider(new SQLite3Provider_e_sqlite3());
        raw.FreezeProvider();

        // One thread at a time uses a connection (SqliteSession), and nobody asks how much memory there is in use: both locks are left out.
        _ = raw.sqlite3_config(raw.SQLITE_CONFIG_MULTITHREAD);
        _ = raw.sqlite3_config(raw.SQLITE_CONFIG_MEMSTATUS, 0);

        var version = raw.sqlite3_libversion().utf8_to_string();
        if (System.Version.Parse(version) < _oldest)
        {
            throw new DatabaseException(
                $"SQLite {version} is too old: {_oldest} or newer is needed (Debian and Ubuntu: apt-get install libsqlite3-0), or use PostgreSQL.");
        }

        return version;
    }
}
