using System.Data;
using Npgsql;

namespace Gatehouse.Storage.Postgres;

/// <summary>
/// A connection in use, whose driver is waited for no longer than the server answers:
/// <list type="number">
/// <item>A statement is given up when the server is silent, when its caller gives up, or when it takes too long. The caller hears so within
/// a second.</item>
/// <item>The driver is told to give up only while the server answers: it would ask the server to cancel, and hold a thread until that is
/// answered. Else it goes on by itself.</item>
/// <item>What was given up while the server is silent is cancelled when it answers again: the way of before may be gone, and nobody would
/// hear so.</item>
/// <item>A connection of which a statement was given up takes no other. So a transaction that was given up is never committed, but by the
/// commit that was given up itself: it may have come through.</item>
/// <item>It is closed when the driver is done with what was given up, and nobody waits for that.</item>
/// </list>
/// For one caller at a time.
/// </summary>
internal sealed class PostgresSession : IAsyncDisposable
{
    /// <summary>Between two looks whether what was given up can be cancelled.</summary>
    private static readonly TimeSpan Again = TimeSpan.FromSeconds(5);

    private readonly NpgsqlConnection _connection;
    private readonly PostgresPulse _pulse;
    private readonly TimeSpan _longest;
    private NpgsqlTransaction? _transaction;
    private volatile Task? _left;
    private int _progress;

    private PostgresSession(NpgsqlConnection connection, PostgresPulse pulse, TimeSpan longest)
    {
        _connection = connection;
        _pulse = pulse;
        _longest = longest;
    }

    public string Version => _connection.PostgreSqlVersion.ToString();

    /// <param name="longest">A statement may take without progress; <see cref="TimeSpan.MaxValue"/>: as long as it takes.</param>
    public static async Task<PostgresSession> OpenAsync(
        NpgsqlDataSource source, PostgresPulse pulse, TimeSpan longest, CancellationToken ct)
    {
        pulse.Admit();
        var giveUp = new CancellationTokenSource();
        var opening = source.OpenConnectionAsync(giveUp.Token).AsTask();
        if (!await pulse.OutlastAsync(opening, TimeSpan.MaxValue, ct)) // the driver has a time for it
        {
            await giveUp.CancelAsync();
            _ = CloseAsync(opening);
            ct.ThrowIfCancellationRequested();
            throw PostgresPulse.Away();
        }

        return new PostgresSession(await opening, pulse, longest);
    }

    public async Task BeginAsync(IsolationLevel level, CancellationToken ct) =>
        _transaction = await AskAsync(async (connection, token) => await connection.BeginTransactionAsync(level, token), ct);

    public Task CommitAsync(CancellationToken ct) => AskAsync(
        async (_, token) =>
        {
            await _transaction!.CommitAsync(token);
            return true;
        },
        ct);

    /// <summary>Whether the statement under way was given up: what takes several steps must not take the next.</summary>
    public bool IsLeft => _left is not null;

    /// <summary>The statement under way goes on (a row was read, a part was sent): its time begins anew.</summary>
    public void Progress() => Volatile.Write(ref _progress, _progress + 1);

    /// <exception cref="DatabaseAwayException">It was given up, because the server is silent or it took too long.</exception>
    /// <param name="patiently">It may take as long as it takes.</param>
    public async Task<T> AskAsync<T>(
        Func<NpgsqlConnection, CancellationToken, Task<T>> ask, CancellationToken ct, bool patiently = false)
    {
        if (IsLeft)
        {
            throw PostgresPulse.Away();
        }

        _pulse.Admit();
        ct.ThrowIfCancellationRequested();
        var giveUp = new CancellationTokenSource();
        var asked = ask(_connection, giveUp.Token);
        if (!await _pulse.OutlastAsync(asked, patiently ? TimeSpan.MaxValue : _longest, ct, () => Volatile.Read(ref _progress)))
        {
            _ = GiveUpAsync(asked, giveUp);
            await ((Task)asked).WaitAsync(PostgresPulse.Look).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (!asked.IsCompleted)
            {
                _left = asked;
                ct.ThrowIfCancellationRequested();
                throw PostgresPulse.Away();
            }
        }

        try
        {
            return await asked;
        }
        catch (OperationCanceledException e) when (!ct.IsCancellationRequested)
        {
            throw new DatabaseAwayException($"PostgreSQL did not answer within {_longest.TotalSeconds:0} seconds.", e);
        }
    }

    public async ValueTask DisposeAsync()
    {
        var closing = CloseAsync();
        if (!IsLeft && !_pulse.IsSilent)
        {
            await _pulse.OutlastAsync(closing, _longest, CancellationToken.None);
        }
    }

    private static async Task CloseAsync(Task<NpgsqlConnection> opening)
    {
        await ((Task)opening).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (opening.IsCompletedSuccessfully)
        {
            await (await opening).DisposeAsync();
        }
    }

    private async Task CloseAsync()
    {
        if (_left is { } left)
        {
            await left.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        if (_transaction is { } transaction)
        {
            await transaction.DisposeAsync();
        }

        await _connection.DisposeAsync();
    }

    private async Task GiveUpAsync(Task asked, CancellationTokenSource giveUp)
    {
        while (!await _pulse.AnswersAsync())
        {
            await asked.WaitAsync(Again).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (asked.IsCompleted)
            {
                return;
            }
        }

        await giveUp.CancelAsync();
    }
}
