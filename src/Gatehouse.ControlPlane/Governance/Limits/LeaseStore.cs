using Gatehouse.Gateway.Limits;
using Gatehouse.Storage;

namespace Gatehouse.Governance;

/// <summary>How a node stands with one count, and what it asks for.</summary>
/// <param name="Granted">What the node believes to hold since the period began; the database is told, so that a lost answer mends
/// itself.</param>
/// <param name="Recorded">The part of <paramref name="Used"/> that the ledger has charged: of money, else 0.</param>
/// <param name="Pledge">Up to where the node will use what it holds before it tells so again.</param>
/// <param name="Need">Units that calls wait for.</param>
/// <param name="NeedEach">Less than this helps none of them.</param>
/// <param name="Ahead">Units to hold beyond the need, if there are enough; <see cref="long.MaxValue"/>: all.</param>
/// <param name="Nodes">How many nodes share the rest.</param>
/// <param name="IsAnew">Others took this node for dead, and it says again what it holds: what it used.</param>
internal sealed record LeaseRequest(
    LimitRule Rule, string Subject, DateTimeOffset From, DateTimeOffset Until, long Granted, long Used, long Underway, long Recorded,
    long Pledge, long Need, long NeedEach, long Ahead, int Nodes, bool IsAnew = false)
{
    /// <summary>What may still come into the ledger of what the node was granted.</summary>
    public long Out => Math.Max(0, (Rule.Measure == Measure.Money ? Math.Max(Granted, Used) : Granted) - Recorded);
}

/// <param name="IsLost">Other nodes took this one for dead and have what it held.</param>
/// <param name="More">Units granted now.</param>
/// <param name="Others">Units used for good by others than this run of the node; at least. Below 0 by what the ledger charged to this run
/// and calls were priced down by since.</param>
/// <param name="Free">Units that nobody holds; below 0 when the cap was lowered beneath what is out.</param>
/// <param name="IsRuleGone">The rule was removed; the node has not heard of it.</param>
internal readonly record struct LeaseAnswer(bool IsLost, long More, long Others, long Free, bool IsRuleGone = false)
{
    /// <summary>Whether calls wait for more than was free, and the others are told so.</summary>
    public bool IsWanted { get; init; }
}

/// <summary>One period of a count.</summary>
internal readonly record struct CountKey(Guid RuleId, string Measure, string Subject, DateTimeOffset From)
{
    public static CountKey Of(LimitRule rule, string subject, AllowanceWindow window) =>
        new(rule.Id, Words.Of(rule.Measure), subject, window.From);
}

/// <param name="Revision">By which it lets calls in; <see langword="null"/>: it does not say.</param>
internal readonly record struct NodeBeat(string Node, long Beat, long? Revision);

/// <summary>Who last showed itself as a node, and how often.</summary>
internal readonly record struct NodeRun(long Run, long Beat);

