using Gatehouse.Contracts;
using Gatehouse.Gateway.Limits;

namespace Gatehouse.Gateway.Tests.Limits;

/// <summary>The count of a node under calls that take and a control plane that takes back, at the same time.</summary>
public sealed class AllowanceWindowTests
{
    private const long Cap = 8;

    [Fact]
    public void Calls_never_hold_more_than_is_granted_while_parts_are_taken_back()
    {
        var book = new AllowanceBook(TimeProvider.System);
        var rule = new LimitRule(
            new Guid(1, 0, 0, new byte[8]), "r", new CallScope(null, null, null, null, null), Measure.Concurrency, LimitPeriod.Total, Cap,
            true, UnknownPrice.Refuse);
        var window = book.Find(rule, "").Window;
        window.Grant(Cap, 0, 0);
        var tooMuch = 0L;
        var ended = false;
        var calls = Enumerable.Range(0, 2).Select(_ => new Thread(() =>
        {
            while (!Volatile.Read(ref ended))
            {
                if (window.TryTake(1))
                {
                    // What a call holds cannot be taken back, so it stays granted.
                    if (window.Granted < 1)
                    {
                        Interlocked.Increment(ref tooMuch);
                    }

                    window.Settle(1, 0);
                }
            }
        })).ToList();
        calls.ForEach(t => t.Start());

        for (var i = 0; i < 2_000_000; i++)
        {
            var back = window.TakeBack(Cap);
            Thread.SpinWait(5);
            window.Grant(back, 0, 0);
        }

        Volatile.Write(ref ended, true);
        calls.ForEach(t => t.Join());
        Assert.Equal(0, tooMuch);
        Assert.Equal((Cap, 0L, 0L), (window.Granted, window.Used, window.Underway));
    }

    [Fact]
    public void What_is_told_as_used_after_a_pledge_was_lowered_is_all_that_calls_can_have_taken()
    {
        var book = new AllowanceBook(TimeProvider.System);
        var rule = new LimitRule(
            new Guid(2, 0, 0, new byte[8]), "r", new CallScope(null, null, null, null, null), Measure.Money, LimitPeriod.Total, Cap, true,
            UnknownPrice.Refuse);
        var window = book.Find(rule, "").Window;
        window.Grant(long.MaxValue / 2, 0, 0);
        var taken = 0L;
        var ended = false;
        var calls = Enumerable.Range(0, 2).Select(_ => new Thread(() =>
        {
            while (!Volatile.Read(ref ended))
            {
                if (window.TryTake(1))
                {
                    Interlocked.Increment(ref taken);
                    window.Settle(1, 1);
                }
            }
        })).ToList();
        calls.ForEach(t => t.Start());

        var passed = 0;
        for (var i = 0; i < 200_000; i++)
        {
            window.Pledge(window.Used);
            var told = Math.Max(window.Used, window.Pledged);
            Thread.SpinWait(20);
            passed += Volatile.Read(ref taken) > told ? 1 : 0;
            window.Pledge(window.Used + 100);
            Thread.SpinWait(20);
        }

        Volatile.Write(ref ended, true);
        calls.ForEach(t => t.Join());
        Assert.Equal(0, passed);
        Assert.Equal((taken, true), (window.Used, taken > 1000));
    }
}
