using Microsoft.Extensions.Logging;

namespace Gatehouse.Storage;

/// <summary>
/// The time by which data whose time is over is deleted for good. It is the machine's, or PostgreSQL's where that is behind, as long as
/// they go on evenly. Where they are suddenly ahead (a start before the time was set, a typing error) it goes on by itself, until they were
/// steady for an hour: what is deleted does not come back when the clock does. Safe from any thread.
/// </summary>
/// <param name="lastCall">When the last call that began before a time began, as the ledger knows: at a start nothing else says how far time
/// has come.</param>
public sealed partial class DeletionClock(
    Database db, TimeProvider clock, Func<DateTimeOffset, CancellationToken, Task<DateTimeOffset?>> lastCall, ILogger<DeletionClock> log)
{
    /// <summary>A clock that was wrong is put right by then.</summary>
    public static readonly TimeSpan SteadyFor = TimeSpan.FromHours(1);

    /// <summary>Less than this is no jump.</summary>
    private static readonly TimeSpan Slack = TimeSpan.FromMinutes(5);

    /// <summary>So long nobody may have called before a start.</summary>
    private static readonly TimeSpan Quiet = TimeSpan.FromDays(1);

    private readonly Lock _one = new();
    private volatile bool _hasBegun;
    private TimeSpan _slack = Quiet;
    private (DateTimeOffset Time, long At) _sure;
    private (DateTimeOffset Time, long At)? _ahead;
    private bool _isBehind;

    /// <summary>What expired by then may be deleted.</summary>
    public async Task<DateTimeOffset> GetNowAsync(CancellationToken ct)
    {
        var (_, server) = await db.PingAsync(ct);

        // Of the last hour: calls of this start, or of one shortly before it, may have the same wrong time.
        var last = _hasBegun ? null : await lastCall(Now(server) - SteadyFor, ct);
        lock (_one)
        {
            var (now, at) = (Now(server), clock.GetTimestamp());
            TellBehindLocked(server);
            if (!_hasBegun)
            {
                (_sure, _hasBegun) = ((last ?? now, at), true);
            }

            var sure = _sure.Time + clock.GetElapsedTime(_sure.At, at);
            if (now <= sure + _slack)
            {
                return TakeLocked(now, at);
            }

            if (_ahead is not { } ahead || (now - ahead.Time - clock.GetElapsedTime(ahead.At, at)).Duration() > Slack)
            {
                _ahead = (now, at);
                DeletionWaits(Whole(now - sure), _slack == Quiet ? "the last call of the ledger" : "where it stood", sure, SteadyFor.TotalMinutes);
                return sure;
            }

            return clock.GetElapsedTime(ahead.At, at) >= SteadyFor ? TakeLocked(now, at) : sure;
        }
    }

    /// <returns>What deletion waits for; <see langword="null"/>: it goes by the clock.</returns>
    public async Task<DeletionWait?> GetWaitAsync(CancellationToken ct)
    {
        var sure = await GetNowAsync(ct);
        lock (_one)
        {
            if (_ahead is not { } ahead)
            {
                return null;
            }

            var waited = clock.GetElapsedTime(ahead.At);
            return new DeletionWait(
                Whole(ahead.Time + waited - sure), sure, waited < SteadyFor ? Whole(SteadyFor - waited) : TimeSpan.Zero);
        }
    }

    private DateTimeOffset Now(DateTimeOffset? server) =>
        clock.GetUtcNow() is var now && server < now ? server.Value : now;

    private static TimeSpan Whole(TimeSpan time) => TimeSpan.FromSeconds(Math.Round(time.TotalSeconds));

    private DateTimeOffset TakeLocked(DateTimeOffset now, long at)
    {
        if (_ahead is not null)
        {
            DeletionGoesOn(now);
        }

        (_sure, _ahead, _slack) = ((now, at), null, Slack);
        return now;
    }

    private void TellBehindLocked(DateTimeOffset? server)
    {
        var isBehind = clock.GetUtcNow() - server > Slack;
        if (isBehind && !_isBehind)
        {
            ServerIsBehind(Whole(clock.GetUtcNow() - server!.Value), server.Value);
        }

        _isBehind = isBehind;
    }

    [LoggerMessage(Level = LogLevel.Warning,
        Message = "The clock is {Ahead} ahead of {What}: what expired after {Sure:u} is deleted when the clock has been steady for {Minutes} minutes. Check the time of the machine (timedatectl says whether it is synchronized); after a quiet time, or when the machine has slept, all is well.")]
    private partial void DeletionWaits(TimeSpan ahead, string what, DateTimeOffset sure, double minutes);

    [LoggerMessage(Level = LogLevel.Information, Message = "The clock is steady, and what expired by {Now:u} is deleted.")]
    private partial void DeletionGoesOn(DateTimeOffset now);

    [LoggerMessage(Level = LogLevel.Warning,
        Message = "The clock of this machine is {Ahead} ahead of PostgreSQL's: what expired after {Server:u} is not deleted. Check the time of both machines.")]
    private partial void ServerIsBehind(TimeSpan ahead, DateTimeOffset server);
}

/// <summary>Deletion goes on by itself, because the clock is suddenly ahead.</summary>
/// <param name="Ahead">How far.</param>
/// <param name="Sure">What expired after this stays.</param>
/// <param name="Still">For so long, if the clock is steady.</param>
public readonly record struct DeletionWait(TimeSpan Ahead, DateTimeOffset Sure, TimeSpan Still);
