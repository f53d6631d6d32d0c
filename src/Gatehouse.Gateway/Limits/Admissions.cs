using Gatehouse.Contracts;
using Gatehouse.Gateway.Calls;

namespace Gatehouse.Gateway.Limits;

/// <summary>
/// Step 6 of the way of a call: everything that budgets and limits ask is taken before a provider is asked, all or nothing. What this node
/// holds is taken without a lock; when it does not hold enough, the call waits a bounded time for a lease or for other calls to settle.
/// </summary>
internal sealed class Admissions(TimeProvider clock)
{
    /// <summary>Longest wait of a call for a lease, or for calls under way to give back what they reserved.</summary>
    public static readonly TimeSpan MaxWait = TimeSpan.FromSeconds(1);

    /// <param name="isFree">No provider is asked: only limits of requests apply.</param>
    /// <returns><see langword="null"/> when the call may go on.</returns>
    public ValueTask<AttemptFailure?> AdmitAsync(Call call, bool isFree = false)
    {
        var limits = call.Table.Limits;
        if (limits.IsEmpty)
        {
            return default;
        }

        var endUser = limits.NeedsEndUser(call.Principal) ? EndUsers.Of(call) : "";
        if (limits.Find(call.Principal, call.Record.Route, endUser, Began(call)) is not { } rules)
        {
            return default;
        }

        call.Record.EndUser = endUser;
        call.Holds = new Holds(rules);
        return TakeAsync(call, call.Holds, isFree);
    }

    private static DateTimeOffset Began(Call call) => DateTimeOffset.UnixEpoch.AddMicroseconds(call.Record.StartedAtMicros);

    private async ValueTask<AttemptFailure?> TakeAsync(Call call, Holds holds, bool isFree)
    {
        var now = Began(call); // the period that the ledger will charge
        string? unpriced = null;
        var money = -1L;
        foreach (var allowance in holds.Rules)
        {
            var rule = allowance.Rule;
            if (!rule.Enforced || (isFree && rule.Measure != Measure.Requests))
            {
                continue;
            }

            if (allowance.IsBeyond)
            {
                holds.Release();
                return LimitRefusals.TooManyUsers(rule);
            }

            if (rule.Measure == Measure.Money && money < 0)
            {
                money = WorstCase.Money(call, out unpriced);
            }

            if (rule is { Measure: Measure.Money, UnknownPrice: UnknownPrice.Refuse } && unpriced is not null)
            {
                holds.Release();
                return LimitRefusals.Unpriced(rule, unpriced);
            }

            var amount = rule.Measure switch
            {
                Measure.Money => money,
                // a call that is larger than the limit has the minute to itself
                Measure.Tokens => Math.Min(WorstCase.Tokens(call), rule.Cap),
                _ => 1,
            };
            var window = allowance.Current(now);
            if (holds.TryTake(window, rule.Measure, amount))
            {
                continue;
            }

            // What an idle end user held may have been forgotten since it was found.
            window = allowance.Book.Find(rule, allowance.Subject, now).Current(now);
            if (!await call.WaitAsync(WaitAsync(holds, window, rule.Measure, amount, call.Aborted)))
            {
                window.Ask(); // things may have changed since, and the next call should know
                holds.Release();
                return LimitRefusals.Of(call, holds, rule, window, amount, now);
            }
        }

        return null;
    }

    private async ValueTask<bool> WaitAsync(Holds holds, AllowanceWindow window, Measure measure, long amount, CancellationToken ct)
    {
        if (amount > window.MostLeft || (measure == Measure.Money && window is { IsCutOff: true, Underway: 0 }))
        {
            return false; // waiting would not help
        }

        var began = clock.GetTimestamp();
        window.BeginWait(amount);
        try
        {
            while (true)
            {
                var changed = window.Changed; // before the try, so that what happens after it is not missed
                if (holds.TryTake(window, measure, amount))
                {
                    return true;
                }

                var left = MaxWait - clock.GetElapsedTime(began);
                if (left <= TimeSpan.Zero || amount > window.MostLeft)
                {
                    return false;
                }

                await changed.WaitAsync(left, clock, ct);
            }
        }
        catch (TimeoutException)
        {
            return false;
        }
        finally
        {
            window.EndWait(amount);
        }
    }
}