/// <summary>
/// Tables <c>governance_lease</c>, <c>governance_node</c> and the locks on <c>governance_allowance</c>. Who changes leases of a count locks
/// its row first, so that what is spent and what is out together never pass the cap.
/// </summary>
internal sealed class LeaseStore(Database db)
{
    /// <summary>
    /// Tells how the node stands and leases what it needs of what is free. The cap is the one that the database has at this moment: the
    /// node may not have heard of a lower one.
    /// </summary>
    public Task<LeaseAnswer> SyncAsync(string node, long run, LeaseRequest r, CancellationToken ct) => db.TransactionAsync(
        async sql =>
        {
            var measure = Words.Of(r.Rule.Measure);
            var (spent, cap) = (await sql.QueryAsync(
                $"""
                INSERT INTO governance_allowance (rule_id, measure, subject, from_at, until_at, spent, unknown_calls)
                VALUES ({r.Rule.Id}, {measure}, {r.Subject}, {r.From}, {r.Until}, 0, 0)
                ON CONFLICT (rule_id, measure, subject, from_at) DO UPDATE SET spent = governance_allowance.spent
                RETURNING spent, {Cap(r.Rule)}
                """,
                row => (row.Long(0), row.LongOrNull(1)),
                ct))[0];
            var isMoney = r.Rule.Measure == Measure.Money;
            var leases = await sql.QueryAsync(
                $"""
                SELECT node, run, granted, used, underway, settled FROM governance_lease
                WHERE rule_id = {r.Rule.Id} AND measure = {measure} AND subject = {r.Subject} AND from_at = {r.From}
                """,
                row => (IsOwn: row.Text(0) == node && row.Long(1) == run,
                    Out: Math.Max(0, (isMoney ? Math.Max(row.Long(2), row.Long(3)) : row.Long(2)) - row.Long(5)),
                    Consumed: Math.Max(0, row.Long(3) - row.Long(4))),
                ct);
            if (r is { Granted: > 0, IsAnew: false } && !leases.Exists(l => l.IsOwn))
            {
                return new LeaseAnswer(true, 0, 0, 0, cap is null);
            }

            var others = leases.Where(l => !l.IsOwn).ToList();
            var free = (cap ?? 0) - spent - others.Sum(l => l.Out) - r.Out;
            var more = More(r, free);
            var isWanted = r.Nodes > 1 && more < r.Need;
            await sql.ExecuteAsync(
                $"""
                INSERT INTO governance_lease (
                    rule_id, measure, subject, from_at, until_at, node, run, granted, used, underway, pledged, settled, wanted)
                VALUES (
                    {r.Rule.Id}, {measure}, {r.Subject}, {r.From}, {r.Until}, {node}, {run}, {r.Granted + more}, {r.Used}, {r.Underway},
                    {Math.Min(r.Granted + more, r.Pledge)}, {r.Recorded}, {isWanted})
                ON CONFLICT (rule_id, measure, subject, from_at, node, run)
                DO UPDATE SET granted = excluded.granted, used = excluded.used, underway = excluded.underway, pledged = excluded.pledged,
                    settled = excluded.settled, wanted = excluded.wanted
                """,
                ct);

            // Of money, what others used and the ledger does not have yet is left out: no budget is said to be used up before it is.
            var used = isMoney
                ? Math.Max(Math.Min(0, spent - r.Recorded), spent - (r.Used - r.Underway))
                : spent + others.Sum(l => l.Consumed);
            return new LeaseAnswer(false, more, used, free - more) { IsWanted = isWanted };
        },
        ct);

    /// <summary>Gives back all that a run of a node holds of a count from a period on: the ledger has all that it used.</summary>
    public Task ForgetAsync(string node, long run, LimitRule rule, string subject, DateTimeOffset from, CancellationToken ct) =>
        db.TransactionAsync( // of which nothing remains when it is given up
            sql => sql.ExecuteAsync(
                $"""
                DELETE FROM governance_lease
                WHERE rule_id = {rule.Id} AND measure = {Words.Of(rule.Measure)} AND subject = {subject} AND node = {node} AND run = {run}
                    AND from_at >= {from}
                """,
                ct),
            ct);

    /// <summary>Shows that this node lives, and by which revision it lets calls in.</summary>
    /// <returns>Every node as it last showed itself, and the counts of which calls of others wait for more than is free.</returns>
    /// <exception cref="NodeTakenException">Another run shows itself as this node.</exception>
    public Task<(List<NodeBeat> Nodes, List<CountKey> Wanted)> BeatAsync(
        string node, long run, long revision, CancellationToken ct) => db.TransactionAsync(
        async sql =>
        {
            var shown = await sql.ExecuteAsync(
                $"""
                INSERT INTO governance_node (node, run, beat, revision) VALUES ({node}, {run}, 1, {revision})
                ON CONFLICT (node) DO UPDATE SET beat = governance_node.beat + 1, revision = excluded.revision
                WHERE governance_node.run = excluded.run
                """,
                ct);
            if (shown == 0)
            {
                throw new NodeTakenException();
            }

            var nodes = await sql.QueryAsync(
                $"SELECT node, beat, revision FROM governance_node", row => new NodeBeat(row.Text(0), row.Long(1), row.LongOrNull(2)), ct);
            var wanted = nodes.Count == 1 ? [] : await sql.QueryAsync(
                $"SELECT DISTINCT rule_id, measure, subject, from_at FROM governance_lease WHERE wanted AND node <> {node}",
                row => new CountKey(row.Id(0), row.Text(1), row.Text(2), row.Instant(3)),
                ct);
            return (nodes, wanted);
        },
        ct);

    /// <summary>Whether nodes on several machines may share the database.</summary>
    public bool IsShared => db.Kind == "postgres";

    /// <returns>Who last showed itself as the node; <see langword="null"/>: nobody, or who did came to a proper end.</returns>
    public async Task<NodeRun?> FindRunAsync(string node, CancellationToken ct)
    {
        var found = await db.QueryAsync(
            $"SELECT run, beat FROM governance_node WHERE node = {node}", row => new NodeRun(row.Long(0), row.Long(1)), ct);
        return found.Count == 0 ? null : found[0];
    }

