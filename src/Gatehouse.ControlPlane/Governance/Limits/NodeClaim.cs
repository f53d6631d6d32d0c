using Gatehouse.Gateway.Limits;
using Gatehouse.Storage;

namespace Gatehouse.Governance;

/// <summary>
/// That this run alone goes by its node's name. Two that go by one, because a data folder was copied, would each take the other's place in
/// the ledger for its own. Who comes second and finds the other alive is refused; who finds out later writes nothing any more. Judged by
/// whether the other's beat moves, never by a clock of another machine.
/// </summary>
public sealed class NodeClaim
{
    /// <summary>Four beats of a node that lives: a start waits so long where a run before it did not come to a proper end.</summary>
    internal static readonly TimeSpan Watch = TimeSpan.FromSeconds(2);

    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(100);

    private readonly JournalProgress _journal;
    private readonly AllowanceBook _book;
    private readonly TimeProvider _clock;
    private volatile bool _isHeld;
    private volatile bool _isLost;
    private volatile string? _problem;

    internal NodeClaim(JournalProgress journal, AllowanceBook book, TimeProvider clock) =>
        (_journal, _book, _clock) = (journal, book, clock);

    /// <summary>Why this node should get no calls; <see langword="null"/>: nobody else goes by its name.</summary>
    public string? Problem => _problem;

    /// <summary>Nobody else goes by its name.</summary>
    internal bool IsHeld => _isHeld && !_isLost;

    /// <summary>Another run took the name of this one while it ran. Stays so: that run has moved the node's place in the ledger.</summary>
    internal bool IsLost => _isLost;

    /// <summary>After a start without the database, when it is back: it was away for all, so the other gets longer to appear.</summary>
    /// <exception cref="NodeTakenException">Another run goes by the name, and lives.</exception>
    public Task TakeAsync(Database db, CancellationToken ct) => TakeAsync(new LeaseStore(db), LiveNodes.LiveFor, ct);

    /// <exception cref="NodeTakenException">Another run goes by the name, and lives.</exception>
    internal async Task TakeAsync(LeaseStore store, TimeSpan watch, CancellationToken ct)
    {
        while (true)
        {
            var seen = await store.FindRunAsync(_journal.NodeId, ct);
            if (seen is { } other && other.Run != _book.Run && store.IsShared)
            {
                seen = await WatchAsync(store, other, watch, ct);
            }

            if (seen?.Run == _book.Run || await store.TryTakeAsync(_journal.NodeId, _book.Run, seen, ct))
            {
                (_isHeld, _problem) = (true, null);
                return;
            }
        }
    }

    /// <summary>In a transaction that writes what this node journalled.</summary>
    /// <exception cref="NodeTakenException">Another run goes by the name.</exception>
    internal async Task CheckAsync(Transaction sql, CancellationToken ct)
    {
        var runs = await sql.QueryAsync($"SELECT run FROM governance_node WHERE node = {_journal.NodeId}", row => row.Long(0), ct);
        if (IsLost || (_isHeld && runs.Exists(run => run != _book.Run)))
        {
            throw Taken();
        }
    }

    /// <summary>
    /// A beat found another run under the name of this one, which holds back from here on, and gives out no more of hard budgets. For the
    /// caller of rounds, whose end would give out again.
    /// </summary>
    internal NodeTakenException Lose()
    {
        _isLost = true;
        _book.Forfeit();
        return Taken();
    }

    /// <summary>Ends when the run is dead for all that can be seen.</summary>
    /// <returns>What it showed last; <see langword="null"/>: it came to a proper end meanwhile.</returns>
    private async Task<NodeRun?> WatchAsync(LeaseStore store, NodeRun other, TimeSpan watch, CancellationToken ct)
    {
        var (last, began, isMoved) = (other, _clock.GetTimestamp(), false);
        while (_clock.GetElapsedTime(began) < watch)
        {
            await Task.Delay(Look, _clock, ct);
            if (await store.FindRunAsync(_journal.NodeId, ct) is not { } now)
            {
                return null;
            }

            if (now == last)
            {
                continue;
            }

            if (isMoved || now.Run != last.Run || now.Beat > last.Beat + 1)
            {
                throw Taken();
            }

            (last, began, isMoved) = (now, _clock.GetTimestamp(), true); // the dead may have had one under way
        }

        return last;
    }

    private NodeTakenException Taken()
    {
        _problem = "another node runs on a copy of this data folder, under this node's name";
        return new NodeTakenException();
    }
}

/// <summary>Another run goes by the name of this node, and lives.</summary>
public sealed class NodeTakenException() : Exception(
    "Another node that lives goes by the name of this one: one's data folder is a copy of the other's. " + Mend)
{
    /// <summary>What to do about it.</summary>
    public const string Mend =
        "Stop this node, delete the file journal/node in its data folder, and start it: it gets a name of its own, and records what waits there.";
}
