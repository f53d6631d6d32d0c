using Gatehouse.Gateway.Journal;
using Gatehouse.Observability.Traces;
using Gatehouse.Storage;

namespace Gatehouse.Observability.Ledger;

/// <summary>
/// Writes calls into <c>observability_call</c>, their traces and <c>observability_traffic</c>, and moves the node's position in
/// <c>observability_journal</c> with them, in one transaction: a call is in all of them once, or in none. For one drain at a time.
/// </summary>
internal sealed class LedgerStore(Database db, LedgerJoint joint, SystemLookup systems, TimeProvider clock)
{
    private readonly ShapeStore _shapes = new(db);
    private readonly CallerNames _names = new(db);
    private readonly Stack<TracePack.Builder> _builders = [];

    /// <summary>Where the node's journal is to be read from, for who may write what it has.</summary>
    public Task<JournalPosition> FindPositionAsync(string node, CancellationToken ct) => db.TransactionAsync(
        async sql =>
        {
            await sql.ExecuteAsync(
                $"""
                INSERT INTO observability_journal (node, segment, byte_offset, packs)
                VALUES ({node}, 0, 0, (SELECT COALESCE(MAX(number), 0) FROM observability_trace_pack WHERE node = {node}))
                ON CONFLICT (node) DO NOTHING
                """,
                ct);
            var found = await sql.QueryAsync(
                $"SELECT segment, byte_offset FROM observability_journal WHERE node = {node}",
                row => new JournalPosition(row.Long(0), row.Long(1)),
                ct);
            await joint.ChargeAsync(sql, [], ct); // after the look: a place that is another's would be taken for damage
            return found[0];
        },
        ct);

    /// <param name="before">The position that the entries were read from; <paramref name="after"/> is behind them.</param>
    /// <returns>How many were new: all of them, unless the position was lost and calls came by once more.</returns>
    /// <exception cref="InvalidOperationException">The stored position is not <paramref name="before"/>: ask for it again.</exception>
    public async Task<int> WriteAsync(
        string node, JournalPosition before, JournalPosition after, IReadOnlyList<LedgerEntry> entries, ProviderPlaces places,
        CancellationToken ct)
    {
        try
        {
            await WriteNewAsync(node, before, after, entries, places, ct);
            return entries.Count;
        }
        catch (DuplicateRowException)
        {
            var known = await FindKnownAsync(entries, ct);
            List<LedgerEntry> unknown = [.. entries.Where(e => known.Add(e.Record.Id))];
            await WriteNewAsync(node, before, after, unknown, places, ct);
            return unknown.Count;
        }
    }

    /// <exception cref="DuplicateRowException">Some are in the ledger already. Nothing is changed.</exception>
    private async Task WriteNewAsync(
        string node, JournalPosition before, JournalPosition after, IReadOnlyList<LedgerEntry> entries, ProviderPlaces places,
        CancellationToken ct)
    {
        await _shapes.LoadAsync(node, ct);
        try
        {
            var now = clock.GetUtcNow();
            await _names.LoadAsync(entries, places.Table.Routes, ct);
            var batch = new LedgerBatch(node, entries, _shapes, _names, places, systems, _builders);
            await db.TransactionAsync(transaction => WriteAsync(transaction, node, before, after, batch, now, ct), ct);
            batch.Return();
            _shapes.Commit();
        }
        catch
        {
            _shapes.Forget();
            _names.Forget();
            throw;
        }
    }

    private async Task WriteAsync(
        Transaction transaction, string node, JournalPosition before, JournalPosition after, LedgerBatch batch, DateTimeOffset now,
        CancellationToken ct)
    {
        var moved = await transaction.QueryAsync(
            $"""
            UPDATE observability_journal SET segment = {after.Segment}, byte_offset = {after.Offset}, packs = packs + {batch.Packs.Count}
            WHERE node = {node} AND segment = {before.Segment} AND byte_offset = {before.Offset}
            RETURNING packs
            """,
            row => row.Long(0),
            ct);
        if (moved.Count != 1)
        {
            throw new InvalidOperationException($"The journal of node '{node}' is no longer at {before}.");
        }

        var packs = moved[0] - batch.Packs.Count;
        await _shapes.AddAsync(transaction, node, ct);
        await transaction.AppendManyAsync(
            "observability_call", LedgerEntry.Columns, batch.Entries, (row, entry) => entry.Write(row, now, packs), ct);
        await TraceStore.AddAsync(transaction, node, packs, batch.Packs, ct);
        await batch.Rollups.WriteAsync(transaction, ct);
        await batch.Guards.WriteAsync(transaction, ct);
        await joint.ChargeAsync(transaction, [.. batch.Entries.Select(e => e.Record)], ct);
    }

    private async Task<HashSet<Guid>> FindKnownAsync(IReadOnlyList<LedgerEntry> entries, CancellationToken ct)
    {
        var ids = entries.Select(e => e.Record.Id).ToList();
        return [.. await db.QueryAsync($"SELECT id FROM observability_call WHERE id IN {ids}", row => row.Id(0), ct)];
    }
}
