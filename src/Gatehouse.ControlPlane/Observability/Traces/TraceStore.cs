using System.Text.Json;
using Gatehouse.Observability.Ledger;
using Gatehouse.Storage;

namespace Gatehouse.Observability.Traces;

/// <summary>
/// Table <c>observability_trace_pack</c>, and <c>observability_trace</c> with the traces that were stored before there were packs. A trace
/// is hidden when its own time is over; its pack goes when that of the last one in it is.
/// </summary>
internal static class TraceStore
{
    private static readonly string[] Columns = ["node", "number", "retention_days", "expires_at", "document"];

    /// <param name="number">The number that the node's packs had reached before these.</param>
    public static Task AddAsync(Transaction sql, string node, long number, IReadOnlyList<PackedTraces> packs, CancellationToken ct) =>
        sql.AppendManyAsync(
            "observability_trace_pack",
            Columns,
            packs,
            (row, pack) =>
            {
                row.Text(node);
                row.Long(++number);
                row.Long(pack.RetentionDays);
                row.Instant(pack.ExpiresAt);
                row.Bytes(pack.Traces.Build());
            },
            ct);

    public static async Task<TraceDocument?> FindAsync(Database db, Calls.LedgerRow row, DateTimeOffset now, CancellationToken ct)
    {
        var call = row.Call;
        if (row.TracePack is { } number)
        {
            var packs = await db.QueryAsync(
                $"SELECT retention_days, document FROM observability_trace_pack WHERE node = {row.Node} AND number = {number}",
                pack => (Days: pack.Long(0), Document: pack.Bytes(1)),
                ct);
            return packs.Count == 1 && call.StartedAt.AddDays(packs[0].Days) > now ? TracePack.Find(packs[0].Document, call.Id) : null;
        }

        var documents = await db.QueryAsync(
            $"SELECT document FROM observability_trace WHERE call_id = {call.Id} AND expires_at > {now}", old => old.Text(0), ct);
        return documents.Count == 0 ? null : JsonSerializer.Deserialize(documents[0], StoredJson.Default.TraceDocument);
    }
}

/// <summary>Traces of one batch that live equally long.</summary>
internal sealed class PackedTraces(int number, int retentionDays, TracePack.Builder traces)
{
    private long _lastMicros;

    /// <summary>Within the batch, from 1.</summary>
    public int Number { get; } = number;

    public int RetentionDays { get; } = retentionDays;

    public TracePack.Builder Traces { get; } = traces;

    /// <summary>When the last of them expires.</summary>
    public DateTimeOffset ExpiresAt => DateTimeOffset.UnixEpoch.AddMicroseconds(_lastMicros).AddDays(RetentionDays);

    public void Add(LedgerEntry entry, ProviderPlaces places)
    {
        _lastMicros = Math.Max(_lastMicros, entry.Record.StartedAtMicros);
        Traces.Add(entry.Record, places.Of);
        entry.Pack = Number;
    }
}
