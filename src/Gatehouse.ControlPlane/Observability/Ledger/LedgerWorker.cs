using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Gatehouse.Observability.Ledger;

/// <summary>
/// Drains the journal while the server runs, and once more when it stops. While the database is away the records wait on disk: calls
/// go on, and nothing is lost.
/// <list type="number">
/// <item>While there are no calls it sleeps, and looks at nothing.</item>
/// <item>A call that comes then is written a moment later. While calls keep coming the pauses grow, to a second: each transaction has a
/// cost that those which came meanwhile share.</item>
/// <item>A segment of the journal that is full is written at once.</item>
/// </list>
/// </summary>
internal sealed partial class LedgerWorker(
    LedgerDrain drain, LedgerStanding standing, TimeProvider clock, ILogger<LedgerWorker> log) : BackgroundService
{
    /// <summary>After the first call that comes when there were none.</summary>
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(50);

    /// <summary>A call shows this late at most.</summary>
    internal static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan FirstRetry = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan LongestRetry = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan FlushTime = TimeSpan.FromSeconds(10);

    /// <summary>The loop may have been stopped before it ever ran, so what is left is written here and not in it.</summary>
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        if (ExecuteTask is { IsCompleted: true })
        {
            await FlushAsync();
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var (retry, pause, damaged) = (FirstRetry, FirstPause, 0L);
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                var any = await drain.DrainAsync(stoppingToken);
                if (standing.Written() is { } failure)
                {
                    WrittenAgain(failure.Since);
                }

                if (drain.Damaged > damaged)
                {
                    var more = drain.Damaged - damaged;
                    RecordsDamaged(more == 1 ? "One stretch" : $"{more} stretches", drain.DamagedFile);
                    damaged = drain.Damaged;
                }

                if (!any)
                {
                    await drain.AppendedAsync().WaitAsync(stoppingToken);
                    pause = FirstPause;
                    await Task.Delay(pause, clock, stoppingToken); // its room is taken, and it may not be written yet
                }
                else if (!drain.IsBehind)
                {
                    await PauseAsync(pause, stoppingToken);
                    pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
                }

                retry = FirstRetry;
            }
#pragma warning disable CA1031 // Whatever the database throws: the records stay in the journal and are tried again.
            catch (Exception e) when (!stoppingToken.IsCancellationRequested)
#pragma warning restore CA1031
            {
                if (standing.NotWritten(e, clock))
                {
                    DrainFailed(e);
                }

                await Task.Delay(retry, clock, stoppingToken);
                retry = retry * 2 < LongestRetry ? retry * 2 : LongestRetry;
            }
        }
    }

    private async Task PauseAsync(TimeSpan most, CancellationToken ct)
    {
        using var enough = CancellationTokenSource.CreateLinkedTokenSource(ct);
        await Task.WhenAny(drain.FilledAsync(), Task.Delay(most, clock, enough.Token));
        await enough.CancelAsync();
        ct.ThrowIfCancellationRequested();
    }

    private async Task FlushAsync()
    {
        using var time = new CancellationTokenSource(FlushTime, clock);
        try
        {
            while (await drain.DrainAsync(time.Token))
            {
            }
        }
#pragma warning disable CA1031 // The next start drains what this one could not.
        catch (Exception e)
#pragma warning restore CA1031
        {
            FlushFailed(e);
        }
    }

    [LoggerMessage(Level = LogLevel.Error,
        Message = "{Stretches} of the journal cannot be read: calls that may have been recorded there are not in the ledger. "
            + "'gatehouse doctor --ledger' says where. What can be read is in the ledger; what is left of the file is kept as {File}.")]
    private partial void RecordsDamaged(string stretches, string? file);

    [LoggerMessage(Level = LogLevel.Error,
        Message = "Calls cannot be written to the ledger: they go on, and wait in the journal until it can be.")]
    private partial void DrainFailed(Exception e);

    [LoggerMessage(Level = LogLevel.Information,
        Message = "The ledger can be written again: calls that waited since {Since:yyyy-MM-dd HH:mm:ss} UTC are in it, or on their way.")]
    private partial void WrittenAgain(DateTimeOffset since);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Some calls are still in the journal; the next start writes them to the ledger.")]
    private partial void FlushFailed(Exception e);
}
