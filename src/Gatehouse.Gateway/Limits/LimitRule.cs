using Gatehouse.Contracts;

namespace Gatehouse.Gateway.Limits;

/// <summary>What a rule counts.</summary>
public enum Measure
{
    /// <summary>Nanos: reserved before the call, settled with its cost.</summary>
    Money,

    /// <summary>Calls, at their beginning.</summary>
    Requests,

    /// <summary>Tokens: estimated before the call, settled with the real ones.</summary>
    Tokens,

    /// <summary>Calls under way.</summary>
    Concurrency,
}

/// <summary>How often a rule's count begins anew; all by the clock of UTC.</summary>
public enum LimitPeriod
{
    Minute,
    Day,
    Month,
    Total,
}

/// <summary>One bound on the calls of a scope, as the control plane knows it.</summary>
/// <param name="Id">Of the budget or limit; with <paramref name="Measure"/> it names the count, which lives on when the rule
/// changes.</param>
/// <param name="Cap">In units of <paramref name="Measure"/>.</param>
/// <param name="Enforced">Calls beyond are refused; else only their cost is of interest, to the ledger.</param>
/// <param name="UnknownPrice">Of <see cref="Measure.Money"/>.</param>
public sealed record LimitRule(
    Guid Id, string Name, CallScope Scope, Measure Measure, LimitPeriod Period, long Cap, bool Enforced, UnknownPrice UnknownPrice)
{
    /// <summary>
    /// The ledger charges no call that began earlier, so none is held to it: of a budget of end users, whom the ledger names since somebody
    /// asks for them.
    /// </summary>
    public DateTimeOffset? Since { get; init; }

    /// <summary>The present period; from the epoch on, and without end, for a total.</summary>
    public static (DateTimeOffset From, DateTimeOffset Until) Window(LimitPeriod period, DateTimeOffset now)
    {
        var day = new DateTimeOffset(now.UtcDateTime.Date, TimeSpan.Zero);
        switch (period)
        {
            case LimitPeriod.Minute:
                var minute = new DateTimeOffset(now.UtcTicks - (now.UtcTicks % TimeSpan.TicksPerMinute), TimeSpan.Zero);
                return (minute, minute.AddMinutes(1));
            case LimitPeriod.Day:
                return (day, day.AddDays(1));
            case LimitPeriod.Month:
                var month = day.AddDays(1 - day.Day);
                return (month, month.AddMonths(1));
            default:
                return (DateTimeOffset.UnixEpoch, DateTimeOffset.MaxValue);
        }
    }
}
