using Gatehouse.Contracts;
using Gatehouse.Gateway.Journal;
using Gatehouse.Gateway.Routing;
using Gatehouse.Observability.Calls;
using Gatehouse.Observability.Traces;

namespace Gatehouse.Observability.Ledger;

/// <summary>Takes records out of this node's journal, a batch at a time. For one caller at a time.</summary>
internal sealed class LedgerDrain(
    CallJournal journal,
    LedgerStore store,
    LedgerJoint joint,
    Snapshot<GatewayTable> table,
    SystemLookup systems,
    RecordedSignal recorded,
    OtlpTraces traces,
    ObservabilityMetrics metrics)
{
    public const int BatchRecords = 1000;

    private readonly List<CallRecord> _batch = new(BatchRecords);
    private JournalPosition? _position;

    /// <summary>The last batch was as large as they get: there is more to take.</summary>
    public bool IsBehind => _batch.Count == BatchRecords;

    /// <returns>Whether there was anything; call again until there is not.</returns>
    public async Task<bool> DrainAsync(CancellationToken ct)
    {
        var before = _position ?? await store.FindPositionAsync(journal.NodeId, ct);
        var after = before;
        _batch.Clear();
        if (!journal.TryRead(ref after, _batch, BatchRecords) && after == before)
        {
            _position = before;
            joint.Drained(before);
            return false;
        }

        // Damage alone moves the position too: it is stored, or the same damage would be read and counted for ever.
        // Whatever goes wrong from here on, the next drain starts from the position that the database has.
        _position = null;
        var current = table.Current;
        var entries = _batch.Where(r => r.TeamId != Guid.Empty).Select(r => LedgerEntry.Of(r, current, systems)).ToList();
        var added = await store.WriteAsync(journal.NodeId, before, after, entries, ct);
        _position = after;
        journal.Release(after);
        joint.Drained(after);
        metrics.Recorded(added);
        if (entries.Count > 0)
        {
            recorded.Raise();
        }

        foreach (var entry in entries)
        {
            traces.Offer(entry.ToSummary(systems), entry.Trace);
        }

        return _batch.Count > 0;
    }
}
