using System.Globalization;
using System.Runtime.CompilerServices;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Batches;
using Gatehouse.Storage;

namespace Gatehouse.Batches;

/// <summary>
/// Tables <c>batches_file</c> and <c>batches_chunk</c>. The content of a file that a batch made is in <c>batches_result</c>.
/// </summary>
internal sealed class FileStore(Database db, TimeProvider clock) : IFileStore
{
    /// <summary>How many results are read at once.</summary>
    private const int PageRows = 100;

    public Task BeginAsync(StoredFile file, CancellationToken ct) => db.ExecuteAsync($"""
        INSERT INTO batches_file (team_id, system_id, environment, id, purpose, name, bytes, is_complete, created_at, expires_at)
        VALUES ({file.Owner.TeamId}, {file.Owner.SystemId}, {BatchRow.Of(file.Owner)}, {file.Id}, {file.Purpose}, {file.Name}, 0, {false},
            {file.CreatedAt}, {file.CreatedAt + BatchUpkeep.LongestUpload})
        """, ct);

    public Task AppendAsync(
        BatchOwner owner, string id, int number, byte[] chunk, long quotaBytes, CancellationToken ct) => db.TransactionAsync(
        async sql =>
        {
            if (await sql.ExecuteAsync($"""
                UPDATE batches_file SET bytes = bytes + {chunk.Length}
                WHERE team_id = {owner.TeamId} AND system_id = {owner.SystemId} AND environment = {BatchRow.Of(owner)} AND id = {id} AND is_complete = {false}
                """, ct) == 0)
            {
                throw new ProblemException(
                    new Problem("upload_too_slow", 408, "The file came too slowly and was given up: send it again."));
            }

            await sql.ExecuteAsync($"""
                INSERT INTO batches_chunk (team_id, file_id, number, content) VALUES ({owner.TeamId}, {id}, {number}, {chunk})
                """, ct);
            var sum = await sql.QueryAsync(
                $"SELECT CAST(SUM(bytes) AS BIGINT) FROM batches_file WHERE team_id = {owner.TeamId} AND expires_at > {clock.GetUtcNow()}",
                row => row.Long(0), ct);
            if (sum[0] > quotaBytes)
            {
                throw new ProblemException(new Problem("file_quota_exceeded", 400, string.Create(
                    CultureInfo.InvariantCulture,
                    $"The files of this team would have more than {quotaBytes} bytes together, the limit of this installation (batches.quota): delete some.")));
            }
        },
        ct);

    public Task CompleteAsync(StoredFile file, CancellationToken ct) => db.ExecuteAsync($"""
        UPDATE batches_file SET purpose = {file.Purpose}, expires_at = {file.ExpiresAt}, is_complete = {true}
        WHERE team_id = {file.Owner.TeamId} AND system_id = {file.Owner.SystemId} AND environment = {BatchRow.Of(file.Owner)} AND id = {file.Id}
        """, ct);

    public Task AbandonAsync(BatchOwner owner, string id, CancellationToken ct) =>
        db.TransactionAsync(sql => RemoveAsync(sql, owner, id, ct), ct);

    public async Task<StoredFile?> FindAsync(BatchOwner owner, string id, CancellationToken ct) =>
        await db.QueryAsync($"""
            SELECT id, purpose, name, bytes, created_at, expires_at FROM batches_file
            WHERE {OfOwner(owner)} AND id = {id}
            """, row => Read(owner, row), ct) is [var one] ? one : null;

    public async Task<IReadOnlyList<StoredFile>> ListAsync(
        BatchOwner owner, string? purpose, string? after, bool oldestFirst, int limit, CancellationToken ct)
    {
        FormattableString asked = purpose is null ? (FormattableString)$"" : $" AND purpose = {purpose}";
        FormattableString behind = after is null
            ? (FormattableString)$""
            : oldestFirst ? (FormattableString)$" AND id > {after}" : $" AND id < {after}";
        FormattableString order = oldestFirst ? (FormattableString)$"ORDER BY id" : $"ORDER BY id DESC";
        return await db.QueryAsync(
            $"SELECT id, purpose, name, bytes, created_at, expires_at FROM batches_file WHERE {OfOwner(owner)}{asked}{behind} {order} LIMIT {limit}",
            row => Read(owner, row),
            ct);
    }

