namespace Gatehouse.Gateway.Limits;

/// <summary>
/// One count: a rule's, or one end user's of a rule that gives each their own. Lives on over revisions of the configuration.
/// </summary>
public sealed class Allowance
{
    private LimitRule _rule;
    private AllowanceWindow _window;
    private AllowanceWindow? _next;
    private AllowanceWindow? _previous;

    internal Allowance(AllowanceBook book, LimitRule rule, string subject, DateTimeOffset now)
    {
        Book = book;
        Number = book.NextNumber();
        _rule = rule;
        Subject = subject;
        _window = NewWindow(now);
    }

    /// <summary>In the order in which counts were made.</summary>
    public long Number { get; }

    /// <summary>As of the newest revision.</summary>
    public LimitRule Rule => Volatile.Read(ref _rule);

    /// <summary>The end user, where each has their own; else empty.</summary>
    public string Subject { get; }

    /// <summary>The period that the last call or look fell into.</summary>
    public AllowanceWindow Window => Volatile.Read(ref _window);

    /// <summary>The coming period, once its lease was taken ahead.</summary>
    public AllowanceWindow? Next => Volatile.Read(ref _next);

    /// <summary>The period before: calls that began in it may still be on their way here, and the ledger charges it.</summary>
    public AllowanceWindow? Previous => Volatile.Read(ref _previous);

    /// <summary>Units that calls wait for, of the periods that the control plane looks at.</summary>
    public long Waiting => Window.Waiting + (Previous?.Waiting ?? 0);

    /// <summary>Whether the control plane should look at it.</summary>
    public bool IsAsking => Window.IsAsking || Next is { IsAsking: true } || Previous is { IsAsking: true };

    internal AllowanceBook Book { get; }

    /// <summary>Not in the book, and nothing is granted: the rule has as many end users as it may.</summary>
    internal bool IsBeyond { get; set; }

    internal void Change(LimitRule rule) => Volatile.Write(ref _rule, rule);

    /// <summary>The period that a call falls into.</summary>
    /// <param name="began">When the call began, which may be a while ago.</param>
    public AllowanceWindow Current(DateTimeOffset began)
    {
        var window = Volatile.Read(ref _window);
        if (began >= window.Until)
        {
            return Move(window, began);
        }

        // One that waited for longer than a period stays in the newer one.
        return began < window.From && Previous is { } previous && began >= previous.From ? previous : window;
    }

    /// <summary>
    /// The period of this moment. Where <see cref="Current"/> only goes forward, this also goes back to where the clock was set: else
    /// a limit by the minute that a wrong clock led into tomorrow would be used up, and refuse calls until tomorrow. For the one worker
    /// that leases.
    /// </summary>
    public AllowanceWindow Look(DateTimeOffset now)
    {
        var window = Window;
        return now >= window.From ? Current(now) : Move(window, now);
    }

    /// <summary>Makes the coming period, so that its lease is there when it begins.</summary>
    public AllowanceWindow? Prepare()
    {
        if (Volatile.Read(ref _next) is null && Window.Until < DateTimeOffset.MaxValue)
        {
            Volatile.Write(ref _next, NewWindow(Window.Until));
        }

        return Next;
    }

    /// <summary>Asks the control plane to look at every period: the rule is another one.</summary>
    internal void Ask()
    {
        Window.Ask();
        Next?.Ask();
        Previous?.Ask();
    }

    private AllowanceWindow Move(AllowanceWindow from, DateTimeOffset to)
    {
        var next = Holds(Next, to) ?? Holds(Previous, to) ?? NewWindow(to); // the one before, where a clock went to and fro
        Volatile.Write(ref _previous, from); // before: who began in it finds it
        var found = Interlocked.CompareExchange(ref _window, next, from);
        if (found != from)
        {
            return found;
        }

        Volatile.Write(ref _next, null);
        return next;
    }

    private static AllowanceWindow? Holds(AllowanceWindow? window, DateTimeOffset time) =>
        window is not null && time >= window.From && time < window.Until ? window : null;

    private AllowanceWindow NewWindow(DateTimeOffset now)
    {
        var (from, until) = LimitRule.Window(Rule.Period, now);
        return new AllowanceWindow(this, from, until);
    }
}
