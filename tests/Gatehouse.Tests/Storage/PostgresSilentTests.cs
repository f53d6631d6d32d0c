using System.Net;
using System.Net.Sockets;
using Gatehouse.EndToEnd.Tests;
using Gatehouse.Storage;
using Gatehouse.Storage.Postgres;
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
        await using var gate = Gate(database);
        await using var db = Through(gate, database);
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
        await using var gate = Gate(database);
        await using var db = Through(gate, database);
        await db.ExecuteAsync($"SELECT 1", Ct);
        gate.Freeze();
        var began = TimeProvider.System.GetTimestamp();

        await Task.WhenAll(Enumerable.Range(0, 50).Select(
            _ => Assert.ThrowsAsync<DatabaseAwayException>(() => db.ExecuteAsync($"SELECT 1", Ct))));
        Assert.InRange(TimeProvider.System.GetElapsedTime(began).TotalSeconds, 0, 15);
        var known = TimeProvider.System.GetTimestamp();
        await Assert.ThrowsAsync<DatabaseAwayException>(() => db.ExecuteAsync($"SELECT 1", Ct));
        Assert.True((await Assert.ThrowsAsync<DatabaseException>(() => db.PingAsync(Ct))).IsAway);
        Assert.InRange(TimeProvider.System.GetElapsedTime(known).TotalSeconds, 0, 3); // who asks it waits for four

        gate.Thaw();
        Assert.Equal([1], await AnsweredAsync(() => db.QueryAsync($"SELECT 1", row => row.Long(0), Ct)));
    }

    [Fact]
    public async Task Rows_of_a_statement_that_was_given_up_are_read_by_nobody()
    {
        await using var database = await TestDatabase.CreateAsync("postgres");
        await using var gate = Gate(database);
        await using var db = Through(gate, database);
        var read = 0;
        await Assert.ThrowsAsync<DatabaseAwayException>(() => db.QueryAsync(
            $"SELECT i, REPEAT('x', 20000) FROM generate_series(1, 2000) i",
            row =>
            {
                if (Interlocked.Increment(ref read) == 1)
                {
                    gate.Freeze();
                }

                return row.Long(0);
            },
            Ct));
        var heard = Volatile.Read(ref read);
        gate.Thaw();

        Assert.Equal([1], await AnsweredAsync(() => db.QueryAsync($"SELECT 1", row => row.Long(0), Ct)));
        await EndAsync(database, "SELECT i, REPEAT%");
        Assert.Equal(heard, Volatile.Read(ref read));
    }

    [Fact]
    public async Task An_ask_that_a_proxy_takes_and_nobody_answers_ends()
    {
        using var proxy = new TcpListener(IPAddress.Loopback, 0);
        proxy.Start();
        var settings = new NpgsqlConnectionStringBuilder("Server Compatibility Mode=NoTypeLoading")
        {
            Host = "127.0.0.1",
            Port = ((IPEndPoint)proxy.LocalEndpoint).Port,
            Username = "nobody",
            SslMode = SslMode.Disable,
        };
        await using var pulse = new PostgresPulse(settings, TimeProvider.System, longestAsk: 1);
        var answers = pulse.AnswersAsync();
        using var asking = await proxy.AcceptTcpClientAsync(Ct);
        var stream = asking.GetStream();
        var buffer = new byte[4096];
        Assert.NotEqual(0, await stream.ReadAsync(buffer, Ct));
        byte[] welcome =
        [
            .. "R\0\0\0\x08\0\0\0\0"u8, .. "S\0\0\0\x18server_version\017.0\0"u8, .. "K\0\0\0\x0c\0\0\0\x01\0\0\0\x01"u8,
            .. "Z\0\0\0\x05I"u8,
        ];
        await stream.WriteAsync(welcome, Ct);
        Assert.NotEqual(0, await stream.ReadAsync(buffer, Ct)); // what it asks

        Assert.False(await answers);
        while (await stream.ReadAsync(buffer, Ct) > 0)
        {
            // until it goes
        }
    }

    [Fact]
    public async Task A_statement_that_goes_on_has_more_than_its_time()
    {
        await using var database = await TestDatabase.CreateAsync("postgres");
        await using var db = DatabaseFactory.Postgres(new NpgsqlConnectionStringBuilder(Settings(database).ConnectionString)
        {
            CommandTimeout = 3,
        }.ConnectionString);

        var rows = await db.QueryAsync(
            $"SELECT i, REPEAT('x', 20000), pg_sleep(0.2) FROM generate_series(1, 30) i", row => row.Long(0), Ct);
        Assert.Equal(30, rows.Count);
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

    private static TcpGate Gate(TestDatabase database) => new(Settings(database).Host!, Settings(database).Port);

    private static Database Through(TcpGate gate, TestDatabase database) => DatabaseFactory.Postgres(
        new NpgsqlConnectionStringBuilder(Settings(database).ConnectionString) { Host = "127.0.0.1", Port = gate.Port }.ConnectionString);

    private static NpgsqlConnectionStringBuilder Settings(TestDatabase database) => new(database.Setting["postgres: '".Length..^1]);

    /// <summary>Returns when the server has given up what nobody waits for.</summary>
    private static Task SleepersEndAsync(TestDatabase database) => EndAsync(database, "SELECT pg_sleep%");

    private static async Task EndAsync(TestDatabase database, string like)
    {
        using var look = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
        while ((await database.Db.QueryAsync(
            $"SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' AND query LIKE {like}",
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
