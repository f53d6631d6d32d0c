using System.Text.Json;
using Gatehouse.Gateway.Batches;
using Gatehouse.Storage;

namespace Gatehouse.Batches;

/// <summary>Tables <c>batches_batch</c> and <c>batches_result</c>.</summary>
internal sealed class BatchStore(Database db, TimeProvider clock) : IBatchStore
{
    private static readonly string[] ResultColumns = ["team_id", "batch_id", "line", "part", "content"];

    public Task AddAsync(Batch b, CancellationToken ct) => db.ExecuteAsync($"""
        INSERT INTO batches_batch
            (team_id, system_id, environment, id, format, key_id, endpoint, input_id, headers, metadata, status, total, succeeded, errored,
            cancelled, expired, keep_seconds, created_at, expires_at, in_progress_at, lease_until_at, fence)
        VALUES ({b.Owner.TeamId}, {b.Owner.SystemId}, {BatchRow.Of(b.Owner)}, {b.Id}, {BatchRow.Of(b.Format)}, {b.KeyId}, {b.Endpoint}, {b.InputId},
            {JsonSerializer.Serialize(b.Headers, StoredBatchJson.Default.IReadOnlyDictionaryStringString)}, {b.Metadata}, {BatchRow.Of(b.Status)},
            {b.Counts.Total}, 0, 0, 0, 0, {(long)b.KeepOutput.TotalSeconds}, {b.CreatedAt}, {b.ExpiresAt}, {b.InProgressAt}, 0, 0)
        """, ct);

    public async Task<Batch?> FindAsync(BatchOwner owner, BatchFormat format, string id, CancellationToken ct) =>
        await db.QueryAsync(
            $"SELECT {BatchRow.Columns} FROM batches_batch WHERE {OfOwner(owner, format)} AND id = {id}", row =>
                BatchRow.Read(owner, row), ct) is [var one]
            ? one
            : null;

    public async Task<IReadOnlyList<Batch>> ListAsync(
        BatchOwner owner, BatchFormat format, string? after, string? before, int limit, CancellationToken ct)
    {
        FormattableString behind = after is null ? (FormattableString)$"" : $" AND id < {after}";
        FormattableString ahead = before is null ? (FormattableString)$"" : $" AND id > {before}";
        FormattableString order = before is null ? (FormattableString)$"ORDER BY id DESC" : $"ORDER BY id";
        var found = await db.QueryAsync(
            $"SELECT {BatchRow.Columns} FROM batches_batch WHERE {OfOwner(owner, format)}{behind}{ahead} {order} LIMIT {limit}",
            row => BatchRow.Read(owner, row),
            ct);
        if (before is not null)
        {
            found.Reverse();
        }

        return found;
    }

    public async Task<Batch?> CancelAsync(BatchOwner owner, BatchFormat format, string id, CancellationToken ct)
    {
        await db.ExecuteAsync($"""
            UPDATE batches_batch SET status = 'cancelling', cancelling_at = {clock.GetUtcNow()}
            WHERE {OfOwner(owner, format)} AND id = {id} AND status IN ('validating', 'in_progress')
            """, ct);
        return await FindAsync(owner, format, id, ct);
    }

    public Task DeleteAsync(Batch batch, CancellationToken ct) =>
        db.TransactionAsync(sql => RemoveAsync(sql, batch.Owner, batch.Id, batch.InputId, ct), ct);

    public IAsyncEnumerable<byte[]> ReadResultsAsync(Batch batch, CancellationToken ct) =>
        FileStore.ReadResultsAsync(db, batch.Owner.TeamId, batch.Id, null, ct);

    public async Task<BatchLease?> TryLeaseAsync(
        string node, IReadOnlyCollection<string> except, DateTimeOffset until, CancellationToken ct)
    {
        var found = await db.QueryAsync($"""
            SELECT team_id, system_id, environment, id, fence FROM batches_batch
            WHERE ended_at IS NULL AND (lease_until_at <= {clock.GetUtcNow()} OR lease_node = {node}) AND id NOT IN {except.Append("")}
            ORDER BY created_at LIMIT 1
            """, row => (Owner: new BatchOwner(row.Id(0), row.Id(1), BatchRow.Environment(row.Text(2))), Id: row.Text(3), Fence: row.Long(4)), ct);
        if (found is not [var (owner, id, fence)])
        {
            return null;
        }

        return await db.TransactionAsync(
            async sql =>
            {
                if (await sql.ExecuteAsync($"""
                    UPDATE batches_batch SET lease_node = {node}, lease_until_at = {until}, fence = {fence + 1}
                    WHERE {OfOwner(owner)} AND id = {id} AND fence = {fence} AND ended_at IS NULL
                    """, ct) == 0)
                {
                    return null; // another node was quicker: the next look finds the next batch
                }

                var leased = await sql.QueryAsync(
                    $"SELECT {BatchRow.Columns} FROM batches_batch WHERE {OfOwner(owner)} AND id = {id}", row =>
                        BatchRow.Read(owner, row), ct);
                return new BatchLease(leased[0], fence + 1);
            },
            ct);
    }

