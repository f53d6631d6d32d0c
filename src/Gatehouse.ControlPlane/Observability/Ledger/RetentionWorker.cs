using Gatehouse.Storage;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Gatehouse.Observability.Ledger;

/// <summary>Deletes what has outlived its policy, a little at a time. Every node may run it: deleting twice is deleting once.</summary>
internal sealed partial class RetentionWorker(
    RetentionStore store, DeletionClock deletion, TimeProvider clock, ILogger<RetentionWorker> log) : BackgroundService
{
    private static readonly TimeSpan Pause = TimeSpan.FromMinutes(10);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Pause, clock);
        do
        {
            try
            {
                await store.DeleteExpiredAsync(await deletion.GetNowAsync(stoppingToken), stoppingToken);
            }
#pragma warning disable CA1031 // Whatever the database throws: what is overdue is deleted next time, and nobody can read it meanwhile.
            catch (Exception e) when (!stoppingToken.IsCancellationRequested)
#pragma warning restore CA1031
            {
                DeleteFailed(e);
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "Expired traces could not be deleted; they are hidden, and deleted at the next try.")]
    private partial void DeleteFailed(Exception e);
}
