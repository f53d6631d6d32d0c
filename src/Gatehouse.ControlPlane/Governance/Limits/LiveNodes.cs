using Gatehouse.Gateway.Limits;
using Microsoft.Extensions.Logging;

namespace Gatehouse.Governance;

/// <summary>
/// Which nodes live, by the beats that they show in the database, and what becomes of the leases of one that does not. For one caller at a
/// time.
/// </summary>
internal sealed partial class LiveNodes(
    LeaseStore store, JournalProgress journal, TablesStanding standing, TimeProvider clock, ILogger<LiveNodes> log)
{
    /// <summary>A node whose beat stands still for longer is taken for dead.</summary>
    public static readonly TimeSpan LiveFor = TimeSpan.FromSeconds(4);

    private static readonly TimeSpan GoneAfter = TimeSpan.FromMinutes(2);

    private readonly Dictionary<string, Neighbour> _others = [];
    private HashSet<CountKey> _wanted = [];
    private long _beatAt;

    /// <summary>Nodes that live, this one among them.</summary>
    public int Count { get; private set; } = standing.Nodes;

    /// <summary>The lowest revision by which a node that lives lets calls in.</summary>
    public long LowestRevision { get; private set; }

    /// <summary>Whether calls of other nodes wait for more of it than is free.</summary>
    public bool IsWanted(LimitRule rule, string subject, AllowanceWindow window) =>
        _wanted.Count > 0 && _wanted.Contains(CountKey.Of(rule, subject, window));

    /// <summary>Since this node last showed itself.</summary>
    public TimeSpan SinceBeat => _beatAt == 0 ? TimeSpan.MaxValue : clock.GetElapsedTime(_beatAt);

    /// <summary>Shows this node and looks at the others.</summary>
    /// <param name="wasAway">The database did not answer just now.</param>
    /// <returns>Whether there is more to share, or more nodes to share it.</returns>
    public async Task<bool> BeatAsync(long run, long revision, bool wasAway, CancellationToken ct)
    {
        var (beats, wanted) = await store.BeatAsync(journal.NodeId, run, revision, ct);
        var now = clock.GetTimestamp();

        // Nobody could beat while the database was away, for all that is known here.
        var blind = wasAway || (_beatAt != 0 && clock.GetElapsedTime(_beatAt, now) > LiveFor);
        _beatAt = now;
        _wanted = [.. wanted];
        var (live, lowest, isFreed) = (1, revision, false);
        foreach (var (node, beat, holds) in beats.Where(b => b.Node != journal.NodeId))
        {
            if (blind || !_others.TryGetValue(node, out var seen) || seen.Beat != beat)
            {
                _others[node] = seen = new Neighbour(beat, now, IsSilent: false);
            }

            var silentFor = clock.GetElapsedTime(seen.SeenAt, now);
            if (silentFor >= GoneAfter)
            {
                await store.ReleaseAsync(node, ct);
                _others.Remove(node);
                NodeGone(node);
            }
            else if (silentFor < LiveFor)
            {
                live++;
                lowest = Math.Min(lowest, holds ?? lowest);
            }
            else if (!seen.IsSilent)
            {
                await store.ReleaseUnpledgedAsync(node, ct);
                _others[node] = seen with { IsSilent = true };
                isFreed = true;
                NodeSilent(node);
            }
        }

        var before = Count;
        (Count, LowestRevision) = (live, lowest);
        standing.Nodes = live;
        return isFreed || live > before;
    }

    [LoggerMessage(Level = LogLevel.Warning,
        Message = "Node {Node} is silent; what it held of budgets and limits and has not used is free for the others.")]
    private partial void NodeSilent(string node);

    [LoggerMessage(Level = LogLevel.Warning,
        Message = "Node {Node} has been silent for two minutes; what it held of budgets and limits is free again.")]
    private partial void NodeGone(string node);

    /// <param name="SeenAt">When its beat last moved.</param>
    private sealed record Neighbour(long Beat, long SeenAt, bool IsSilent);
}
