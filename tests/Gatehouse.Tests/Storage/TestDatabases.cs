using Gatehouse.Storage;
using Npgsql;

namespace Gatehouse.Tests.Storage;

/// <summary>A database of its own for one test, on either kind, gone when disposed.</summary>
internal sealed class TestDatabase : IAsyncDisposable
{
    private readonly Func<ValueTask> _drop;

    private TestDatabase(string setting, Database db, Func<Database> open, Func<ValueTask> drop)
    {
        Setting = setting;
        Db = db;
        Open = open;
        _drop = drop;
    }

    /// <summary>The line under <c>storage</c> that names it.</summary>
    public string Setting { get; }

    public Database Db { get; }

    /// <summary>Opens the same database once more, as another node would.</summary>
    public Func<Database> Open { get; }

    public static async Task<TestDatabase> CreateAsync(string kind)
    {
        var name = $"gatehouse_{Guid.CreateVersion7():N}";
        if (kind == "sqlite")
        {
            var folder = Directory.CreateTempSubdirectory("gatehouse-test-");
            var path = Path.Combine(folder.FullName, "test.db");
            return new TestDatabase($"sqlite: '{path}'", DatabaseFactory.Sqlite(path), () => DatabaseFactory.Sqlite(path), () =>
            {
                folder.Delete(recursive: true);
                return ValueTask.CompletedTask;
            });
        }

        var admin = Environment.GetEnvironmentVariable("GATEHOUSE_TEST_POSTGRES")
            ?? throw new InvalidOperationException(
                "GATEHOUSE_TEST_POSTGRES is not set: run ./test.sh, which starts a PostgreSQL and sets it.");
        await AdministerAsync(admin, $"CREATE DATABASE {name} TEMPLATE template0");
        var own = new NpgsqlConnectionStringBuilder(admin) { Database = name, MaxPoolSize = 8 }.ToString();
        return new TestDatabase(
            $"postgres: '{own}'",
            DatabaseFactory.Postgres(own),
            () => DatabaseFactory.Postgres(own),
            async () => await AdministerAsync(admin, $"DROP DATABASE {name} WITH (FORCE)"));
    }

    public async ValueTask DisposeAsync()
    {
        await Db.DisposeAsync();
        await _drop();
    }

    private static async Task AdministerAsync(string connectionString, string sql)
    {
        await using var connection = new NpgsqlConnection(
            new NpgsqlConnectionStringBuilder(connectionString) { Pooling = false }.ToString());
        await connection.OpenAsync(TestContext.Current.CancellationToken);
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync(CancellationToken.None);
    }
}

/// <summary>Both kinds, for theories.</summary>
internal static class TestDatabases
{
    public static readonly TheoryData<string> Kinds = ["sqlite", "postgres"];
}
