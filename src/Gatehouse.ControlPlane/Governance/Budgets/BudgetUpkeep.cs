using Gatehouse.Contracts;
using Gatehouse.Storage;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Gatehouse.Governance;

/// <summary>
/// Second counts of new budgets, and what periods long past left behind. On its own, because a count walks the ledger of a whole period:
/// leases are not to wait for it. A budget's row is locked before its counts, as wherever both are.
/// </summary>
internal sealed partial class BudgetUpkeep(
    BudgetRecounts recounts, LeaseStore leases, DeletionClock deletion, TimeProvider clock, ILogger<BudgetUpkeep> log)
    : BackgroundService
{
    private static readonly TimeSpan Every = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan CleanEvery = TimeSpan.FromMinutes(10);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var cleanedAt = clock.GetTimestamp();
        var failing = false;
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                if (await recounts.RunDueAsync(stoppingToken) is { Count: > 0 } early)
                {
                    MadeAhead(string.Join(", ", early));
                }

                if (clock.GetElapsedTime(cleanedAt) >= CleanEvery)
                {
                    cleanedAt = clock.GetTimestamp();
                    await leases.CleanAsync(await deletion.GetNowAsync(stoppingToken), stoppingToken);
                }

                failing = false;
            }
#pragma warning disable CA1031 // What is due stays due.
            catch (Exception e) when (!stoppingToken.IsCancellationRequested)
#pragma warning restore CA1031
            {
                if (!failing)
                {
                    UpkeepFailed(e);
                }

                failing = true;
            }

            await Beats.NextAsync(Every, clock, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    [LoggerMessage(Level = LogLevel.Warning,
        Message = "The clock was ahead when these budgets were made, and is right now: {Names}. They are counted anew, and those of end "
            + "users count from now on.")]
    private partial void MadeAhead(string names);

    [LoggerMessage(Level = LogLevel.Error, Message = "Budgets could not be counted anew; it is tried again.")]
    private partial void UpkeepFailed(Exception e);
}
