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

    /// <summary>The period that <paramref name="now"/> falls into.</summary>
    public AllowanceWindow Current(DateTimeOffset now)
    {
        var window = Volatile.Read(ref _window);
        if (now < window.Until)
        {
            // A clock that stepped back further stays in the newer period.
            return now < window.From && Previous is { } previous && now >= previous.From ? previous : window;
        }

        var next = Volatile.Read(ref _next) is { } prepared && now >= prepared.From && now < prepared.Until ? prepared : NewWindow(now);
        Volatile.Write(ref _previous, window); // before: who began in it finds it
        var found = Interlocked.CompareExchange(ref _window, next, window);
        if (found != window)
        {
            return found;
        }

        Volatile.Write(ref _next, null);
        return next;
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

    private AllowanceWindow NewWindow(DateTimeOffset now)
    {
        var (from, until) = LimitRule.Window(Rule.Period, now);
        return new AllowanceWindow(this, from, until);
    }
}
