using Gatehouse.Gateway.Journal;
using Gatehouse.Gateway.Limits;

namespace Gatehouse.Governance;

/// <summary>What a node remembers of one period of a count from one look to the next. For one caller at a time.</summary>
internal sealed class LeaseStanding
{
    /// <summary>Twenty seconds of them: calls do not come as evenly as they are looked at.</summary>
    private const int LooksKept = 40;

    private static readonly TimeSpan LookEvery = TimeSpan.FromMilliseconds(500);

    private long _used;
    private long _underway;
    private long _toldRecorded;
    private long _lookedUsed;
    private long _lookedAt;
    private long _recent;
    private long _lately; // as _recent, for a while longer
    private long _idleUsed;
    private long _idleSince;
    private (long Consumed, JournalPosition End)? _awaited;

    /// <summary>0: never.</summary>
    public long SyncedAt { get; private set; }

    /// <summary>Units that nobody held when the database was last asked; <see langword="null"/>: it never was.</summary>
    public long? Free { get; private set; }

    /// <summary>The others were told that calls wait for more than is free.</summary>
    public bool IsWanted { get; private set; }

    /// <summary>The part of what was used for good that the ledger has charged; at least.</summary>
    public long Recorded { get; private set; }

    /// <summary>
    /// What calls consumed is in their records, and those are in the ledger once it has the journal up to where it ended when that was
    /// read. So nothing is taken for charged that was not, whatever the ledger's lag, and whichever rules a call was held to.
    /// </summary>
    public void LookAtLedger(AllowanceWindow window, JournalProgress journal)
    {
        if (_awaited is { } awaited && journal.DrainedTo is { } upTo && JournalProgress.Reaches(upTo, awaited.End))
        {
            (Recorded, _awaited) = (awaited.Consumed, null);
        }

        if (_awaited is null && window.Consumed is var consumed && consumed != Recorded)
        {
            _awaited = (consumed, journal.End); // in this order
        }
    }

    /// <summary>What calls use in a minute that come as they lately did at the busiest; more where they come rarely.</summary>
    public long Minute => _lately > long.MaxValue / 60 ? long.MaxValue : 60 * _lately;

    /// <returns>Units used in about a second, lately.</returns>
    public long Look(AllowanceWindow window, long now, TimeProvider clock)
    {
        var used = window.Used;
        if (_lookedAt == 0 || clock.GetElapsedTime(_lookedAt, now) >= LookEvery)
        {
            var more = _lookedAt == 0 ? 0 : Math.Max(0, used - _lookedUsed);
            _recent = Math.Max(2 * more, _recent / 2);
            _lately = Math.Max(2 * more, _lately - ((_lately + LooksKept - 1) / LooksKept));
            _lookedUsed = used;
            _lookedAt = now;
        }

        return _recent;
    }

    /// <returns>How long nobody took anything of it or waited for it.</returns>
    public TimeSpan IdleFor(AllowanceWindow window, TimeProvider clock)
    {
        var used = window.Used;
        if (_idleSince == 0 || used != _idleUsed || window.IsAsking || window is not { Waiting: 0, Underway: 0 })
        {
            (_idleUsed, _idleSince) = (used, clock.GetTimestamp());
        }

        return clock.GetElapsedTime(_idleSince);
    }

    /// <summary>If it cannot be forgotten now, it is looked at anew as long after this.</summary>
    public void IsLookedAt() => _idleSince = 0;

    public bool HasMoved(AllowanceWindow window) =>
        window.Used != _used || window.Underway != _underway || Recorded != _toldRecorded;

    /// <param name="told">What the database knows now; calls may have moved on while it was told.</param>
    public void Synced(LeaseRequest told, LeaseAnswer answer, long now)
    {
        (Free, IsWanted) = (Math.Max(0, answer.Free), answer.IsWanted);
        _used = told.Used;
        _underway = told.Underway;
        _toldRecorded = told.Recorded;
        SyncedAt = now;
    }
}
