using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Gatehouse.Observability.Ledger;

/// <summary>
/// Drains the journal while the server runs, and once more when it stops. While the database is away the records wait on disk: calls
/// go on, and nothing is lost.
/// </summary>
internal sealed partial class LedgerWorker(LedgerDrain drain, TimeProvider clock, ILogger<LedgerWorker> log) : BackgroundService
{
    /// <summary>
    /// Between looks at the journal: a call shows this late at most, and a transaction's cost is shared by those that came meanwhile.
    /// </summary>
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(250);
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
        var retry = FirstRetry;
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await drain.DrainAsync(stoppingToken);
                if (!drain.IsBehind)
                {
                    await Task.Delay(Pause, clock, stoppingToken);
                }

                retry = FirstRetry;
            }
#pragma warning disable CA1031 // Whatever the database throws: the records stay in the journal and are tried again.
            catch (Exception e) when (!stoppingToken.IsCancellationRequested)
#pragma warning restore CA1031
            {
                DrainFailed(retry, e);
                await Task.Delay(retry, clock, stoppingToken);
                retry = retry * 2 < LongestRetry ? retry * 2 : LongestRetry;
            }
        }
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
        Message = "Calls could not be written to the ledger; they wait in the journal. Next try in {Retry}.")]
    private partial void DrainFailed(TimeSpan retry, Exception e);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Some calls are still in the journal; the next start writes them to the ledger.")]
    private partial void FlushFailed(Exception e);
}
