using Gatehouse.Storage;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Gatehouse.Observability.Rollups;

/// <summary>Adds up hours and minutes that are over. Every node may run it: one bucket is closed by one of them.</summary>
internal sealed partial class ClosingWorker(
    Database db, ClosedBuckets buckets, TimeProvider clock, ILogger<ClosingWorker> log) : BackgroundService
{
    private static readonly TimeSpan Pause = TimeSpan.FromMinutes(1);

    private const int PausesBetweenComparisons = 60;

    /// <summary>All that is closed, however old, is compared at the start and once a day.</summary>
    private const int ComparisonsPerWholeOne = 24;

    /// <summary>How far back calls of an older version are looked for: at the start, and later.</summary>
    private static readonly (TimeSpan First, TimeSpan Later) Marked = (TimeSpan.FromDays(3), TimeSpan.FromHours(3));

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Pause, clock);
        var failing = false;
        var looks = 0;
        var marked = false;
        var wholeIn = 0;
        do
        {
            try
            {
                if (looks++ % PausesBetweenComparisons == 0)
                {
                    if (await buckets.ReopenDifferingAsync(stoppingToken) is var reopened and > 0)
                    {
                        Reopened(reopened);
                    }

                    if (wholeIn-- <= 0)
                    {
                        if (await buckets.ReopenAllDifferingAsync(stoppingToken) is var old and > 0)
                        {
                            Reopened(old);
                        }

                        wholeIn = ComparisonsPerWholeOne - 1;
                    }

                    await NamedCalls.MarkAsync(db, clock.GetUtcNow() - (marked ? Marked.Later : Marked.First), stoppingToken);
                    marked = true;
                }

                await buckets.CloseDueAsync(stoppingToken);
                failing = false;
            }
#pragma warning disable CA1031 // Whatever the database throws: readers take the finer sums until the next try.
            catch (Exception e) when (!stoppingToken.IsCancellationRequested)
#pragma warning restore CA1031
            {
                if (!failing)
                {
                    CloseFailed(e);
                }

                failing = true;
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    [LoggerMessage(Level = LogLevel.Warning,
        Message = "{Count} sums of days or parts of them did not hold all calls and are made again: a node of an older version wrote late.")]
    private partial void Reopened(int count);

    [LoggerMessage(Level = LogLevel.Error, Message = "Sums of days could not be made; they are read by the hour, and it is tried again.")]
    private partial void CloseFailed(Exception e);
}