    public async IAsyncEnumerable<byte[]> ReadAsync(BatchOwner owner, string id, [EnumeratorCancellation] CancellationToken ct)
    {
        var made = await db.QueryAsync($"""
            SELECT batch_id, part FROM batches_file
            WHERE team_id = {owner.TeamId} AND system_id = {owner.SystemId} AND environment = {BatchRow.Of(owner)} AND id = {id} AND batch_id IS NOT NULL
            """, row => (BatchId: row.Text(0), Part: row.Text(1)), ct);
        if (made is [var (batchId, part)])
        {
            await foreach (var line in ReadResultsAsync(db, owner.TeamId, batchId, part, ct))
            {
                yield return line;
            }

            yield break;
        }

        for (var number = 0; ; number++)
        {
            if (await db.QueryAsync(
                $"SELECT content FROM batches_chunk WHERE team_id = {owner.TeamId} AND file_id = {id} AND number = {number}",
                row => row.Bytes(0),
                ct) is not [var chunk])
            {
                yield break;
            }

            yield return chunk;
        }
    }

    public Task<bool> DeleteAsync(BatchOwner owner, string id, CancellationToken ct) => db.TransactionAsync(
        async sql =>
        {
            var batches = await sql.QueryAsync($"""
                SELECT id FROM batches_batch
                WHERE team_id = {owner.TeamId} AND system_id = {owner.SystemId} AND environment = {BatchRow.Of(owner)} AND input_id = {id} AND ended_at IS NULL
                """, row => row.Text(0), ct);
            if (batches is [var batch, ..])
            {
                throw new ProblemException(
                    new Problem("file_in_use", 400,
                        $"The batch '{batch}' is under way and reads this file: cancel it, or wait for its end."));
            }

            var found = await sql.QueryAsync($"SELECT id FROM batches_file WHERE {OfOwner(owner)} AND id = {id}", row => row.Text(0), ct);
            await RemoveAsync(sql, owner, found is [var one] ? one : "", ct);
            return found.Count == 1;
        },
        ct);

    /// <summary>Removes a file with its content, whether a client sent it or a batch made it.</summary>
    public static async Task RemoveAsync(Transaction sql, BatchOwner owner, string id, CancellationToken ct)
    {
        await sql.ExecuteAsync($"DELETE FROM batches_chunk WHERE team_id = {owner.TeamId} AND file_id = {id}", ct);
        var made = await sql.QueryAsync($"""
            SELECT batch_id, part FROM batches_file
            WHERE team_id = {owner.TeamId} AND system_id = {owner.SystemId} AND environment = {BatchRow.Of(owner)} AND id = {id} AND batch_id IS NOT NULL
            """, row => (BatchId: row.Text(0), Part: row.Text(1)), ct);
        foreach (var (batchId, part) in made)
        {
            await sql.ExecuteAsync(
                $"DELETE FROM batches_result WHERE team_id = {owner.TeamId} AND batch_id = {batchId} AND part = {part}", ct);
        }

        await sql.ExecuteAsync($"""
            DELETE FROM batches_file
            WHERE team_id = {owner.TeamId} AND system_id = {owner.SystemId} AND environment = {BatchRow.Of(owner)} AND id = {id}
            """, ct);
    }

    /// <summary>The results of one part of a batch, a line each.</summary>
    /// <param name="part"><see langword="null"/> for all.</param>
    public static async IAsyncEnumerable<byte[]> ReadResultsAsync(
        Database db, Guid teamId, string batchId, string? part, [EnumeratorCancellation] CancellationToken ct)
    {
        FormattableString asked = part is null ? (FormattableString)$"" : $" AND part = {part}";
        var after = 0L;
        while (true)
        {
            var page = await db.QueryAsync($"""
                SELECT line, content FROM batches_result
                WHERE team_id = {teamId} AND batch_id = {batchId} AND line > {after}{asked}
                ORDER BY line LIMIT {PageRows}
                """, row => (Line: row.Long(0), Content: row.Bytes(1)), ct);
            foreach (var (line, content) in page)
            {
                yield return [.. content, (byte)'\n'];
                after = line;
            }

            if (page.Count < PageRows)
            {
                yield break;
            }
        }
    }

    /// <summary>What the owner may see: complete, not expired, and no batch's own.</summary>
    private FormattableString OfOwner(BatchOwner owner) =>
        $"team_id = {owner.TeamId} AND system_id = {owner.SystemId} AND environment = {BatchRow.Of(owner)} AND is_complete = {true} AND expires_at > {clock.GetUtcNow()} AND purpose <> {StoredFile.Inner}";

    private static StoredFile Read(BatchOwner owner, Row row) =>
        new(owner, row.Text(0), row.Text(1), row.Text(2), row.Long(3), row.Instant(4), row.Instant(5));
}
