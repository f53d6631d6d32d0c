using System.Net.Sockets;
using Npgsql;

namespace Gatehouse.Storage.Postgres;

/// <summary>
/// Whether the server answers at all. One that refuses is known at once; one that falls silent is not, and its driver waits for half a
/// minute. So who waits for longer than a second asks here, and here a connection of its own is opened, one for all who ask. Costs nothing
/// while the server answers in time. Safe from any thread.
/// </summary>
/// <param name="settings">Of the database's own connections.</param>
/// <param name="longestAsk">Seconds after which an ask that nobody answers is broken off and counts no more.</param>
internal sealed class PostgresPulse(NpgsqlConnectionStringBuilder settings, TimeProvider clock, int longestAsk = 30) : IAsyncDisposable
{
    /// <summary>A statement that takes longer may be one that nobody answers.</summary>
    public static readonly TimeSpan Look = TimeSpan.FromSeconds(1);

    /// <summary>For one answer, by a busy server too.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);

    /// <summary>Connections that a proxy opened for a server that says nothing stay until it does, or until their time is over.</summary>
    private const int MostHanging = 4;

    private readonly NpgsqlDataSource _source = NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(settings.ConnectionString)
    {
        Pooling = false,
        Multiplexing = false,
        Timeout = (int)Patience.TotalSeconds,
        CommandTimeout = longestAsk,
        CancellationTimeout = -1, // nobody waits for what it asked
    });
    private readonly Lock _one = new();
    private Task<bool> _asked = Task.FromResult(true);
    private int _hanging;
    private volatile bool _isSilent;

    /// <summary>Raised when it answers again and before anybody else asks it: connections of before may be dead and not know it.</summary>
    public event Action? Woke;

    /// <summary>It did not answer when it was last asked.</summary>
    public bool IsSilent => _isSilent;

    /// <summary>To be called before a statement: a silent server is asked no more, but for whether it answers again.</summary>
    /// <exception cref="DatabaseAwayException">It is silent.</exception>
    public void Admit()
    {
        if (_isSilent)
        {
            _ = AnswersAsync();
            throw Away();
        }
    }

    public Task<bool> AnswersAsync()
    {
        lock (_one)
        {
            return _asked.IsCompleted ? _asked = Task.Run(AskAsync) : _asked;
        }
    }

    /// <summary>Waits for a statement as long as the server answers.</summary>
    /// <param name="longest">It may take without progress.</param>
    /// <param name="progress">Of the statement: a count that moves with it.</param>
    /// <returns><see langword="false"/>: it has not ended, and is not to be waited for any longer.</returns>
    public async Task<bool> OutlastAsync(Task statement, TimeSpan longest, CancellationToken ct, Func<int>? progress = null)
    {
        var began = clock.GetTimestamp();
        var seen = progress?.Invoke();
        while (!statement.IsCompleted)
        {
            await statement.WaitAsync(Look, clock, ct).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (statement.IsCompleted)
            {
                break;
            }

            if (progress?.Invoke() is { } now && now != seen)
            {
                (seen, began) = (now, clock.GetTimestamp());
            }

            if (ct.IsCancellationRequested || clock.GetElapsedTime(began) >= longest)
            {
                return false;
            }

            var answers = AnswersAsync();
            await ((Task)Task.WhenAny(statement, answers)).WaitAsync(ct).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (!statement.IsCompleted && answers is { IsCompletedSuccessfully: true, Result: false })
            {
                return false;
            }
        }

        return true;
    }

    public static DatabaseAwayException Away() => new("PostgreSQL does not answer.");

    public ValueTask DisposeAsync() => _source.DisposeAsync();

    private async Task<bool> AskAsync()
    {
        var answers = await TryAskAsync();
        if (answers && _isSilent)
        {
            Woke?.Invoke();
        }

        _isSilent = !answers;
        return answers;
    }

    private async Task<bool> TryAskAsync()
    {
        if (Volatile.Read(ref _hanging) >= MostHanging)
        {
            return false;
        }

        try
        {
            await SelectAsync().WaitAsync(Patience, clock);
            return true;
        }
        catch (PostgresException)
        {
            return true; // whatever it says, it says something
        }
        catch (Exception e) when (e is NpgsqlException or TimeoutException or SocketException or IOException or ObjectDisposedException)
        {
            return false;
        }
    }

    private async Task SelectAsync()
    {
        Interlocked.Increment(ref _hanging);
        try
        {
            await SelectOneAsync().WaitAsync(TimeSpan.FromSeconds(longestAsk), clock); // whatever the driver waits for
        }
        finally
        {
            Interlocked.Decrement(ref _hanging);
        }
    }

    private async Task SelectOneAsync()
    {
        await using var connection = await _source.OpenConnectionAsync(CancellationToken.None);
        await using var command = new NpgsqlCommand("SELECT 1", connection);
        await command.ExecuteScalarAsync(CancellationToken.None);
    }
}
