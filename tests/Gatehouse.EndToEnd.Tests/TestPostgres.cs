using Npgsql;

namespace Gatehouse.EndToEnd.Tests;

/// <summary>A PostgreSQL database of its own, dropped at the end.</summary>
internal sealed class TestPostgres : IAsyncDisposable
{
    private readonly string _admin;
    private readonly string _name;

    private TestPostgres(string admin, string name)
    {
        _admin = admin;
        _name = name;
        ConnectionString = new NpgsqlConnectionStringBuilder(admin) { Database = name }.ConnectionString;
    }

    public string ConnectionString { get; }

    public static async Task<TestPostgres> CreateAsync()
    {
        var admin = Environment.GetEnvironmentVariable("GATEHOUSE_TEST_POSTGRES");
        Assert.False(string.IsNullOrEmpty(admin), "GATEHOUSE_TEST_POSTGRES is not set: run ./test.sh, which starts a PostgreSQL.");
        var database = new TestPostgres(admin!, $"gatehouse_e2e_{Guid.CreateVersion7():N}");
        await database.RunAsync($"CREATE DATABASE {database._name}");
        return database;
    }

    public async ValueTask DisposeAsync() => await RunAsync($"DROP DATABASE {_name} WITH (FORCE)");

    private async Task RunAsync(string sql)
    {
        await using var source = NpgsqlDataSource.Create(_admin);
        await using var command = source.CreateCommand(sql);
        await command.ExecuteNonQueryAsync();
    }
}
