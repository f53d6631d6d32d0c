using System.Data;
using System.Globalization;
using System.Net.Sockets;
using Npgsql;

namespace Gatehouse.Storage.Postgres;

/// <summary>A PostgreSQL database behind Npgsql's pool.</summary>
internal sealed class PostgresDatabase : Database
{
    private const int MaxScans = 16;

    private const string MorePlaces =
        "Raise 'max_connections' of PostgreSQL, or the limit of the role or database; or have each node open fewer (100 at most): "
        + "write 'Maximum Pool Size=50' into 'storage.postgres'.";

    private readonly string _settings;
    private readonly TimeSpan _longest;
    private readonly PostgresPulse _pulse;
    private NpgsqlDataSource _source;

    public PostgresDatabase(string connectionString)
    {
        var settings = Read(connectionString);
        settings.ApplicationName = "gatehouse";
        _longest = settings.CommandTimeout == 0 ? TimeSpan.MaxValue : TimeSpan.FromSeconds(settings.CommandTimeout);
        settings.CommandTimeout = 0; // the session counts it: at the driver's, it would hold a thread to tell a server that may be silent
        if (settings.MaxAutoPrepare == 0)
        {
            settings.MaxAutoPrepare = 100;
        }

        KeepAlive(settings);
        _settings = settings.ConnectionString;
        try
        {
            _source = NpgsqlDataSource.Create(_settings);
            _pulse = new PostgresPulse(settings, TimeProvider.System);
        }
        catch (ArgumentException e)
        {
            throw Malformed(e);
        }

        _pulse.Woke += Renew;
        Scans = new SemaphoreSlim(Math.Clamp(settings.MaxPoolSize / 2, 1, MaxScans));
    }

    public override string Kind => "postgres";

    public override FormattableString DigitsOf(FormattableString column) => $"REPLACE(CAST({column} AS TEXT), '-', '')";

    public override FormattableString Joined(FormattableString column) => $"STRING_AGG(ENCODE({column}, 'hex'), ',')";

    /// <summary>At most half of the pool's connections.</summary>
    private protected override SemaphoreSlim Scans { get; }

    public override async Task<(string Version, DateTimeOffset? Clock)> PingAsync(CancellationToken ct)
    {
        try
        {
            await using var session = await OpenAsync(ct);
            var (clock, mode) = (await new PostgresTransaction(session).QueryAsync(
                $"SELECT CAST(EXTRACT(EPOCH FROM CLOCK_TIMESTAMP()) * 1000000 AS BIGINT), CURRENT_SETTING('transaction_read_only')",
                row => (row.Instant(0), row.Text(1)),
                ct))[0];
            return mode == "on"
                ? throw new DatabaseException(DatabaseTrouble.ReadOnly.What, DatabaseTrouble.ReadOnly.Mend, null) { IsAway = true }
                : ($"PostgreSQL {session.Version}", clock);
        }
        catch (DatabaseAwayException e)
        {
            throw new DatabaseException(e.Message, e) { IsAway = true };
        }
        catch (Exception e) when (e is NpgsqlException or SocketException or TimeoutException)
        {
            var what = $"PostgreSQL does not answer: {e.Message.TrimEnd('.')}.";
            throw (e as PostgresException)?.SqlState == PostgresErrorCodes.TooManyConnections
                ? new DatabaseException(what, MorePlaces, e) { IsAway = true }
                : new DatabaseException(what, e) { IsAway = IsAway(e) };
        }
    }

    /// <exception cref="DatabaseException">It is malformed.</exception>
    public static string NameOf(string connectionString)
    {
        var settings = Read(connectionString);
        return string.Create(CultureInfo.InvariantCulture, $"{settings.Host}:{settings.Port}/{settings.Database ?? settings.Username}");
    }

    private static NpgsqlConnectionStringBuilder Read(string connectionString)
    {
        try
        {
            return new NpgsqlConnectionStringBuilder(connectionString);
        }
        catch (ArgumentException e)
        {
            throw Malformed(e);
        }
    }

    /// <summary>A connection whose other end is gone without a word is noticed in two minutes.</summary>
    private static void KeepAlive(NpgsqlConnectionStringBuilder settings)
    {
        const string told = "TCP Keepalive";
        var isSocketFile = settings.Host is { } host && host.Contains('/', StringComparison.Ordinal);
        if (!isSocketFile && !settings.ShouldSerialize(told) && settings is { TcpKeepAliveTime: 0, TcpKeepAliveInterval: 0 })
        {
            settings.TcpKeepAlive = true;
            settings.TcpKeepAliveTime = 30;
            settings.TcpKeepAliveInterval = 10;
        }
    }

    private static DatabaseException Malformed(ArgumentException e) => new(
        "The connection string of PostgreSQL is malformed: it looks like 'Host=…;Database=…;Username=…;Password=…'.", e);

    /// <summary>
    /// Refused, silent, unknown to the DNS, cut off before it spoke, starting up, shutting down, or without a place left. Whatever else it
    /// says (a wrong password, no such database) it will say again.
    /// </summary>
    private static bool IsAway(Exception e) => e switch
    {
        PostgresException said => said.SqlState is PostgresErrorCodes.CannotConnectNow or PostgresErrorCodes.AdminShutdown
            or PostgresErrorCodes.CrashShutdown or PostgresErrorCodes.TooManyConnections,
        NpgsqlException said when DatabaseTrouble.IsUnsuitable(said) => true,
        SocketException or TimeoutException or IOException => true,
        _ => e.InnerException is { } inner && IsAway(inner),
    };

    public override async ValueTask DisposeAsync()
    {
        await _source.DisposeAsync();
        await _pulse.DisposeAsync();
        Scans.Dispose();
    }

    internal override async Task<int> ExecuteAsync(Statement statement, CancellationToken ct)
    {
        await using var session = await OpenAsync(ct);
        return await new PostgresTransaction(session).ExecuteAsync(statement, ct);
    }

    internal override async Task QueryAsync(Statement statement, Rows rows, CancellationToken ct)
    {
        await using var session = await OpenAsync(ct);
        await new PostgresTransaction(session).QueryAsync(statement, rows, ct);
    }

    internal override Task ScanAsync(Statement statement, Rows rows, CancellationToken ct) => QueryAsync(statement, rows, ct);

    internal override async Task RunSnapshotAsync(Func<Transaction, Task> work, CancellationToken ct)
    {
        await using var session = await OpenAsync(ct);
        await session.BeginAsync(IsolationLevel.RepeatableRead, ct);
        await work(new PostgresTransaction(session));
    }

    internal override async Task RunTransactionAsync(Func<Transaction, Task> work, CancellationToken ct)
    {
        await using var session = await OpenAsync(ct);
        await session.BeginAsync(IsolationLevel.Unspecified, ct);
        await work(new PostgresTransaction(session));
        await session.CommitAsync(ct);
    }

    private Task<PostgresSession> OpenAsync(CancellationToken ct) =>
        PostgresSession.OpenAsync(Volatile.Read(ref _source), _pulse, _longest, ct);

    /// <summary>
    /// Connections of before may be dead, and those with statements that were given up are taken: they close as they come back.
    /// </summary>
    private void Renew() => _ = Interlocked.Exchange(ref _source, NpgsqlDataSource.Create(_settings)).DisposeAsync().AsTask();
}
