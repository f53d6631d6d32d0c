using Gatehouse.Gateway.Journal;
using Gatehouse.Observability.Traces;
using Microsoft.Extensions.Hosting;

namespace Gatehouse.Observability.Metrics;

/// <summary>Keeps the collector listening from the start, and sends what it has to the OTLP receiver when there is one.</summary>
internal sealed class MetricWorker(MetricCollector metrics, OtlpOptions options, OtlpClient client, CallJournal journal, TimeProvider clock)
    : BackgroundService
{
    private readonly DateTimeOffset _startedAt = clock.GetUtcNow();

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (options.Url is null)
        {
            return;
        }

        using var timer = new PeriodicTimer(options.MetricsEvery, clock);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            // A sum that does not arrive is in the next one: nothing is queued.
            await client.TrySendAsync(
                "metrics", OtlpMetrics.Write(metrics.Collect(), _startedAt, clock.GetUtcNow(), ObservabilityModule.Version, journal.NodeId),
                stoppingToken);
        }
    }
}
