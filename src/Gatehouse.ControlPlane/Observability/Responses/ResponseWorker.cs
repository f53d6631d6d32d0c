using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Gatehouse.Observability.Responses;

/// <summary>Brings stored responses into the database, a moment after their clients have them.</summary>
internal sealed partial class ResponseWorker(
    KeptResponses kept, ObservabilityMetrics metrics, TimeProvider clock, ILogger<ResponseWorker> log) : BackgroundService
{
    private static readonly TimeSpan Retry = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan FlushTime = TimeSpan.FromSeconds(5);

    /// <summary>The loop may have been stopped before it ever ran, so what is left is written here and not in it.</summary>
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        using var time = new CancellationTokenSource(FlushTime, clock);
        try
        {
            while (await kept.WriteAsync(time.Token))
            {
            }
        }
#pragma warning disable CA1031 // Whatever the database throws: there is no later try.
        catch (Exception e)
#pragma warning restore CA1031
        {
            var left = kept.Unwritten.Count;
            metrics.LostResponse(left);
            WriteFailed(left, e);
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (await kept.Unwritten.WaitToReadAsync(stoppingToken))
        {
            try
            {
                await kept.WriteAsync(stoppingToken);
            }
#pragma warning disable CA1031 // Whatever the database throws: the responses are tried again.
            catch (Exception e) when (!stoppingToken.IsCancellationRequested)
#pragma warning restore CA1031
            {
                WriteFailed(kept.Unwritten.Count, e);
                await Task.Delay(Retry, clock, stoppingToken);
            }
        }
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "{Responses} stored responses could not be written to the database.")]
    private partial void WriteFailed(int responses, Exception e);
}
