using Gatehouse.Gateway.Breakers;
using Gatehouse.Guardrails.Policies;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Gatehouse.Governance;

/// <summary>
/// Carries changes of this node's breakers to the database, off the way of calls; other nodes read them with the tables. While the database
/// is away they hold on this node alone.
/// </summary>
internal sealed partial class BreakerWorker(BreakerBook book, Incidents incidents, TimeProvider clock, ILogger<BreakerWorker> log)
    : BackgroundService
{
    private static readonly TimeSpan Again = TimeSpan.FromSeconds(1);

    private bool _failing;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            await foreach (var change in book.Changed.ReadAllAsync(stoppingToken))
            {
                Tell(change);
                while (!await TryRecordAsync(change, stoppingToken))
                {
                    await Task.Delay(Again, clock, stoppingToken);
                }

                _failing = false;
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // What the others do not know yet they find out by themselves.
        }
    }

    private async Task<bool> TryRecordAsync(BreakerChanged change, CancellationToken ct)
    {
        try
        {
            await incidents.RecordAsync(change, ct);
            return true;
        }
#pragma warning disable CA1031 // The database may be away for a while.
        catch (Exception e) when (!ct.IsCancellationRequested)
#pragma warning restore CA1031
        {
            if (!_failing)
            {
                _failing = true;
                NotRecorded(change.Breaker.Name, e);
            }

            return false;
        }
    }

    private void Tell(BreakerChanged change)
    {
        if (change.State.IsOpen)
        {
            Opened(
                change.Breaker.Name, change.System, change.State.Environment.ToString(), change.Breaker.Watch, change.Observed,
                change.Breaker.Threshold, change.Breaker.Action);
        }
        else
        {
            Closed(change.Breaker.Name, change.System, change.State.Environment.ToString());
        }
    }

    [LoggerMessage(Level = LogLevel.Warning,
        Message = "The breaker '{Breaker}' of {System} in {Environment} opened: {Watch} {Observed} reached {Threshold}; its calls: {Action}.")]
    private partial void Opened(
        string breaker, string system, string environment, BreakerWatch watch, double observed, double threshold, BreakerAction action);

    [LoggerMessage(Level = LogLevel.Information, Message = "The breaker '{Breaker}' of {System} in {Environment} is closed again.")]
    private partial void Closed(string breaker, string system, string environment);

    [LoggerMessage(Level = LogLevel.Error,
        Message = "A change of the breaker '{Breaker}' cannot be written; it holds on this node, and it is tried again every second, as are those that follow.")]
    private partial void NotRecorded(string breaker, Exception e);
}
