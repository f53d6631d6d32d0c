using System.Diagnostics.Metrics;
using Gatehouse.Gateway.Journal;

namespace Gatehouse.Observability;

/// <summary>This module's own instruments: whether the ledger keeps up, and what was dropped.</summary>
internal sealed class ObservabilityMetrics : IDisposable
{
    public const string MeterName = "Gatehouse.Observability";

    private readonly Meter _meter = new(MeterName);
    private readonly Counter<long> _recorded;
    private readonly Counter<long> _sampledOut;
    private readonly Counter<long> _lostTexts;
    private readonly Counter<long> _lostResponses;
    private readonly Counter<long> _exported;
    private readonly Counter<long> _dropped;

    /// <param name="journal"><see langword="null"/> where only the names of the instruments matter.</param>
    public ObservabilityMetrics(CallJournal? journal)
    {
        _recorded = _meter.CreateCounter<long>("gatehouse.ledger.entries", "{call}", "Calls written to the ledger by this node.");
        _sampledOut = _meter.CreateCounter<long>(
            "gatehouse.traces.dropped", "{call}", "Traces not stored because the database was far behind; the calls are in the ledger.");
        _lostTexts = _meter.CreateCounter<long>(
            "gatehouse.content.lost", "{call}",
            "Stored content given up because its call did not reach the ledger, or the server stopped.");
        _lostResponses = _meter.CreateCounter<long>(
            "gatehouse.responses.lost", "{response}",
            "Responses that were to be stored and were not: the database took them too slowly, or the server stopped.");
        _exported = _meter.CreateCounter<long>("gatehouse.otlp.exported", "{call}", "Calls whose spans an OTLP receiver accepted.");
        _dropped = _meter.CreateCounter<long>(
            "gatehouse.otlp.dropped", "{call}", "Calls whose spans were dropped: the queue was full, or the receiver refused them.");
        _meter.CreateObservableGauge(
            "gatehouse.journal.pending", () => journal?.PendingBytes ?? 0, "By", "Journal that is not in the ledger yet.");
        _meter.CreateObservableCounter(
            "gatehouse.journal.corrupted", () => journal?.Corrupted ?? 0, "{stretch}", "Stretches of the journal that could not be read.");
    }

    public void Recorded(int calls) => _recorded.Add(calls);

    public void SampledOut(int calls)
    {
        if (calls > 0)
        {
            _sampledOut.Add(calls);
        }
    }

    public void LostText(int calls) => _lostTexts.Add(calls);

    public void LostResponse(int responses = 1) => _lostResponses.Add(responses);

    public void Exported(int calls) => _exported.Add(calls);

    public void DroppedExport(int calls) => _dropped.Add(calls);

    public void Dispose() => _meter.Dispose();
}
