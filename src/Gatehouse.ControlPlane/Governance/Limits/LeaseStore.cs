using Gatehouse.Gateway.Limits;
using Gatehouse.Storage;

namespace Gatehouse.Governance;

/// <summary>How a node stands with one count, and what it asks for.</summary>
/// <param name="Granted">What the node believes to hold since the period began; the database is told, so that a lost answer mends
/// itself.</param>
/// <param name="Pledge">Up to where the node will use what it holds before it tells so again.</param>
/// <param name="Need">Units that calls wait for.</param>
/// <param name="NeedEach">Less than this helps none of them.</param>
/// <param name="Ahead">Units to hold beyond the need, if there are enough; <see cref="long.MaxValue"/>: all.</param>
/// <param name="Nodes">How many nodes share the rest.</param>
internal sealed record LeaseRequest(
    LimitRule Rule, string Subject, DateTimeOffset From, DateTimeOffset Until, long Granted, long Used, long Underway,
    long Pledge, long Need, long NeedEach, long Ahead, int Nodes);

/// <param name="IsLost">Other nodes took this one for dead and have what it held.</param>
/// <param name="More">Units granted now.</param>
/// <param name="Others">Units used for good by others than this run of the node.</param>
/// <param name="Free">Units that nobody holds; below 0 when the cap was lowered beneath what is out.</param>
internal readonly record struct LeaseAnswer(bool IsLost, long More, long Others, long Free);

/// <summary>
/// Tables <c>governance_lease</c>, <c>governance_node</c> and the locks on <c>governance_allowance</c>. Who changes leases of a count locks
/// its row first, so that what is spent and what is out together never pass the cap.
/// </summary>
internal sealed class LeaseStore(Database db)
{
    /// <summary>Tells how the node stands and leases what it needs of what is free.</summary>
    public Task<LeaseAnswer> SyncAsync(string node, long run, LeaseRequest r, CancellationToken ct) => db.TransactionAsync(
        async sql =>
        {
            var measure = Words.Of(r.Rule.Measure);
            var spent = (await sql.QueryAsync(
                $"""
                INSERT INTO governance_allowance (rule_id, measure, subject, from_at, until_at, spent, unknown_calls)
                VALUES ({r.Rule.Id}, {measure}, {r.Subject}, {r.From}, {r.Until}, 0, 0)
                ON CONFLICT (rule_id, measure, subject, from_at) DO UPDATE SET spent = governance_allowance.spent
                RETURNING spent
                """,
                row => row.Long(0),
                ct))[0];
            var leases = await sql.QueryAsync(
                $"""
                SELECT node, run, granted, used, underway, settled FROM governance_lease
                WHERE rule_id = {r.Rule.Id} AND measure = {measure} AND subject = {r.Subject} AND from_at = {r.From}
                """,
                row => (IsOwn: row.Text(0) == node && row.Long(1) == run, Out: Math.Max(0, row.Long(2) - row.Long(5)),
                    Consumed: Math.Max(0, row.Long(3) - row.Long(4) - row.Long(5)), Settled: row.Long(5)),
                ct);
            var own = leases.Where(l => l.IsOwn).ToList();
            if (own.Count == 0 && r.Granted > 0)
            {
                return new LeaseAnswer(true, 0, 0, 0);
            }

            var settled = own.Sum(l => l.Settled);
            var others = leases.Where(l => !l.IsOwn).ToList();
            var free = r.Rule.Cap - spent - others.Sum(l => l.Out) - Math.Max(0, r.Granted - settled);
            var more = More(r, free);
            await sql.ExecuteAsync(
                $"""
                INSERT INTO governance_lease (
                    rule_id, measure, subject, from_at, until_at, node, run, granted, used, underway, pledged, settled)
                VALUES (
                    {r.Rule.Id}, {measure}, {r.Subject}, {r.From}, {r.Until}, {node}, {run}, {r.Granted + more}, {r.Used}, {r.Underway},
                    {Math.Min(r.Granted + more, r.Pledge)}, 0)
                ON CONFLICT (rule_id, measure, subject, from_at, node, run)
                DO UPDATE SET granted = excluded.granted, used = excluded.used, underway = excluded.underway, pledged = excluded.pledged
                """,
                ct);
            return new LeaseAnswer(false, more, spent - settled + others.Sum(l => l.Consumed), free - more);
        },
        ct);

