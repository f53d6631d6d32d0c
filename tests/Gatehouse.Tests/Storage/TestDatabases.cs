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

    private static string Admin => Environment.GetEnvironmentVariable("GATEHOUSE_TEST_POSTGRES")
        ?? throw new InvalidOperationException(
            "GATEHOUSE_TEST_POSTGRES is not set: run ./test.sh, which starts a PostgreSQL and sets it.");

    /// <summary>The path of its file, or its name at PostgreSQL.</summary>
    public required string Name { get; init; }

    /// <summary>The line under <c>storage</c> that names it.</summary>
    public string Setting { get; }

    public Database Db { get; }

    /// <summary>Opens the same database once more, as another node would.</summary>
    public Func<Database> Open { get; }

    /// <summary>An empty one.</summary>
    public static Task<TestDatabase> CreateAsync(string kind) => CreateAsync(kind, null);

    /// <summary>One with the schema of this version: a copy, which takes a fraction of the time of making it.</summary>
    public static async Task<TestDatabase> CreateWithSchemaAsync(string kind) =>
        await CreateAsync(kind, await SchemaTemplates.GetAsync(kind));

    /// <param name="template">The path of a SQLite file, or the name of a PostgreSQL database, that nobody is connected to.</param>
    internal static async Task<TestDatabase> CreateAsync(string kind, string? template)
    {
        var name = $"gatehouse_{Guid.CreateVersion7():N}";
        if (kind == "sqlite")
        {
            var folder = Directory.CreateTempSubdirectory("gatehouse-test-");
            var path = Path.Combine(folder.FullName, "test.db");
            if (template is not null)
            {
                File.Copy(template, path);
            }

            return new TestDatabase($"sqlite: '{path}'", DatabaseFactory.Sqlite(path), () => DatabaseFactory.Sqlite(path), () =>
            {
                folder.Delete(recursive: true);
                return ValueTask.CompletedTask;
            })
            {
                Name = path,
            };
        }

        await AdministerAsync($"CREATE DATABASE {name} TEMPLATE {template ?? "template0"}");
        var own = new NpgsqlConnectionStringBuilder(Admin) { Database = name, MaxPoolSize = 8 }.ToString();
        return new TestDatabase(
            $"postgres: '{own}'",
            DatabaseFactory.Postgres(own),
            () => DatabaseFactory.Postgres(own),
            async () => await AdministerAsync($"DROP DATABASE {name} WITH (FORCE)"))
        {
            Name = name,
        };
    }

    public async ValueTask DisposeAsync()
    {
        await Db.DisposeAsync();
        await _drop();
    }

    private static async Task AdministerAsync(string sql)
    {
        await using var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(Admin) { Pooling = false }.ToString());
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
