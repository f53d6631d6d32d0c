using Gatehouse.EndToEnd.Tests;
using Gatehouse.Storage;
using Npgsql;

namespace Gatehouse.Tests.Storage;

/// <summary>What becomes of statements that nobody answers, and of those that take their time.</summary>
public sealed class PostgresSilentTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_transaction_of_which_a_statement_was_given_up_is_not_committed_when_the_server_answers_again()
    {
        await using var database = await TestDatabase.CreateAsync("postgres");
        await database.Db.ExecuteAsync($"CREATE TABLE kept (id BIGINT PRIMARY KEY)", Ct);
        var settings = Settings(database);
        await using var gate = new TcpGate(settings.Host!, settings.Port);
        await using var db = DatabaseFactory.Postgres(
            new NpgsqlConnectionStringBuilder(settings.ConnectionString) { Host = "127.0.0.1", Port = gate.Port }.ConnectionString);
        var began = TimeProvider.System.GetTimestamp();

        await Assert.ThrowsAsync<DatabaseAwayException>(() => db.TransactionAsync(
            async sql =>
            {
                await sql.ExecuteAsync($"INSERT INTO kept (id) VALUES ({1})", Ct);
                gate.Freeze();
                await Assert.ThrowsAsync<DatabaseAwayException>(() => sql.ExecuteAsync($"INSERT INTO kept (id) VALUES ({2})", Ct));
                gate.Thaw();
                await sql.ExecuteAsync($"INSERT INTO kept (id) VALUES ({3})", Ct);
            },
            Ct));

        Assert.InRange(TimeProvider.System.GetElapsedTime(began).TotalSeconds, 0, 15);
        Assert.Equal([0], await AnsweredAsync(() => db.QueryAsync($"SELECT COUNT(*) FROM kept", row => row.Long(0), Ct)));
        await db.ExecuteAsync($"INSERT INTO kept (id) VALUES ({2})", Ct); // nothing of before is in its way
    }

    [Fact]
    public async Task A_silent_server_is_noticed_in_seconds_by_all_who_wait_and_asked_no_more_until_it_answers()
    {
        await using var database = await TestDatabase.CreateAsync("postgres");
        var settings = Settings(database);
        await using var gate = new TcpGate(settings.Host!, settings.Port);
        await using var db = DatabaseFactory.Postgres(
            new NpgsqlConnectionStringBuilder(settings.ConnectionString) { Host = "127.0.0.1", Port = gate.Port }.ConnectionString);
        await db.ExecuteAsync($"SELECT 1", Ct);
        gate.Freeze();
        var began = TimeProvider.System.GetTimestamp();

        await Task.WhenAll(Enumerable.Range(0, 50).Select(
            _ => Assert.ThrowsAsync<DatabaseAwayException>(() => db.ExecuteAsync($"SELECT 1", Ct))));
        Assert.InRange(TimeProvider.System.GetElapsedTime(began).TotalSeconds, 0, 15);
        var known = TimeProvider.System.GetTimestamp();
        await Assert.ThrowsAsync<DatabaseAwayException>(() => db.ExecuteAsync($"SELECT 1", Ct));
        Assert.True((await Assert.ThrowsAsync<DatabaseException>(() => db.PingAsync(Ct))).IsAway);
        Assert.InRange(TimeProvider.System.GetElapsedTime(known).TotalSeconds, 0, 0.9);

        gate.Thaw();
        Assert.Equal([1], await AnsweredAsync(() => db.QueryAsync($"SELECT 1", row => row.Long(0), Ct)));
    }

    [Fact]
    public async Task A_slow_statement_of_a_server_that_answers_has_its_time_and_no_more()
    {
        await using var database = await TestDatabase.CreateAsync("postgres");
        await using var db = DatabaseFactory.Postgres(new NpgsqlConnectionStringBuilder(Settings(database).ConnectionString)
        {
            CommandTimeout = 4,
        }.ConnectionString);

        Assert.Equal([7], await db.QueryAsync($"SELECT 7 FROM pg_sleep(2)", row => row.Long(0), Ct));
        await Assert.ThrowsAsync<DatabaseAwayException>(() => db.ExecuteAsync($"SELECT pg_sleep(600)", Ct));
        await SleepersEndAsync(database);
        using var ends = new CancellationTokenSource(TimeSpan.FromSeconds(1));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => db.ExecuteAsync($"SELECT pg_sleep(600)", ends.Token));
        await SleepersEndAsync(database);
    }

    private static NpgsqlConnectionStringBuilder Settings(TestDatabase database) => new(database.Setting["postgres: '".Length..^1]);

    /// <summary>Returns when the server has given up what nobody waits for.</summary>
    private static async Task SleepersEndAsync(TestDatabase database)
    {
        using var look = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
        while ((await database.Db.QueryAsync(
            $"SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' AND query LIKE 'SELECT pg_sleep%'",
            row => row.Long(0), Ct))[0] > 0)
        {
            await look.WaitForNextTickAsync(Ct);
        }
    }

    private static async Task<T> AnsweredAsync<T>(Func<Task<T>> ask)
    {
        using var again = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
        while (true)
        {
            try
            {
                return await ask();
            }
            catch (DatabaseAwayException)
            {
                await again.WaitForNextTickAsync(Ct);
            }
        }
    }
}
