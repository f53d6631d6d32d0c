using Gatehouse.Contracts;
using Gatehouse.Gateway.Limits;

namespace Gatehouse.Governance;

/// <summary>
/// Shows the other nodes that this one lives, and by which revision of keys and rules it lets calls in; hears the same of them, and tells
/// those who wait for all (<see cref="NodeAgreement"/>). For one caller at a time.
/// </summary>
internal sealed class NodePresence
{
    public static readonly TimeSpan BeatEvery = TimeSpan.FromMilliseconds(500);

    private readonly LeaseStore _store;
    private readonly NodeClaim _claim;
    private readonly LiveNodes _nodes;
    private readonly NodeAgreement _agreement;
    private readonly GovernancePublisher _publisher;
    private readonly JournalProgress _journal;
    private readonly AllowanceBook _book;
    private bool _earlierReleased;
    private long _held;
    private long _told = -1;

    public NodePresence(
        LeaseStore store, NodeClaim claim, LiveNodes nodes, NodeAgreement agreement, GovernancePublisher publisher, JournalProgress journal,
        AllowanceBook book)
    {
        (_store, _claim, _nodes, _agreement) = (store, claim, nodes, agreement);
        (_publisher, _journal, _book) = (publisher, journal, book);
        agreement.Wanted += book.Wake;
        journal.Replayed += book.Wake;
    }

    /// <summary>Others would take this node for dead before long.</summary>
    public bool IsDue => _nodes.SinceBeat >= BeatEvery - Beats.Slack;

    /// <summary>Somebody waits for what the nodes tell.</summary>
    public bool IsWanted => _agreement.IsWanted;

    /// <summary>Whether the others know by which revision this node lets calls in.</summary>
    public bool IsTold => _held == _told;

    /// <summary>Nobody else goes by this node's name.</summary>
    public bool IsHeld => _claim.IsHeld;

    /// <summary>Another run took this node's name: nothing of this one may go to the database any more.</summary>
    public bool IsLost => _claim.IsLost;

    /// <summary>This node lets calls in by this revision.</summary>
    public void Hold(long revision) => _held = revision;

    /// <summary>Shows the node, and reads keys and rules once more: who changes them from here on waits for it.</summary>
    /// <exception cref="NodeTakenException">Another run goes by this node's name, and lives.</exception>
    public async Task ShowAsync(CancellationToken ct)
    {
        await _claim.TakeAsync(_store, NodeClaim.Watch, ct);
        await _publisher.RefreshAsync(ct);
    }

    /// <summary>Tells and hears, if there is anything new or it is time to.</summary>
    /// <param name="wasAway">The database did not answer just now.</param>
    public async Task BeatAsync(bool wasAway, CancellationToken ct)
    {
        if (_journal.IsReplayed && !_earlierReleased)
        {
            await _store.ReleaseEarlierAsync(_journal.NodeId, _book.Run, ct);
            _earlierReleased = true;
            AskAll();
        }

        if (!IsDue && IsTold && !IsWanted)
        {
            return;
        }

        var held = _held;
        try
        {
            if (await _nodes.BeatAsync(_book.Run, held, wasAway, ct))
            {
                AskAll(); // what one node held alone is to be shared
            }
        }
        catch (NodeTakenException)
        {
            throw _claim.Lose();
        }

        _told = held;
        _agreement.Reached(_nodes.LowestRevision);
    }

    /// <summary>This node goes, and what it holds is for the others.</summary>
    public Task LeaveAsync(CancellationToken ct) => _store.LeaveAsync(_journal.NodeId, _book.Run, ct);

    private void AskAll()
    {
        foreach (var allowance in _book.All)
        {
            allowance.Window.Ask();
        }
    }
}
