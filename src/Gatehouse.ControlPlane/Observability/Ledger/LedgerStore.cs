using Gatehouse.Gateway.Journal;
using Gatehouse.Storage;

namespace Gatehouse.Observability.Ledger;

/// <summary>
/// Writes calls into <c>observability_ledger</c>, <c>observability_trace</c> and <c>observability_traffic</c>, and moves the node's
/// position in <c>observability_journal</c> with them, in one transaction: a call is in all of them once, or in none.
/// </summary>
internal sealed class LedgerStore(Database db, LedgerJoint joint, TimeProvider clock)
{
    private static readonly string[] LedgerColumns =
    [
        "team_id", "id", "system_id", "key_id", "environment", "node", "request_id", "trace_id", "surface", "route", "provider", "model",
        "answered_model", "streamed", "status", "outcome", "error_code", "error_message", "finish_reason", "uncached_input_tokens",
        "cache_read_tokens", "cache_write_tokens", "cache_write_long_tokens", "output_tokens", "reasoning_tokens", "cost_nanos",
        "price_revision", "price", "configuration_revision", "started_at", "duration_micros", "first_byte_micros", "own_micros", "attempts",
        "recorded_at", "earlier_targets", "charged_nanos", "end_user", "audio_input_tokens", "image_input_tokens",
        "audio_output_tokens", "service_tier",
    ];

    private static readonly string[] TraceColumns = ["call_id", "document", "expires_at"];

    /// <summary>Where the node's journal is to be read from.</summary>
    public async Task<JournalPosition> FindPositionAsync(string node, CancellationToken ct)
    {
        await db.ExecuteAsync(
            $"INSERT INTO observability_journal (node, segment, byte_offset) VALUES ({node}, 0, 0) ON CONFLICT (node) DO NOTHING", ct);
        var found = await db.QueryAsync(
            $"SELECT segment, byte_offset FROM observability_journal WHERE node = {node}",
            row => new JournalPosition(row.Long(0), row.Long(1)),
            ct);
        return found[0];
    }

    /// <param name="before">The position that the entries were read from; <paramref name="after"/> is behind them.</param>
    /// <returns>How many were new: all of them, unless the position was lost and calls came by once more.</returns>
    /// <exception cref="InvalidOperationException">The stored position is not <paramref name="before"/>: ask for it again.</exception>
    public async Task<int> WriteAsync(
        string node, JournalPosition before, JournalPosition after, IReadOnlyList<LedgerEntry> entries, CancellationToken ct)
    {
        var written = await TryWriteAsync(node, before, after, entries, ct);
        if (written is null)
        {
            var known = await FindKnownAsync(entries, ct);
            written = await TryWriteAsync(
                node, before, after, [.. entries.Where(e => known.Add(e.Record.Id))], ct)
                ?? throw new InvalidOperationException("Calls of this journal were written by someone else at the same time.");
        }

        return written.Value;
    }

    /// <returns><see langword="null"/>, and nothing is changed, when some of the entries are in the ledger already.</returns>
    private async Task<int?> TryWriteAsync(
        string node, JournalPosition before, JournalPosition after, IReadOnlyList<LedgerEntry> entries, CancellationToken ct)
    {
        var now = clock.GetUtcNow();
        var rollups = new RollupBatch(node);
        var prices = new PriceTexts();
        foreach (var entry in entries)
        {
            rollups.Add(entry);
        }

        try
        {
            return await db.TransactionAsync<int?>(
                async transaction =>
                {
                    var moved = await transaction.ExecuteAsync($"""
                        UPDATE observability_journal SET segment = {after.Segment}, byte_offset = {after.Offset}
                        WHERE node = {node} AND segment = {before.Segment} AND byte_offset = {before.Offset}
                        """, ct);
                    if (moved != 1)
                    {
                        throw new InvalidOperationException($"The journal of node '{node}' is no longer at {before}.");
                    }

                    var added = await transaction.InsertManyAsync(
                        "observability_ledger", LedgerColumns, [.. entries.Select(e => e.ToLedgerRow(node, now, prices))], ct);
                    if (added != entries.Count)
                    {
                        throw new KnownCallsException();
                    }

                    await transaction.InsertManyAsync("observability_trace", TraceColumns, [.. entries.Select(e => e.ToTraceRow())], ct);
                    await rollups.WriteAsync(transaction, ct);
                    await joint.ChargeAsync(transaction, node, [.. entries.Select(e => e.Record)], ct);
                    return added;
                },
                ct);
        }
        catch (KnownCallsException)
        {
            return null;
        }
    }

    private async Task<HashSet<Guid>> FindKnownAsync(IReadOnlyList<LedgerEntry> entries, CancellationToken ct)
    {
        var ids = entries.Select(e => e.Record.Id).ToList();
        return [.. await db.QueryAsync($"SELECT id FROM observability_ledger WHERE id IN {ids}", row => row.Id(0), ct)];
    }

    /// <summary>Rolls a transaction back whose entries are not all new.</summary>
    private sealed class KnownCallsException : Exception;
}
