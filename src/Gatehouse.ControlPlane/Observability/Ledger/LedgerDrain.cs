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
    /// <summary>
    /// Some 0.5 MB while they are written. More survive collections of the youngest generation, and what has to be moved is a pause of
    /// every call; fewer cost more, because each transaction writes the pages at the ends of the trees anew.
    /// </summary>
    public const int BatchRecords = 500;

    /// <summary>While more than this waits, the database does not keep up: only some traces of answered calls are kept.</summary>
    public long BusyBytes { get; init; } = 128 << 20;

    /// <summary>One trace in so many.</summary>
    public const int SampledTraces = 16;

    private readonly List<CallRecord> _batch = new(BatchRecords);
    private JournalPosition? _position;
    private ProviderPlaces _places = new(GatewayTable.Empty);

    /// <summary>The last batch was as large as they get: there is more to take.</summary>
    public bool IsBehind => _batch.Count == BatchRecords;

    /// <summary>Stretches of the journal that could not be read, until now.</summary>
    public long Damaged => journal.Corrupted;

    /// <summary>Where the last of them is kept.</summary>
    public string? DamagedFile => journal.DamagedFile;

    /// <summary>Ends when there is something that the last drain has not seen.</summary>
    public Task AppendedAsync() => _position is { } seen ? journal.AppendedAsync(seen) : Task.CompletedTask;

    /// <summary>Ends when what has come since the last drain is a segment of the journal.</summary>
    public Task FilledAsync() => _position is { } seen ? journal.FilledAsync(seen) : Task.CompletedTask;

    /// <returns>Whether there was anything; call again until there is not.</returns>
    public async Task<bool> DrainAsync(CancellationToken ct)
    {
        var before = _position ?? await store.FindPositionAsync(journal.NodeId, ct);
        var after = before;
        if (traces.IsOn || _position is null)
        {
            _batch.Clear(); // the exporter may have parts of them
        }

        journal.Reuse(_batch);
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
        if (_places.Table != current)
        {
            _places = new ProviderPlaces(current);
        }

        var entries = Entries();
        var added = await store.WriteAsync(journal.NodeId, before, after, entries, _places, ct);
        _position = after;
        journal.Release(after);
        joint.Drained(after);
        metrics.Recorded(added);
        if (entries.Count > 0)
        {
            recorded.Raise();
        }

        if (traces.IsOn)
        {
            foreach (var entry in entries)
            {
                traces.Offer(entry.ToSummary(systems), entry.ToTrace(_places));
            }
        }

        return _batch.Count > 0;
    }

    private List<LedgerEntry> Entries()
    {
        var samples = journal.PendingBytes > BusyBytes;
        var entries = new List<LedgerEntry>(_batch.Count);
        var sampledOut = 0;
        foreach (var record in _batch)
        {
            if (record.TeamId != Guid.Empty)
            {
                var keeps = !samples || record.Outcome != CallOutcome.Ok || entries.Count % SampledTraces == 0;
                sampledOut += keeps ? 0 : 1;
                entries.Add(LedgerEntry.Of(record, keeps));
            }
        }

        metrics.SampledOut(sampledOut);
        return entries;
    }
}