    /// <summary>
    /// Gives back all that a run of a node holds of a count from a period on, unless the ledger has yet to take some of what it used.
    /// </summary>
    /// <returns>Whether nothing is held any longer.</returns>
    public Task<bool> ForgetAsync(
        string node, long run, LimitRule rule, string subject, DateTimeOffset from, long used, CancellationToken ct) => db.TransactionAsync(
        async sql =>
        {
            var measure = Words.Of(rule.Measure);
            await sql.ExecuteAsync(
                $"""
                DELETE FROM governance_lease
                WHERE rule_id = {rule.Id} AND measure = {measure} AND subject = {subject} AND node = {node} AND run = {run}
                    AND (from_at > {from} OR (from_at = {from} AND settled >= {used}))
                """,
                ct);
            return (await sql.QueryAsync(
                $"""
                SELECT COUNT(*) FROM governance_lease
                WHERE rule_id = {rule.Id} AND measure = {measure} AND subject = {subject} AND node = {node} AND run = {run}
                    AND from_at >= {from}
                """,
                row => row.Long(0),
                ct))[0] == 0;
        },
        ct);

    /// <summary>Shows that this node lives.</summary>
    /// <returns>Every node and its beat.</returns>
    public Task<List<(string Node, long Beat)>> BeatAsync(string node, long run, CancellationToken ct) => db.TransactionAsync(
        async sql =>
        {
            await sql.ExecuteAsync(
                $"""
                INSERT INTO governance_node (node, run, beat) VALUES ({node}, {run}, 1)
                ON CONFLICT (node) DO UPDATE SET run = excluded.run, beat = governance_node.beat + 1
                """,
                ct);
            return await sql.QueryAsync($"SELECT node, beat FROM governance_node", row => (row.Text(0), row.Long(1)), ct);
        },
        ct);

    /// <summary>Gives back what earlier runs of this node held. Only once everything they journalled is in the ledger.</summary>
    public Task ReleaseEarlierAsync(string node, long run, CancellationToken ct) =>
        db.ExecuteAsync($"DELETE FROM governance_lease WHERE node = {node} AND run <> {run}", ct);

    /// <summary>
    /// Gives back what a silent node cannot have used, because it would have told so first; of calls under way at once, all. If it lives
    /// after all, it says anew what it holds at its next word, and gives back what is too much by then.
    /// </summary>
    public Task ReleaseUnpledgedAsync(string node, CancellationToken ct) => db.ExecuteAsync(
        $"""
        UPDATE governance_lease
        SET granted = CASE WHEN measure = {Words.Of(Measure.Concurrency)} OR pledged < settled THEN settled ELSE pledged END
        WHERE node = {node}
        """,
        ct);

    /// <summary>Gives back everything a node holds and forgets it.</summary>
    public Task ReleaseAsync(string node, CancellationToken ct) => db.TransactionAsync(
        async sql =>
        {
            await sql.ExecuteAsync($"DELETE FROM governance_lease WHERE node = {node}", ct);
            await sql.ExecuteAsync($"DELETE FROM governance_node WHERE node = {node}", ct);
        },
        ct);

    /// <summary>Removes what periods long past and removed rules left behind.</summary>
    public Task CleanAsync(DateTimeOffset now, CancellationToken ct) => db.TransactionAsync(
        async sql =>
        {
            FormattableString gone = $"rule_id NOT IN (SELECT id FROM governance_budget UNION ALL SELECT id FROM governance_limit)";
            await sql.ExecuteAsync($"DELETE FROM governance_lease WHERE until_at < {now.AddHours(-1)} OR {gone}", ct);
            await sql.ExecuteAsync(
                $"""
                DELETE FROM governance_allowance
                WHERE (measure <> 'money' AND until_at < {now.AddHours(-1)}) OR until_at < {now.AddDays(-400)} OR {gone}
                """,
                ct);
        },
        ct);

    private static long More(LeaseRequest r, long free)
    {
        if (free <= 0 || (r.Need > 0 && free < r.NeedEach))
        {
            return 0;
        }

        var ahead = r.Nodes > 1 ? Math.Min(r.Ahead, free / (2 * r.Nodes)) : r.Ahead;
        return ahead == long.MaxValue ? free : Math.Min(free, r.Need + ahead);
    }
}
