using System.Net;
using System.Net.Sockets;
using System.Text;
using Gatehouse.Storage;
using Npgsql;

namespace Gatehouse.Tests.Storage;

/// <summary>Which failures mean that PostgreSQL is away, and which that something is to be mended.</summary>
public sealed class PostgresAwayTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_server_that_refuses_has_no_address_or_ends_the_connection_is_away()
    {
        using var listener = Listen();
        var port = PortOf(listener);
        var ending = EndAsync(listener, answer: []);
        Assert.True(await IsAwayAsync($"Host=127.0.0.1;Port={port};Username=x;Database=x"));
        await ending;
        listener.Dispose();
        Assert.True(await IsAwayAsync($"Host=127.0.0.1;Port={port};Username=x;Database=x"));
        Assert.True(await IsAwayAsync("Host=no-such-host.invalid;Username=x;Database=x;Timeout=3"));
    }

    [Theory]
    [InlineData("57P03", true, null)]
    [InlineData("57P01", true, null)]
    [InlineData("53300", true, "'max_connections'")]
    [InlineData("28000", false, null)]
    public async Task What_the_server_says_decides(string state, bool isAway, string? mend)
    {
        using var listener = Listen();
        var fields = Encoding.ASCII.GetBytes($"SFATAL\0VFATAL\0C{state}\0Mno\0\0");
        byte[] error = [(byte)'E', 0, 0, 0, (byte)(fields.Length + 4), .. fields];
        var ending = EndAsync(listener, error);

        var said = await SaidAsync(
            $"Host=127.0.0.1;Port={PortOf(listener)};Username=x;Database=x;SSL Mode=Disable;GSS Encryption Mode=Disable");
        await ending;

        Assert.Equal(isAway, said.IsAway);
        Assert.Equal(mend is not null, said.Mend?.Contains(mend!, StringComparison.Ordinal) ?? false);
    }

    [Fact]
    public void A_connection_string_that_is_none_says_how_one_looks_wherever_it_is_read()
    {
        Assert.Contains("Host=", Assert.Throws<DatabaseException>(() => DatabaseFactory.PostgresName("Host=here;Colour=red")).Message);
        Assert.Contains("Host=", Assert.Throws<DatabaseException>(() => DatabaseFactory.Postgres("Host=here;Colour=red")).Message);
    }

    [Fact]
    public async Task A_server_that_says_nothing_is_away()
    {
        using var listener = Listen();

        Assert.True(await IsAwayAsync($"Host=127.0.0.1;Port={PortOf(listener)};Username=x;Database=x;Timeout=1"));
    }

    [Fact]
    public async Task A_database_that_does_not_exist_is_to_be_mended()
    {
        await using var database = await TestDatabase.CreateAsync("postgres");
        var settings = new NpgsqlConnectionStringBuilder(database.Setting["postgres: '".Length..^1]) { Database = "gatehouse_no_such" };

        Assert.False(await IsAwayAsync(settings.ConnectionString));
    }

    /// <summary>While another host takes over, none is a primary: a start failed then, though it had a snapshot to go on from.</summary>
    [Fact]
    public async Task Several_hosts_of_which_none_is_as_asked_are_away()
    {
        await using var database = await TestDatabase.CreateAsync("postgres");
        var settings = new NpgsqlConnectionStringBuilder(database.Setting["postgres: '".Length..^1])
        {
            TargetSessionAttributes = "standby",
        };
        settings.Host += $",{settings.Host}";
        await using var db = DatabaseFactory.Postgres(settings.ConnectionString);

        Assert.True((await Assert.ThrowsAsync<DatabaseException>(() => db.PingAsync(Ct))).IsAway);
        var failed = await Assert.ThrowsAnyAsync<Exception>(() => db.QueryAsync($"SELECT 1", row => row.Long(0), Ct));
        Assert.True(DatabaseTrouble.Of(failed)?.IsAway, failed.ToString());
    }

    [Fact]
    public async Task A_database_that_is_held_back_answers_nobody_until_it_is_let_go()
    {
        await using var database = await TestDatabase.CreateAsync("sqlite");
        database.Db.HoldBack();

        await Assert.ThrowsAsync<DatabaseAwayException>(() => database.Db.QueryAsync($"SELECT 1", row => row.Long(0), Ct));
        await Assert.ThrowsAsync<DatabaseAwayException>(() => database.Db.TransactionAsync(_ => Task.CompletedTask, Ct));
        database.Db.LetGo();

        Assert.Equal([1], await database.Db.QueryAsync($"SELECT 1", row => row.Long(0), Ct));
    }

    private static async Task<bool> IsAwayAsync(string connectionString) => (await SaidAsync(connectionString)).IsAway;

    private static async Task<DatabaseException> SaidAsync(string connectionString)
    {
        await using var db = DatabaseFactory.Postgres(connectionString);
        return await Assert.ThrowsAsync<DatabaseException>(() => db.PingAsync(Ct));
    }

    private static Socket Listen()
    {
        var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        return listener;
    }

    private static int PortOf(Socket listener) => ((IPEndPoint)listener.LocalEndPoint!).Port;

    /// <summary>Takes one connection, hears the client out, answers and ends it.</summary>
    private static async Task EndAsync(Socket listener, byte[] answer)
    {
        using var client = await listener.AcceptAsync(Ct);
        await client.ReceiveAsync(new byte[4096], Ct);
        await client.SendAsync(answer, Ct);
        client.Shutdown(SocketShutdown.Both);
    }
}
