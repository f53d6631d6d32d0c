using Gatehouse.Gateway.Limits;
using Gatehouse.Gateway.Resilience;
using Gatehouse.Gateway.Routing;

namespace Gatehouse.Gateway.Calls;

/// <summary>
/// A call's first attempt, and a second one at the next target when the first is slow. One logical thread drives both:
/// <list type="number">
/// <item>The second begins only if the share and the money of the route allow it, budgets cover both, and its target's breaker is closed
/// and has a place free: nobody waits for it, and it probes nothing.</item>
/// <item>Neither touches the call or the client before it is admitted, and at most one is (<see cref="Contender"/>).</item>
/// <item>Before one is admitted the other has ended, its connection is closed, and it is in the record with what it has cost.</item>
/// <item>One that fails leaves the other alone in the race; if both do, the call goes on to the targets that neither has asked.</item>
/// </list>
/// </summary>
internal sealed class HedgeRace(
    Call call, Hedge hedge, HedgeMeter meter, TargetOrder order, AttemptCaller attempts, TargetCaller caller, GatewayMetrics metrics,
    TimeProvider clock)
{
    private TargetOrder _order = order;
    private HedgeHold? _hold; // for the second attempt

    /// <summary>The targets that neither attempt is at.</summary>
    public TargetOrder Order => _order;

    /// <summary>There was a second attempt.</summary>
    public bool IsHedged { get; private set; }

    /// <returns>As for one attempt; when both failed, what is left in <see cref="Call.Attempt"/> is the one whose failure it is.</returns>
    public async ValueTask<AttemptFailure?> RunAsync(Target target, BreakerPass pass)
    {
        meter.Came(hedge);
        var micros = hedge.After is { } fixedTime
            ? fixedTime.Ticks / TimeSpan.TicksPerMicrosecond
            : target.Load?.Percentile(call.Peek.Stream, hedge.Percentile);
        if (micros is not { } after)
        {
            return await attempts.TryAsync(call, target, pass, _order.HasMore);
        }

        var (first, second) = (Begin(target, pass, call.Record.Attempts.Count, _order.HasMore), (Running?)null);
        try
        {
            if (!await caller.HoldAsync(call, MovesWithinAsync(first, TimeSpan.FromMicroseconds(after)))
                && (second = TryBeginSecond(first)) is not null)
            {
                return await RunBothAsync(first, second);
            }

            await caller.HoldAsync(call, MoveAsync(first.Contender.Moved));
            return await LetAsync(first);
        }
        catch
        {
            await AbandonAsync(first, second);
            throw;
        }
        finally
        {
            first.Contender.Dispose();
            if (second is not null)
            {
                second.Contender.Dispose();
                second.Attempt.Target.Load?.Leave();
            }
        }
    }

    private async ValueTask<AttemptFailure?> RunBothAsync(Running first, Running second)
    {
        await caller.HoldAsync(call, MoveAsync(Task.WhenAny(first.Contender.Moved, second.Contender.Moved)));
        var (ahead, behind) = first.Contender.HasMoved ? (first, second) : (second, first);
        if (ahead.Contender.IsReady)
        {
            await OutrunAsync(behind);
            return await LetAsync(ahead);
        }

        var failure = (await ahead.Contender.Outcome)!; // nobody was admitted, so nobody succeeded
        if (failure.Step == NextStep.PassOn && (failure.Cause & call.Route.FallbackOn) == 0 && !failure.IsUnasked)
        {
            await OutrunAsync(behind); // the request is at fault
            call.Attempt = ahead.Attempt;
            return failure;
        }

        behind.Attempt.HasSuccessor = _order.HasMore; // the last one is not judged
        Close(ahead, failure.Problem.Code, failure.RecordedMessage);
        SettleCost(ahead);
        await caller.HoldAsync(call, MoveAsync(behind.Contender.Moved));
        return await LetAsync(behind);
    }

    /// <summary>Nobody else is in the race: it may speak, or has failed.</summary>
    private async ValueTask<AttemptFailure?> LetAsync(Running one)
    {
        if (one.Attempt.IsAsked)
        {
            call.Attempt = one.Attempt;
            call.Record.DroppedParameters = one.Attempt.Dropped;
        }

        one.Contender.Admit();
        return await one.Contender.Outcome;
    }

    private async ValueTask OutrunAsync(Running other)
    {
        await other.Contender.StopAsync();
        Close(other, Failures.HedgeLost, "Another target was first.");
        SettleCost(other);
    }

    /// <summary>The call ends before any of them has: whoever ends it closes those that are left in it, and knows why.</summary>
    private async ValueTask AbandonAsync(Running first, Running? second)
    {
        await first.Contender.StopAsync();
        if (second is not null)
        {
            await second.Contender.StopAsync();
            if (IsOpen(first) && IsOpen(second))
            {
                call.Beside = second.Attempt;
                SettleCost(second);
            }
        }

        call.Attempt = IsOpen(first) ? first.Attempt : second is not null && IsOpen(second) ? second.Attempt : call.Attempt;
    }

    private void SettleCost(Running one)
    {
        if (_hold is { } hold)
        {
            _hold = null;
            meter.Settle(hold, Holds.MayHaveCost(call, one.Attempt));
        }
    }

    private static bool IsOpen(Running one) => one.Attempt is { IsAsked: true, IsClosed: false };

    private void Close(Running one, string code, string message)
    {
        if (IsOpen(one))
        {
            call.Attempt = one.Attempt;
            Settlement.CloseAttempt(call, code, message);
        }
    }

    private Running? TryBeginSecond(Running first)
    {
        var left = _order;
        while (left.TryNext(out var target))
        {
            if (target.IsUnhealthy || target.Breaker is { State: not BreakerState.Closed } || target.Load?.TryEnter() is false)
            {
                continue; // it stays where it is: a fallback may ask it yet
            }

            Running? second = null;
            try
            {
                return second = TryBegin(target, first.Attempt.Number + 1);
            }
            finally
            {
                if (second is null)
                {
                    target.Load?.Leave();
                }
            }
        }

        return null;
    }

    private Running? TryBegin(Target target, int number)
    {
        var pass = target.Breaker?.TryEnter() ?? BreakerPass.Call;
        var hold = default(HedgeHold);
        if (pass != BreakerPass.Call || !meter.TryTake(hedge, WorstCase.Money(call, out _), out hold))
        {
            target.Breaker?.Settle(pass, AttemptOutcome.Unknown);
            return null;
        }

        var left = _order;
        left.Drop(target);
        var second = Begin(target, pass, number, left.HasMore);
        if (!second.Attempt.IsAsked)
        {
            second.Contender.Dispose(); // it was not sent, and has ended: the request does not fit, or a budget does not cover it
            meter.GiveBack(hold);
            return null;
        }

        (_order, _hold, IsHedged) = (left, hold, true);
        metrics.Hedged(target.Provider.Name);
        return second;
    }

    /// <summary>Everything until the request is sent happens before this returns, by the one logical thread of the call.</summary>
    private Running Begin(Target target, BreakerPass pass, int number, bool hasSuccessor)
    {
        var contender = new Contender(call.Aborted);
        try
        {
            var attempt = AttemptCaller.New(call, target, pass, hasSuccessor, number, contender);
            contender.Outcome = attempts.TryAsync(call, attempt).AsTask();
            return new Running(attempt, contender);
        }
        catch
        {
            contender.Dispose();
            target.Breaker?.Settle(pass, AttemptOutcome.Unknown);
            throw;
        }
    }

    private async ValueTask<bool> MovesWithinAsync(Running first, TimeSpan time)
    {
        var moved = first.Contender.Moved;
        if (moved.IsCompleted)
        {
            return true;
        }

        using var enough = new CancellationTokenSource();
        var timer = Task.Delay(time, clock, enough.Token);
        var ended = await Task.WhenAny(moved, timer) == moved;
        await enough.CancelAsync();
        return ended;
    }

    private static async ValueTask<bool> MoveAsync(Task moved)
    {
        await moved;
        return true;
    }

    private sealed record Running(Attempt Attempt, Contender Contender);
}
