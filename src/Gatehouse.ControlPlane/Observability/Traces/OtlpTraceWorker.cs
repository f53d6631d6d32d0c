using Gatehouse.Gateway.Journal;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Gatehouse.Observability.Traces;

/// <summary>Sends the spans of recorded calls to the configured OTLP receiver, in batches.</summary>
internal sealed partial class OtlpTraceWorker(
    OtlpTraces traces, OtlpClient client, CallJournal journal, ObservabilityMetrics metrics, TimeProvider clock, ILogger<OtlpTraceWorker> log)
    : BackgroundService
{
    private const int BatchCalls = 200;
    private static readonly TimeSpan FlushTime = TimeSpan.FromSeconds(5);

    private bool _failing;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var batch = new List<ExportedCall>(BatchCalls);
        try
        {
            while (await traces.Reader.WaitToReadAsync(stoppingToken))
            {
                await SendAsync(batch, stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            using var time = new CancellationTokenSource(FlushTime, clock);
            try
            {
                while (batch.Count > 0 || traces.Reader.Count > 0)
                {
                    await SendAsync(batch, time.Token);
                }
            }
            catch (OperationCanceledException)
            {
                metrics.DroppedExport(batch.Count + traces.Reader.Count);
            }
        }
    }

    private async Task SendAsync(List<ExportedCall> batch, CancellationToken ct)
    {
        while (batch.Count < BatchCalls && traces.Reader.TryRead(out var call))
        {
            batch.Add(call);
        }

        var sent = await client.TrySendAsync("traces", OtlpJson.Traces(batch, ObservabilityModule.Version, journal.NodeId), ct);
        if (sent)
        {
            metrics.Exported(batch.Count);
        }
        else
        {
            metrics.DroppedExport(batch.Count);
            if (!_failing)
            {
                ExportFailed(batch.Count);
            }
        }

        _failing = !sent;
        batch.Clear();
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "The OTLP receiver did not take the traces of {Calls} calls; further drops are only counted.")]
    private partial void ExportFailed(int calls);
}
