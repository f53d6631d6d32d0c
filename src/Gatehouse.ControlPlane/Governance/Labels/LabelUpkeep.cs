using Gatehouse.Storage;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Gatehouse.Governance;

/// <summary>Deletes labels that were kept long enough. Every node may run it: deleting twice is deleting once.</summary>
internal sealed partial class LabelUpkeep(Labels labels, DeletionClock deletion, TimeProvider clock, ILogger<LabelUpkeep> log)
    : BackgroundService
{
    private static readonly TimeSpan Every = TimeSpan.FromHours(1);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Every, clock);
        do
        {
            try
            {
                await labels.DeleteExpiredAsync(await deletion.GetNowAsync(stoppingToken), stoppingToken);
            }
#pragma warning disable CA1031 // The next look tries again; lists leave expired ones out meanwhile.
            catch (Exception e) when (!stoppingToken.IsCancellationRequested)
#pragma warning restore CA1031
            {
                DeleteFailed(e);
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "Expired labels could not be deleted; they are hidden, and deleted at the next try.")]
    private partial void DeleteFailed(Exception e);
}
