using Gatehouse.Observability.Calls;
using Gatehouse.Storage;

namespace Gatehouse.Observability;

/// <summary>Calls of the ledger that begin in the future: the clock of their node was ahead.</summary>
/// <param name="Count">Not above <see cref="Most"/>.</param>
/// <param name="LastAt">When the last of them begins.</param>
public sealed record FutureCalls(long Count, DateTimeOffset LastAt)
{
    /// <summary>No more are counted: a clock may have been ahead for days.</summary>
    public const int Most = 1000;

    /// <summary>Ids are in the order of time, so a look at the end of the ledger finds them.</summary>
    /// <returns><see langword="null"/> when there are none.</returns>
    public static async Task<FutureCalls?> FindAsync(Database db, DateTimeOffset now, CancellationToken ct)
    {
        var found = await db.QueryAsync($"""
            SELECT COUNT(*), MAX(started_at) FROM (
                SELECT started_at FROM observability_call WHERE id > {CallConditions.LatestId(now)}
                ORDER BY id DESC LIMIT {Most}) AS future
            """, row => (Count: row.Long(0), LastAt: row.InstantOrNull(1)), ct);
        return found is [{ LastAt: { } last } some] ? new FutureCalls(some.Count, last) : null;
    }
}
