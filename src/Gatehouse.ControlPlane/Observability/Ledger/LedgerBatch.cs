using Gatehouse.Observability.Guard;
using Gatehouse.Observability.Traces;

namespace Gatehouse.Observability.Ledger;

/// <summary>A batch of calls, made ready for the tables: shapes, packed traces, sums and what the guards found.</summary>
internal sealed class LedgerBatch
{
    private const int KeptBuilders = 8; // of some 100 KB

    private readonly Dictionary<CallShape, int> _days = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<int, PackedTraces> _open = [];
    private readonly Stack<TracePack.Builder> _builders;

    /// <param name="builders">Those that are free; what the batch takes of them comes back with <see cref="Return"/>.</param>
    public LedgerBatch(
        string node, IReadOnlyList<LedgerEntry> entries, ShapeStore shapes, CallerNames names, ProviderPlaces places,
        SystemLookup systems, Stack<TracePack.Builder> builders)
    {
        _builders = builders;
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

    /// <summary>Nothing of the batch is needed any more.</summary>
    public void Return()
    {
        foreach (var pack in Packs)
        {
            if (_builders.Count < KeptBuilders)
            {
                pack.Traces.Clear();
                _builders.Push(pack.Traces);
            }
        }
    }

    private PackedTraces PackFor(LedgerEntry entry, SystemLookup systems)
    {
        if (!_days.TryGetValue(entry.Shape, out var days))
        {
            days = systems.RetentionDays(entry.Record.SystemId, entry.Record.Environment);
            _days.Add(entry.Shape, days);
        }

        if (!_open.TryGetValue(days, out var pack) || pack.Traces.Count == TracePack.MaxCalls)
        {
            _open[days] = pack = new PackedTraces(
                Packs.Count + 1, days, _builders.TryPop(out var builder) ? builder : new TracePack.Builder());
            Packs.Add(pack);
        }

        return pack;
    }
}