    /// <summary>Shows this run as the node, if nobody did since <paramref name="seen"/>.</summary>
    public async Task<bool> TryTakeAsync(string node, long run, NodeRun? seen, CancellationToken ct) => await db.ExecuteAsync(
        seen is { } before
            ? $"""
               UPDATE governance_node SET run = {run}, beat = beat + 1, revision = 0
               WHERE node = {node} AND run = {before.Run} AND beat = {before.Beat}
               """
            : (FormattableString)$"""
               INSERT INTO governance_node (node, run, beat, revision) VALUES ({node}, {run}, 1, 0) ON CONFLICT (node) DO NOTHING
               """,
        ct) == 1;

    /// <summary>
    /// Gives back what earlier runs of this node held, unless another run goes by its name. Only once everything they journalled is in the
    /// ledger.
    /// </summary>
    public Task ReleaseEarlierAsync(string node, long run, CancellationToken ct) => db.TransactionAsync(
        sql => ReleaseAsync(
            sql,
            $"""
            node = {node} AND run <> {run}
            AND EXISTS (SELECT 1 FROM governance_node n WHERE n.node = {node} AND n.run = {run})
            """,
            ct),
        ct);

    /// <summary>
    /// Gives back what a silent node cannot have used, because it would have told so first; of calls under way at once, all. If it lives
    /// after all, it says anew what it holds at its next word, and gives back what is too much by then.
    /// </summary>
    public Task ReleaseUnpledgedAsync(string node, CancellationToken ct) => db.ExecuteAsync(
        $"""
        UPDATE governance_lease
        SET granted = CASE WHEN measure = {Words.Of(Measure.Concurrency)} OR pledged < settled THEN settled ELSE pledged END, wanted = FALSE
        WHERE node = {node}
        """,
        ct);

    /// <summary>This run of a node comes to its end: gives back what the node holds, unless another run goes by its name.</summary>
    public Task LeaveAsync(string node, long run, CancellationToken ct) => db.TransactionAsync(
        async sql =>
        {
            if (await sql.ExecuteAsync($"DELETE FROM governance_node WHERE node = {node} AND run = {run}", ct) == 1)
            {
                await ReleaseAsync(sql, $"node = {node}", ct);
            }
        },
        ct);

    /// <summary>Gives back everything a node holds and forgets it.</summary>
    public Task ReleaseAsync(string node, CancellationToken ct) => db.TransactionAsync(
        async sql =>
        {
            await ReleaseAsync(sql, $"node = {node}", ct);
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

    /// <summary>What was used of a minute stays used. Money is in the ledger, or comes there with the node's journal.</summary>
    private static async Task ReleaseAsync(Transaction sql, FormattableString leases, CancellationToken ct)
    {
        FormattableString ofCount = $"""
            FROM governance_lease l
            WHERE l.rule_id = governance_allowance.rule_id AND l.measure = governance_allowance.measure
                AND l.subject = governance_allowance.subject AND l.from_at = governance_allowance.from_at AND {leases}
            """;
        await sql.ExecuteAsync(
            $"""
            UPDATE governance_allowance SET spent = spent + (SELECT CAST(COALESCE(SUM(l.used), 0) AS BIGINT) {ofCount})
            WHERE measure IN ({Words.Of(Measure.Requests)}, {Words.Of(Measure.Tokens)})
                AND rule_id IN (SELECT rule_id FROM governance_lease WHERE {leases} AND used > 0) AND EXISTS (SELECT 1 {ofCount})
            """,
            ct);
        await sql.ExecuteAsync($"DELETE FROM governance_lease WHERE {leases}", ct);
    }

    private static FormattableString Cap(LimitRule rule) => rule.Measure switch
    {
        Measure.Money => $"(SELECT b.limit_nanos FROM governance_budget b WHERE b.id = {rule.Id})",
        Measure.Requests => $"(SELECT b.requests_per_minute FROM governance_limit b WHERE b.id = {rule.Id})",
        Measure.Tokens => $"(SELECT b.tokens_per_minute FROM governance_limit b WHERE b.id = {rule.Id})",
        _ => $"(SELECT b.concurrency FROM governance_limit b WHERE b.id = {rule.Id})",
    };

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