    public Task<BatchStatus?> RenewAsync(BatchLease lease, DateTimeOffset until, CancellationToken ct) =>
        db.TransactionAsync(sql => HoldAsync(sql, lease, $"lease_until_at = {until}", ct), ct);

    public Task ReleaseAsync(BatchLease lease, CancellationToken ct) => db.ExecuteAsync($"""
        UPDATE batches_batch SET lease_node = NULL, lease_until_at = 0 WHERE {OfOwner(lease.Batch.Owner)} AND id = {lease.Batch.Id} AND fence = {lease.Fence}
        """, ct);

    public Task<BatchStatus?> BeginAsync(BatchLease lease, int total, CancellationToken ct) => db.TransactionAsync(
        sql => HoldAsync(
            sql,
            lease,
            $"total = {total}, in_progress_at = {clock.GetUtcNow()}, status = CASE WHEN status = 'validating' THEN 'in_progress' ELSE status END",
            ct),
        ct);

    public Task FailAsync(BatchLease lease, IReadOnlyList<BatchError> errors, CancellationToken ct)
    {
        var now = clock.GetUtcNow();
        return db.TransactionAsync(
            sql => HoldAsync(
                sql,
                lease,
                $"status = 'failed', errors = {JsonSerializer.Serialize(errors, StoredBatchJson.Default.IReadOnlyListBatchError)}, ended_at = {now}, keep_until_at = {now + lease.Batch.KeepOutput}",
                ct),
            ct);
    }

    public async Task<IReadOnlyCollection<int>> DoneAsync(Batch batch, CancellationToken ct) =>
        await db.QueryAsync(
            $"SELECT line FROM batches_result WHERE team_id = {batch.Owner.TeamId} AND batch_id = {batch.Id}", row => (int)row.Long(0), ct);

    public Task<BatchStatus?> KeepAsync(BatchLease lease, IReadOnlyList<BatchResult> results, DateTimeOffset until, CancellationToken ct)
    {
        var batch = lease.Batch;
        var counts = results.CountBy(r => r.Outcome).ToDictionary();
        var usage = results.Aggregate(BatchUsage.None, (sum, r) => sum.Plus(r.Usage));
        return db.TransactionAsync(
            async sql =>
            {
                var status = await HoldAsync(
                    sql,
                    lease,
                    $"""
                    lease_until_at = {until}, succeeded = succeeded + {counts.GetValueOrDefault(BatchOutcome.Succeeded)},
                    errored = errored + {counts.GetValueOrDefault(BatchOutcome.Errored)}, cancelled = cancelled + {counts.GetValueOrDefault(BatchOutcome.Cancelled)},
                    expired = expired + {counts.GetValueOrDefault(BatchOutcome.Expired)}, input_tokens = input_tokens + {usage.Input},
                    cached_tokens = cached_tokens + {usage.Cached}, output_tokens = output_tokens + {usage.Output},
                    reasoning_tokens = reasoning_tokens + {usage.Reasoning}
                    """,
                    ct);
                if (status is not null)
                {
                    var added = await sql.InsertManyAsync(
                        "batches_result",
                        ResultColumns,
                        [.. results.Select(
                            r => (object?[])[batch.Owner.TeamId, batch.Id, r.Line, BatchRow.PartOf(batch, r.Outcome), r.Content])],
                        ct);
                    if (added != results.Count)
                    {
                        // rolls the counts back
                        throw new InvalidOperationException("A line has a result already: nothing of these is kept.");
                    }
                }

                return status;
            },
            ct);
    }

    public Task FinalizeAsync(BatchLease lease, CancellationToken ct) => db.TransactionAsync(
        sql => HoldAsync(
            sql,
            lease,
            $"finalizing_at = {clock.GetUtcNow()}, status = CASE WHEN status = 'cancelling' THEN status ELSE 'finalizing' END",
            ct),
        ct);

