using System.Threading.Channels;
using Gatehouse.Contracts;

namespace Gatehouse.Observability.Traces;

/// <summary>
/// The bounded queue between the ledger and the exporter. When it is full a trace is dropped and counted; the ledger never waits.
/// </summary>
internal sealed class OtlpTraces(OtlpOptions options, ObservabilityMetrics metrics)
{
    private readonly Channel<ExportedCall> _queue = Channel.CreateBounded<ExportedCall>(
        new BoundedChannelOptions(options.QueueCalls) { SingleReader = true, FullMode = BoundedChannelFullMode.Wait });

    public ChannelReader<ExportedCall> Reader => _queue.Reader;

    public bool IsOn => options.Url is not null;

    public void Offer(CallSummary call, TraceDocument trace)
    {
        if (IsOn && !_queue.Writer.TryWrite(new ExportedCall(call, trace)))
        {
            metrics.DroppedExport(1);
        }
    }
}

/// <summary>A call on its way out.</summary>
internal readonly record struct ExportedCall(CallSummary Call, TraceDocument Trace);
