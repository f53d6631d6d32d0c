using Gatehouse.Contracts;
using Gatehouse.Gateway.Limits;

namespace Gatehouse.Governance;

/// <summary>
/// One look at all counts: those that calls wait for come first, and when all that changed with a revision was looked at, the node holds
/// by it. For one caller at a time.
/// </summary>
internal sealed class LeaseRound
{
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan HungryTick = TimeSpan.FromMilliseconds(25);
    private static readonly TimeSpan Longest = TimeSpan.FromMilliseconds(100);

    private readonly AllowanceBook _book;
    private readonly GovernanceChanges _changes;
    private readonly NodePresence _presence;
    private readonly LeasedCounts _counts;
    private readonly LeaseOutage _outage;
    private readonly TimeProvider _clock;

    public LeaseRound(
        AllowanceBook book, GovernanceChanges changes, NodePresence presence, LeasedCounts counts, LeaseOutage outage, TimeProvider clock)
    {
        (_book, _changes, _presence, _counts, _outage, _clock) = (book, changes, presence, counts, outage, clock);
        changes.Serving += book.Wake;
    }

    /// <summary>Waits for the next one: not for long where somebody else waits too, and longer where there is nothing to lease.</summary>
    public Task WaitAsync(CancellationToken ct) => _book.WaitAsync(
        _presence.IsWanted || IsAnybodyWaiting ? HungryTick : Beats.Until(_book.IsEmpty ? NodePresence.BeatEvery : Tick, _clock), ct);

    /// <returns>Whether all counts had their turn.</returns>
    public async Task<bool> RunAsync(CancellationToken ct)
    {
        // In this order: what the revision changed is asked for by then, and a count that is listed is of a rule that is read after it, or
        // of one that is gone.
        var served = _changes.Served;
        var all = _book.All.Select(a => (Allowance: a, Turn: a.Waiting > 0 ? Turn.Awaited : a.IsAsking ? Turn.Asked : Turn.Rest))
            .OrderBy(a => a.Turn).ThenBy(a => a.Allowance.Number).ToList();
        var rules = _changes.Current.Limits.Select(r => (r.Id, r.Measure)).ToHashSet();
        var began = _clock.GetTimestamp();
        var isWhole = true;
        for (var i = 0; i < all.Count; i++)
        {
            var (allowance, turn) = all[i];
            if (_presence.IsDue)
            {
                await BeatAsync(ct); // else others take this node for dead in a long round
            }

            if (turn == Turn.Awaited)
            {
                began = _clock.GetTimestamp(); // the rest has its own time, so that it has its turn too
            }

            await _counts.LookAsync(allowance, rules.Contains((allowance.Rule.Id, allowance.Rule.Measure)), ct);
            if (turn != Turn.Awaited && _clock.GetElapsedTime(began) > Longest && IsAnybodyWaiting)
            {
                isWhole = i + 1 == all.Count || all[i + 1].Turn == Turn.Rest; // those left out keep asking
                break; // the next round begins with calls that wait
            }
        }

        if (isWhole)
        {
            _presence.Hold(served);
        }

        _counts.Tidy();
        return isWhole;
    }

    public Task BeatAsync(CancellationToken ct) => _outage.AskAsync(limit => _presence.BeatAsync(_outage.IsOn, limit), ct);

    private bool IsAnybodyWaiting => _book.All.Any(a => a.Waiting > 0);

    /// <summary>In what order counts are looked at.</summary>
    private enum Turn
    {
        Awaited,
        Asked,
        Rest,
    }
}
