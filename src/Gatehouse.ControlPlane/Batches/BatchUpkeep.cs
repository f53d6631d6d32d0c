using Gatehouse.Gateway.Batches;
using Gatehouse.Storage;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Gatehouse.Batches;

/// <summary>
/// Deletes files and batches whose time is over, and uploads that were broken off. Every node may run it: deleting twice is deleting once.
/// </summary>
internal sealed partial class BatchUpkeep(Database db, DeletionClock deletion, TimeProvider clock, ILogger<BatchUpkeep> log)
    : BackgroundService
{
    /// <summary>A file that is not complete by then never will be.</summary>
    public static readonly TimeSpan LongestUpload = TimeSpan.FromHours(1);

    private const int MostAtOnce = 100;
    private static readonly TimeSpan Pause = TimeSpan.FromMinutes(10);

    /// <summary>What a batch under way reads stays until it has ended.</summary>
    public async Task DeleteExpiredAsync(DateTimeOffset now, CancellationToken ct)
    {
        int deleted;
        do
        {
            var files = await db.QueryAsync($"""
                SELECT f.team_id, f.system_id, f.environment, f.id FROM batches_file f
                WHERE f.expires_at <= {now} AND NOT EXISTS (
                    SELECT 1 FROM batches_batch b
                    WHERE b.team_id = f.team_id AND b.system_id = f.system_id AND b.environment = f.environment AND b.input_id = f.id AND b.ended_at IS NULL)
                LIMIT {MostAtOnce}
                """, Read, ct);
            foreach (var (owner, id, _) in files)
            {
                await db.TransactionAsync(sql => FileStore.RemoveAsync(sql, owner, id, ct), ct);
            }

            var batches = await db.QueryAsync($"""
                SELECT team_id, system_id, environment, id, input_id FROM batches_batch
                WHERE keep_until_at IS NOT NULL AND keep_until_at <= {now} LIMIT {MostAtOnce}
                """, row => Read(row) with { Input = row.Text(4) }, ct);
            foreach (var (owner, id, input) in batches)
            {
                await db.TransactionAsync(sql => BatchStore.RemoveAsync(sql, owner, id, input, ct), ct);
            }

            deleted = Math.Max(files.Count, batches.Count);
        }
        while (deleted == MostAtOnce);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Pause, clock);
        do
        {
            try
            {
                await DeleteExpiredAsync(await deletion.GetNowAsync(stoppingToken), stoppingToken);
            }
#pragma warning disable CA1031 // Whatever the database throws: what is overdue is deleted next time, and nobody finds it meanwhile.
            catch (Exception e) when (!stoppingToken.IsCancellationRequested)
#pragma warning restore CA1031
            {
                DeleteFailed(e);
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    private static Overdue Read(Row row) => new(new BatchOwner(row.Id(0), row.Id(1), BatchRow.Environment(row.Text(2))), row.Text(3), "");

    [LoggerMessage(Level = LogLevel.Error,
        Message = "Expired files and batches could not be deleted; nobody finds them, and they are deleted at the next try.")]
    private partial void DeleteFailed(Exception e);

    private sealed record Overdue(BatchOwner Owner, string Id, string Input);
}
