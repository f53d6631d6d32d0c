using Gatehouse.Observability.Guard;
using Gatehouse.Observability.Traces;

namespace Gatehouse.Observability.Ledger;

/// <summary>A batch of calls, made ready for the tables: shapes, packed traces, sums and what the guards found.</summary>
internal sealed class LedgerBatch
{
    private readonly Dictionary<CallShape, int> _days = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<int, PackedTraces> _open = [];

    public LedgerBatch(
        string node, IReadOnlyList<LedgerEntry> entries, ShapeStore shapes, CallerNames names, ProviderPlaces places, SystemLookup systems)
    {
        Entries = entries;
        Rollups = new RollupBatch(node);
        foreach (var entry in entries)
        {
            entry.Shape = shapes.Of(entry.Record, names.IsOther(entry.Record, places.Table.Routes));
            entry.Pack = 0;
            Rollups.Add(entry);
            Guards.Add(entry.Record);
            if (entry.KeepsTrace)
            {
                PackFor(entry, systems).Add(entry, places);
            }
        }
    }

    public IReadOnlyList<LedgerEntry> Entries { get; }

    public RollupBatch Rollups { get; }

    public GuardBatch Guards { get; } = new();

    public List<PackedTraces> Packs { get; } = [];

    private PackedTraces PackFor(LedgerEntry entry, SystemLookup systems)
    {
        if (!_days.TryGetValue(entry.Shape, out var days))
        {
            days = systems.RetentionDays(entry.Record.SystemId, entry.Record.Environment);
            _days.Add(entry.Shape, days);
        }

        if (!_open.TryGetValue(days, out var pack) || pack.Traces.Count == TracePack.MaxCalls)
        {
            _open[days] = pack = new PackedTraces(Packs.Count + 1, days);
            Packs.Add(pack);
        }

        return pack;
    }
}
