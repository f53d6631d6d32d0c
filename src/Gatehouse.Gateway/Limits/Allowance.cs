using System.Collections.Immutable;

namespace Gatehouse.Gateway.Limits;

/// <summary>
/// One count: a rule's, or one end user's of a rule that gives each their own. Lives on over revisions of the configuration.
/// </summary>
public sealed class Allowance
{
    /// <summary>So many days or months that are over can still be found; of minutes only the last one.</summary>
    private const int MostOthers = 31;

    private LimitRule _rule;
    private Periods _periods;

    internal Allowance(AllowanceBook book, LimitRule rule, string subject, DateTimeOffset now)
    {
        Book = book;
        Number = book.NextNumber();
        _rule = rule;
        Subject = subject;
        _periods = new Periods(NewWindow(now), null, []);
    }

    /// <summary>In the order in which counts were made.</summary>
    public long Number { get; }

    /// <summary>As of the newest revision.</summary>
    public LimitRule Rule => Volatile.Read(ref _rule);

    /// <summary>The end user, where each has their own; else empty.</summary>
    public string Subject { get; }

    /// <summary>The period that the last look, or a call after it, fell into.</summary>
    public AllowanceWindow Window => Volatile.Read(ref _periods).Window;

    /// <summary>The coming period, once its lease was taken ahead.</summary>
    public AllowanceWindow? Next => Volatile.Read(ref _periods).Next;

    /// <summary>
    /// Periods that were left, the last one first: calls that began in them may still be on their way here, the ledger charges those, and
    /// a clock that is set may lead back. Of a rule by the minute only one.
    /// </summary>
    public ImmutableArray<AllowanceWindow> Others => Volatile.Read(ref _periods).Others;

    /// <summary>Units that calls wait for, of the periods that the control plane looks at.</summary>
    public long Waiting
    {
        get
        {
            var periods = Volatile.Read(ref _periods);
            var waiting = periods.Window.Waiting;
            foreach (var other in periods.Others)
            {
                waiting += other.Waiting;
            }

            return waiting;
        }
    }

    /// <summary>Whether the control plane should look at it.</summary>
    public bool IsAsking
    {
        get
        {
            var periods = Volatile.Read(ref _periods);
            var isAsking = periods.Window.IsAsking || periods.Next is { IsAsking: true };
            foreach (var other in periods.Others)
            {
                isAsking |= other.IsAsking;
            }

            return isAsking;
        }
    }

    internal AllowanceBook Book { get; }

    /// <summary>Not in the book, and nothing is granted: the rule has as many end users as it may.</summary>
    internal bool IsBeyond { get; set; }

    internal void Change(LimitRule rule) => Volatile.Write(ref _rule, rule);

    /// <summary>The period that a call falls into, whatever the clock did since: the ledger charges that one.</summary>
    /// <param name="began">When the call began, which may be a while ago.</param>
    public AllowanceWindow Current(DateTimeOffset began)
    {
        var window = Window;
        return window.Holds(began) ? window : Find(began, isNow: false);
    }

    /// <summary>
    /// The period of this moment. Where <see cref="Current"/> only goes forward, this also goes back to where the clock was set: else
    /// a limit by the minute that a wrong clock led into tomorrow would be used up, and refuse calls until tomorrow. For the one worker
    /// that leases.
    /// </summary>
    public AllowanceWindow Look(DateTimeOffset now) => Find(now, isNow: true);

    /// <summary>Makes the coming period, so that its lease is there when it begins.</summary>
    public AllowanceWindow? Prepare()
    {
        var periods = Volatile.Read(ref _periods);
        if (periods.Next is null && periods.Window.Until < DateTimeOffset.MaxValue)
        {
            var next = periods.Find(periods.Window.Until) ?? NewWindow(periods.Window.Until);
            Interlocked.CompareExchange(ref _periods, periods with { Next = next }, periods); // else at the next look
        }

        return Next;
    }

    internal void Forfeit()
    {
        var periods = Volatile.Read(ref _periods);
        periods.Window.Pledge(0);
        periods.Next?.Pledge(0);
        foreach (var other in periods.Others)
        {
            other.Pledge(0);
        }
    }

    /// <summary>Asks the control plane to look at every period: the rule is another one.</summary>
    internal void Ask()
    {
        var periods = Volatile.Read(ref _periods);
        periods.Window.Ask();
        periods.Next?.Ask();
        foreach (var other in periods.Others)
        {
            other.Ask();
        }
    }

    private AllowanceWindow Find(DateTimeOffset time, bool isNow)
    {
        while (true)
        {
            var periods = Volatile.Read(ref _periods);
            var (window, isByMinute) = (periods.Window, Rule.Period == LimitPeriod.Minute);
            var known = periods.Find(time);
            if (known == window || (!isNow && known is not null && known != periods.Next))
            {
                return known;
            }

            if (!isNow && time < window.From && isByMinute)
            {
                return window; // one that waited for longer than a minute takes of the one in which it is let in
            }

            // Who comes later, or says what time it is, takes the count along; a call of before finds its period beside it.
            var found = known ?? NewWindow(time);
            var moves = isNow || time >= window.Until;
            var others = (moves ? periods.Others.Remove(found).Insert(0, window) : periods.Others.Insert(0, found))
                .Take(isByMinute ? 1 : MostOthers).ToImmutableArray();
            var changed = moves ? new Periods(found, null, others) : periods with { Others = others };
            if (ReferenceEquals(Interlocked.CompareExchange(ref _periods, changed, periods), periods))
            {
                return found;
            }
        }
    }

    private AllowanceWindow NewWindow(DateTimeOffset now)
    {
        var (from, until) = LimitRule.Window(Rule.Period, now);
        return new AllowanceWindow(this, from, until);
    }

    /// <summary>Replaced whole, so that nobody finds a period in two places or none.</summary>
    private sealed record Periods(AllowanceWindow Window, AllowanceWindow? Next, ImmutableArray<AllowanceWindow> Others)
    {
        /// <summary>The one of this time, if it is there already.</summary>
        public AllowanceWindow? Find(DateTimeOffset time)
        {
            if (Window.Holds(time))
            {
                return Window;
            }

            foreach (var other in Others)
            {
                if (other.Holds(time))
                {
                    return other;
                }
            }

            return Next is { } next && next.Holds(time) ? next : null;
        }
    }
}
