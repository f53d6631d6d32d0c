using Gatehouse.Gateway.Journal;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Gatehouse.Observability.Traces;

/// <summary>Sends the spans of recorded calls to the configured OTLP receiver, in batches.</summary>
internal sealed partial class OtlpTraceWorker(
    OtlpTraces traces, OtlpClient client, CallJournal journal, ObservabilityMetrics metrics, TimeProvider clock,
    ILogger<OtlpTraceWorker> log)
    : BackgroundService
{
    private const int BatchCalls = 200;
    private static readonly TimeSpan FlushTime = TimeSpan.FromSeconds(5);

    private readonly List<ExportedCall> _batch = new(BatchCalls);
    private bool _failing;

    /// <summary>The loop may have been stopped before it ever ran, so what is left is sent here and not in it.</summary>
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
        while (await traces.Reader.WaitToReadAsync(stoppingToken))
        {
            await SendAsync(stoppingToken);
        }
    }

    private async Task FlushAsync()
    {
        using var time = new CancellationTokenSource(FlushTime, clock);
        try
        {
            while (_batch.Count > 0 || traces.Reader.Count > 0)
            {
                await SendAsync(time.Token);
            }
        }
        catch (OperationCanceledException)
        {
            metrics.DroppedExport(_batch.Count + traces.Reader.Count);
        }
    }

    private async Task SendAsync(CancellationToken ct)
    {
        while (_batch.Count < BatchCalls && traces.Reader.TryRead(out var call))
        {
            _batch.Add(call);
        }

        var sent = await client.TrySendAsync("traces", OtlpJson.Traces(_batch, ObservabilityModule.Version, journal.NodeId), ct);
        if (sent)
        {
            metrics.Exported(_batch.Count);
        }
        else
        {
            metrics.DroppedExport(_batch.Count);
            if (!_failing)
            {
                ExportFailed(_batch.Count);
            }
        }

        _failing = !sent;
        _batch.Clear();
    }

    [LoggerMessage(Level = LogLevel.Warning,
        Message = "The OTLP receiver did not take the traces of {Calls} calls; further drops are only counted.")]
    private partial void ExportFailed(int calls);
}
