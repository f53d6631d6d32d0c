namespace Gatehouse.Gateway.Limits;

/// <summary>
/// What this node may use of one rule's cap in one period.
/// <list type="number">
/// <item>Granted: what the node holds of the cap, leased from the database by the control plane. Used: what calls took of it, for good or
/// for now. A call is let in only by moving Used up, never past Granted.</item>
/// <item>Pledged: how far Used may move before the database is told. So others know what a node that died cannot have used, and may have
/// that at once.</item>
/// <item>Consumed: the part of Used that is for good, of calls whose records are in the journal. So it is in the ledger once the ledger has
/// the journal up to where it ended when Consumed was read. The rest of Used is under way.</item>
/// <item>The sum of what all nodes were granted never passes the cap, so neither does the sum of what they use.</item>
/// </list>
/// Taking and settling are lock-free and allocate nothing.
/// </summary>
public sealed class AllowanceWindow
{
    private readonly Allowance _owner;
    private long _granted;
    private long _used;
    private long _consumed;
    private long _others; // used for good by others than this run of this node, when the database was last asked
    private long _pledged = long.MaxValue;
    private long _lowWater;
    private int _asked;
    private int _waiters;
    private long _waiting; // units that waiting calls want
    private TaskCompletionSource _changed = New();

    internal AllowanceWindow(Allowance owner, DateTimeOffset from, DateTimeOffset until)
    {
        _owner = owner;
        From = from;
        Until = until;
    }

    public DateTimeOffset From { get; }

    public DateTimeOffset Until { get; }

    public long Granted => Volatile.Read(ref _granted);

    public long Used => Volatile.Read(ref _used);

    /// <summary>The part of <see cref="Used"/> that calls hold until their records are in the journal.</summary>
    public long Underway => Math.Max(0, Used - Consumed);

    /// <summary>Up to where calls may use it; <see cref="long.MaxValue"/>: all that is granted.</summary>
    public long Pledged => Volatile.Read(ref _pledged);

    /// <summary>Held and not taken.</summary>
    public long Spare => Math.Max(0, Granted - Used);

    /// <summary>Units that calls wait for at this moment.</summary>
    public long Waiting => Volatile.Read(ref _waiting);

    /// <summary>What one of the waiting calls wants, on the average.</summary>
    public long WaitingEach => Waiting / Math.Max(1, Volatile.Read(ref _waiters));

    /// <summary>Whether the control plane should look at it: calls wait, or the spare runs low.</summary>
    public bool IsAsking => Volatile.Read(ref _asked) != 0;

    /// <summary>What calls of this node used for good, by their records in the journal. Only grows.</summary>
    public long Consumed => Volatile.Read(ref _consumed);

    /// <summary>What of the cap can be left at most, as far as is known here: what was used for good does not come back.</summary>
    public long MostLeft => _owner.Rule.Cap - Volatile.Read(ref _others) - Consumed;

    /// <summary>Whether its count is in it, or was before: a clock that is set back may lead there again.</summary>
    public bool IsKept => _owner.Window == this || _owner.Others.Contains(this);

    /// <summary>Nothing more is leased for now.</summary>
    internal bool IsCutOff => _owner.Book.IsCutOff;

    internal Task Changed => Volatile.Read(ref _changed).Task;

    internal bool Holds(DateTimeOffset time) => time >= From && time < Until;

    /// <returns><see langword="false"/> when the node does not hold that much.</returns>
    internal bool TryTake(long amount)
    {
        while (true)
        {
            var used = Volatile.Read(ref _used);
            var left = Math.Min(Volatile.Read(ref _granted), Volatile.Read(ref _pledged)) - used;
            if (amount > left)
            {
                return false;
            }

            if (Interlocked.CompareExchange(ref _used, used + amount, used) != used)
            {
                continue;
            }

            // A part may have been taken back between the reads and now, with Used the same again as it was read.
            if (used + amount > Math.Min(Volatile.Read(ref _granted), Volatile.Read(ref _pledged)))
            {
                Settle(amount, 0);
                continue;
            }

            if (left - amount < Volatile.Read(ref _lowWater))
            {
                Ask();
            }

            return true;
        }
    }

    /// <summary>Ends a hold: what was taken is replaced by what was really used, which may be more.</summary>
    internal void Settle(long taken, long real)
    {
        Interlocked.Add(ref _used, real - taken);
        Signal();
    }

    /// <summary>The record of a call that settled is in the journal.</summary>
    /// <param name="real">What it really used.</param>
    internal void Record(long real) => Interlocked.Add(ref _consumed, real);

    internal void BeginWait(long amount)
    {
        Interlocked.Increment(ref _waiters);
        Interlocked.Add(ref _waiting, amount);
        Ask();
    }

    internal void EndWait(long amount)
    {
        Interlocked.Add(ref _waiting, -amount);
        Interlocked.Decrement(ref _waiters);
    }

    /// <summary>Wakes the control plane, once until it has looked.</summary>
    public void Ask()
    {
        if (Interlocked.Exchange(ref _asked, 1) == 0)
        {
            _owner.Book.Wake();
        }
    }

    /// <summary>Before the control plane looks: what is asked from here on is another question.</summary>
    public void Answering() => Volatile.Write(ref _asked, 0);

    /// <summary>
    /// Up to where calls may use what is granted. Raise it once the database knows; to lower it, do so first, and then tell the database no
    /// less than it and <see cref="Used"/>, either of which may be the larger by what a call took for a moment.
    /// </summary>
    public void Pledge(long upTo) => Interlocked.Exchange(ref _pledged, upTo);

    /// <summary>The database has leased more to this node, or told how all nodes stand.</summary>
    /// <param name="more">Units granted now.</param>
    /// <param name="others">Units that others than this run of this node have used for good.</param>
    /// <param name="lowWater">Ask again when less than this is spare.</param>
    public void Grant(long more, long others, long lowWater)
    {
        Interlocked.Add(ref _granted, more);
        Volatile.Write(ref _others, others);
        Volatile.Write(ref _lowWater, lowWater);
        Signal();
    }

    /// <summary>Takes up to <paramref name="most"/> spare units out, to be given back to the database.</summary>
    /// <returns>How many were taken out.</returns>
    public long TakeBack(long most)
    {
        while (true)
        {
            var used = Volatile.Read(ref _used);
            var amount = Math.Min(most, Volatile.Read(ref _granted) - used);
            if (amount <= 0)
            {
                return 0;
            }

            // Taken like a call takes, so that no call can have it at the same time.
            if (Interlocked.CompareExchange(ref _used, used + amount, used) == used)
            {
                Interlocked.Add(ref _granted, -amount);
                Interlocked.Add(ref _used, -amount);
                return amount;
            }
        }
    }

    private static TaskCompletionSource New() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private void Signal()
    {
        if (Volatile.Read(ref _waiters) > 0)
        {
            Interlocked.Exchange(ref _changed, New()).TrySetResult();
        }
    }
}
