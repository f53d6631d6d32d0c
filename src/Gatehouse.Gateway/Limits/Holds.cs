using Gatehouse.Contracts;
using Gatehouse.Gateway.Calls;
using Gatehouse.Gateway.Journal;

namespace Gatehouse.Gateway.Limits;

/// <summary>What one call holds of budgets and limits until it settles. For the one logical thread that serves the call.</summary>
internal sealed class Holds(IReadOnlyList<Allowance> rules)
{
    private readonly List<Hold> _held = new(rules.Count);
    private long _broken; // nanos that answers which broke off may have cost
    private bool _sent;
    private bool _settled;
    private bool _recorded;

    /// <summary>Every rule that applies, enforced or not.</summary>
    public IReadOnlyList<Allowance> Rules { get; } = rules;

    public bool TryTake(AllowanceWindow window, Measure measure, long amount)
    {
        if (!window.TryTake(amount))
        {
            return false;
        }

        _held.Add(new Hold(window, measure, amount));
        return true;
    }

    /// <summary>
    /// An attempt ended whose cost is not known: what it may have cost counts, or calls that are broken off would be free.
    /// </summary>
    public void Broke(Call call, Attempt attempt)
    {
        _sent |= MayBeBilled(attempt);
        _broken += Estimate(call, attempt);
    }

    /// <summary>
    /// What an attempt that was broken off has cost as far as one knows: nanos as counted by the provider, else as estimated.
    /// </summary>
    public static long MayHaveCost(Call call, Attempt attempt) => attempt.CostNanos ?? Estimate(call, attempt);

    /// <summary>Before another attempt: earlier ones may have been billed, and the worst case of this one comes on top.</summary>
    /// <param name="underWay">Attempts that have not ended: each may cost the worst case too.</param>
    public bool TryCover(Call call, int underWay = 0)
    {
        var billed = Billed(call.Record) + _broken;
        if (billed == 0 && underWay == 0)
        {
            return true;
        }

        for (var i = 0; i < _held.Count; i++)
        {
            var hold = _held[i];
            if (hold.Measure == Measure.Money)
            {
                var more = billed + ((1 + underWay) * WorstCase.Money(call, out _)) - hold.Amount;
                if (more > 0 && !hold.Window.TryTake(more))
                {
                    return false;
                }

                _held[i] = hold with { Amount = hold.Amount + Math.Max(0, more) };
            }
        }

        return true;
    }

    /// <summary>
    /// Puts the real figures in the place of what was held, and into the record what the ledger needs to charge the same.
    /// </summary>
    public void Settle(CallRecord record)
    {
        var money = Billed(record) + _broken;
        record.ChargedNanos = money == (record.CostNanos ?? 0) ? null : money;
        var tokens = record.Usage?.Total;
        var asked = _sent || record.Attempts.Exists(a => a.Status != 0);
        End(hold => hold.Measure switch
        {
            Measure.Money => money,
            Measure.Tokens => tokens ?? (asked ? hold.Amount : 0),
            Measure.Requests => hold.Amount,
            _ => 0,
        });
    }

    /// <summary>The record that <see cref="Settle"/> was given is in the journal, so what it says will be charged.</summary>
    public void Recorded()
    {
        if (_recorded)
        {
            return;
        }

        _recorded = true;
        foreach (var hold in _held)
        {
            hold.Window.Record(hold.Amount);
        }
    }

    /// <summary>Gives everything back; nothing when the call has settled.</summary>
    public void Release() => End(static _ => 0);

    private static bool MayBeBilled(Attempt attempt) => attempt.Status == 200 || (attempt.Status == 0 && attempt.WasSent);

    private static long Estimate(Call call, Attempt attempt) =>
        MayBeBilled(attempt) && call.Table.Prices.TryFind(attempt.Settings.Name, attempt.Settings.Kind, attempt.Model, out var price)
            ? WorstCase.Broken(call, price, attempt.Tap.Usage, attempt.ReceivedBytes)
            : 0;

    private static long Billed(CallRecord record)
    {
        var nanos = 0L;
        foreach (var attempt in record.Attempts)
        {
            nanos += attempt.CostUsd is { } usd ? Nanos.FromUsd(usd) : 0;
        }

        return nanos;
    }

    private void End(Func<Hold, long> real)
    {
        if (_settled)
        {
            return;
        }

        _settled = true;
        for (var i = 0; i < _held.Count; i++)
        {
            var hold = _held[i];
            _held[i] = hold with { Amount = real(hold) };
            hold.Window.Settle(hold.Amount, _held[i].Amount);
        }
    }

    /// <param name="Amount">Taken; once the call has settled, really used.</param>
    internal readonly record struct Hold(AllowanceWindow Window, Measure Measure, long Amount);
}