    public Task EndAsync(
        BatchLease lease, BatchStatus status, string outputId, string errorId, CancellationToken ct) => db.TransactionAsync(
        async sql =>
        {
            var (batch, now) = (lease.Batch, clock.GetUtcNow());
            var keepUntil = now + batch.KeepOutput;
            if (await HoldAsync(
                sql, lease, $"status = {BatchRow.Of(status)}, ended_at = {now}, keep_until_at = {keepUntil}, lease_node = NULL",
                ct) is null)
            {
                return;
            }

            if (batch.Format == BatchFormat.Anthropic)
            {
                await FileStore.RemoveAsync(sql, batch.Owner, batch.InputId, ct); // its results say all that is asked for again
                return;
            }

            var output = await AddFileAsync(sql, batch, BatchRow.Output, outputId, keepUntil, ct);
            var error = await AddFileAsync(sql, batch, BatchRow.Error, errorId, keepUntil, ct);
            await sql.ExecuteAsync(
                $"UPDATE batches_batch SET output_id = {output}, error_id = {error} WHERE {OfOwner(batch.Owner)} AND id = {batch.Id}", ct);
        },
        ct);

    /// <summary>Removes a batch with its results and the files of them.</summary>
    public static async Task RemoveAsync(Transaction sql, BatchOwner owner, string id, string inputId, CancellationToken ct)
    {
        await sql.ExecuteAsync($"DELETE FROM batches_result WHERE team_id = {owner.TeamId} AND batch_id = {id}", ct);
        await sql.ExecuteAsync($"DELETE FROM batches_file WHERE {OfOwner(owner)} AND batch_id = {id}", ct);
        if (id == inputId)
        {
            await FileStore.RemoveAsync(sql, owner, id, ct);
        }

        await sql.ExecuteAsync($"DELETE FROM batches_batch WHERE {OfOwner(owner)} AND id = {id}", ct);
    }

    /// <returns>The id, or <see langword="null"/> when there is no result of this part.</returns>
    private async Task<string?> AddFileAsync(
        Transaction sql, Batch batch, string part, string id, DateTimeOffset expiresAt, CancellationToken ct)
    {
        var sums = await sql.QueryAsync($"""
            SELECT COUNT(*), CAST(COALESCE(SUM(LENGTH(content) + 1), 0) AS BIGINT) FROM batches_result
            WHERE team_id = {batch.Owner.TeamId} AND batch_id = {batch.Id} AND part = {part}
            """, row => (Count: row.Long(0), Bytes: row.Long(1)), ct);
        if (sums[0].Count == 0)
        {
            return null;
        }

        await sql.ExecuteAsync($"""
            INSERT INTO batches_file (team_id, system_id, environment, id, purpose, name, bytes, is_complete, batch_id, part, created_at, expires_at)
            VALUES ({batch.Owner.TeamId}, {batch.Owner.SystemId}, {BatchRow.Of(batch.Owner)}, {id}, {StoredFile.BatchOutput},
                {$"{batch.Id}_{part}.jsonl"}, {sums[0].Bytes}, {true}, {batch.Id}, {part}, {clock.GetUtcNow()}, {expiresAt})
            """, ct);
        return id;
    }

    /// <summary>Changes a batch if the lease still holds.</summary>
    /// <returns>The batch's status, or <see langword="null"/> when it does not.</returns>
    private static async Task<BatchStatus?> HoldAsync(Transaction sql, BatchLease lease, FormattableString change, CancellationToken ct)
    {
        var (owner, id) = (lease.Batch.Owner, lease.Batch.Id);
        if (await sql.ExecuteAsync(
            $"UPDATE batches_batch SET {change} WHERE {OfOwner(owner)} AND id = {id} AND fence = {lease.Fence} AND ended_at IS NULL", ct)
                == 0)
        {
            return null;
        }

        var status = await sql.QueryAsync($"SELECT status FROM batches_batch WHERE {OfOwner(owner)} AND id = {id}", row => row.Text(0), ct);
        return Enum.Parse<BatchStatus>(status[0].Replace("_", "", StringComparison.Ordinal), ignoreCase: true);
    }

    private static FormattableString OfOwner(BatchOwner owner) =>
        $"team_id = {owner.TeamId} AND system_id = {owner.SystemId} AND environment = {BatchRow.Of(owner)}";

    private static FormattableString OfOwner(BatchOwner owner, BatchFormat format) =>
        $"{OfOwner(owner)} AND format = {BatchRow.Of(format)}";
}
