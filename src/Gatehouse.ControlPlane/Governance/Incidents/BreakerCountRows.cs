using Gatehouse.Contracts;
using Gatehouse.Gateway.Breakers;
using Gatehouse.Storage;

namespace Gatehouse.Governance;

/// <summary>Table <c>governance_breaker_count</c>: each node writes its own rows and reads those of the others.</summary>
internal sealed class BreakerCountRows(Database db)
{
    /// <param name="gone">Rows of this node that count nothing any more.</param>
    public Task WriteAsync(
        string node, IReadOnlyCollection<BreakerCount> counts, IReadOnlyCollection<BreakerCount> gone, DateTimeOffset now,
        CancellationToken ct) =>
        db.TransactionAsync(
            async sql =>
            {
                foreach (var count in counts)
                {
                    await sql.ExecuteAsync($"""
                        INSERT INTO governance_breaker_count (
                            team_id, system_id, environment, name, node, fingerprint, calls, amount, generation, counted_at)
                        VALUES ({count.TeamId}, {count.SystemId}, {Words.Of(count.Environment)}, {count.Name}, {node}, {count.Fingerprint},
                            {count.Calls}, {count.Amount}, {count.Generation}, {now})
                        ON CONFLICT (team_id, system_id, environment, name, node, fingerprint) DO UPDATE
                        SET calls = excluded.calls, amount = excluded.amount, generation = excluded.generation,
                            counted_at = excluded.counted_at
                        """, ct);
                }

                foreach (var count in gone)
                {
                    await sql.ExecuteAsync($"""
                        DELETE FROM governance_breaker_count
                        WHERE team_id = {count.TeamId} AND system_id = {count.SystemId} AND environment = {Words.Of(count.Environment)}
                            AND name = {count.Name} AND node = {node} AND fingerprint = {count.Fingerprint}
                        """, ct);
                }

                return true;
            },
            ct);

    /// <summary>What the other nodes counted.</summary>
    /// <param name="since">A row that was not written since then is of a node that is gone.</param>
    public Task<List<BreakerCount>> ReadOthersAsync(string node, DateTimeOffset since, CancellationToken ct) => db.QueryAsync(
        $"""
        SELECT team_id, system_id, environment, name, fingerprint, calls, amount, generation FROM governance_breaker_count
        WHERE node <> {node} AND counted_at > {since}
        """,
        row => new BreakerCount(
            row.Id(0), row.Id(1), Words.Parse<SystemEnvironment>(row.Text(2)), row.Text(3), row.Long(4), row.Long(5), row.Long(6),
            row.Long(7)),
        ct);

    /// <summary>What this node's process before counted, and what nodes left behind that did not come back.</summary>
    public Task ClearAsync(string node, DateTimeOffset before, CancellationToken ct) => db.ExecuteAsync(
        $"DELETE FROM governance_breaker_count WHERE node = {node} OR counted_at < {before}", ct);
}
