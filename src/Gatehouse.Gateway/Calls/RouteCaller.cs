using System.Runtime.CompilerServices;
using Gatehouse.Gateway.Resilience;
using Gatehouse.Gateway.Routing;
using Gatehouse.Gateway.Scheduling;

namespace Gatehouse.Gateway.Calls;

/// <summary>
/// Step 6 of the way of a call: asks the route's targets until one answers.
/// <list type="number">
/// <item>Only targets that may get this call are asked (<see cref="TargetFilter"/>), in the order of <see cref="TargetOrder"/>.</item>
/// <item>A target that is unhealthy (<see cref="TargetHealth"/>), rests (<see cref="CircuitBreaker"/>) or has no place free
/// (<see cref="TargetLoad"/>) is passed over while another is left.</item>
/// <item>When none is left, the call waits for a place, or the target that has rested longest is probed.</item>
/// <item>When all are down and the route says so, the call waits for one to come back (<see cref="DownQueue"/>).</item>
/// <item>Each pass of a breaker is settled and each place is left exactly once, whatever happens.</item>
/// </list>
/// </summary>
internal sealed class RouteCaller(
    TargetCaller caller, HedgeBook hedges, DownQueue down, GatewayMetrics metrics, Chance chance, TimeProvider clock)
{
    private readonly AttemptCaller _attempts = new(caller);

    /// <returns><see langword="null"/> when the client has its answer, else the last failure.</returns>
    /// <exception cref="OperationCanceledException">The client went away.</exception>
    public ValueTask<AttemptFailure?> CallAsync(Call call) =>
        call.Guard is null && call.Route.WhenDown is null ? AskAsync(call, isWaiting: false) : AskAgainAsync(call);

    /// <summary>A guard may send the call to another route, and the route may let it wait for a target to come back.</summary>
    [AsyncMethodBuilder(typeof(KeptStateBuilder<>))]
    private async ValueTask<AttemptFailure?> AskAgainAsync(Call call)
    {
        var failure = await AskAsync(call, isWaiting: false);
        if (failure is { IsRerouted: true })
        {
            failure = await AskAsync(call, isWaiting: false);
        }

        return failure is null || call.Route.WhenDown is null || call.ContentIsSent || !DownQueue.IsDown(failure)
            ? failure
            : await WaitAndAskAsync(call, failure);
    }

    /// <summary>Every target is down, and the route lets the call wait for one to come back.</summary>
    private async ValueTask<AttemptFailure?> WaitAndAskAsync(Call call, AttemptFailure failure)
    {
        if (!down.TryEnter(call.Route))
        {
            return Failures.StillDown(failure);
        }

        var watch = down.Begin(call.Route);
        try
        {
            if (!call.HeadIsSent)
            {
                call.Http.Response.Headers[DownQueue.Header] = "when_down";
            }

            metrics.WaitedForReturn(call.Route.Name);
            while (await caller.HoldAsync(call, watch.DueAsync(call.Aborted)))
            {
                watch.Note(call.Record);
                var next = await AskAsync(call, isWaiting: true);
                if (next is null || call.ContentIsSent || !DownQueue.IsDown(next))
                {
                    return next;
                }

                failure = next;
                watch.Asked();
            }

            watch.Note(call.Record);
            return Failures.StillDown(failure);
        }
        finally
        {
            down.Leave(call.Route);
        }
    }

    /// <param name="isWaiting">Targets that rest are asked only when a probe is due, and unhealthy ones not at all.</param>
    [AsyncMethodBuilder(typeof(KeptStateBuilder<>))]
    private async ValueTask<AttemptFailure?> AskAsync(Call call, bool isWaiting)
    {
        if (TargetFilter.Choose(call, chance, out var open, out var first) is { } refusal)
        {
            return refusal;
        }

        var order = new TargetOrder(call.Route, open, first, call.Shape, chance);
        AttemptFailure? failure = null; // of the last target that was asked
        AttemptFailure? unasked = null;
        List<Target>? resting = null;
        Target? busy = null;
        Target? unhealthy = null;
        while (order.TryNext(out var target))
        {
            if (target.IsUnhealthy)
            {
                unhealthy ??= target;
                continue;
            }

            var pass = target.Breaker?.TryEnter() ?? BreakerPass.Call;
            if (pass == BreakerPass.None)
            {
                (resting ??= []).Add(target);
                continue;
            }

            if (target.Load is { } load && !load.TryEnter())
            {
                target.Breaker?.Settle(pass, AttemptOutcome.Unknown);
                busy ??= target;
                continue;
            }

            var race = call.Route.Hedge is null || pass != BreakerPass.Call ? null : RaceOf(call, order);
            var outcome = await TryTargetAsync(call, target, pass, isFallback: failure is not null, order.HasMore, race);
            order = race?.Order ?? order;
            if (outcome is { IsUnasked: true })
            {
                unasked ??= outcome;
                continue;
            }

            failure = outcome;
            if (failure is { Step: NextStep.PassOn } && (failure.Cause & call.Route.FallbackOn) != 0 && !call.ContentIsSent
                && order.HasMore)
            {
                Settlement.CloseAttempt(call, failure.Problem.Code, failure.RecordedMessage);
                order.PassOver(failure.Cause == FallbackCauses.ContextLength ? call.Attempt!.Target.Model : null);
                continue;
            }

            if (failure is null || failure.Step == NextStep.PassOn || call.ContentIsSent || failure.IsRerouted)
            {
                return failure;
            }
        }

        var last = busy is not null ? await TryBusyAsync(call, busy, isFallback: failure is not null)
            : resting is not null && isWaiting ? failure ?? Failures.AllRest(call.Route, resting)
            : resting is not null ? await TryRestingAsync(call, resting, isFallback: failure is not null)
            : unhealthy is null || failure is not null ? failure ?? unasked
            : isWaiting ? Failures.AllUnhealthy(call.Route)
            : await TryUnhealthyAsync(call, unhealthy);
        return last is { IsUnasked: true } ? failure ?? unasked ?? last : last;
    }

    /// <returns><see langword="null"/> when nothing is left for a second attempt, or it is not the call's first that is about to be
    /// made.</returns>
    private HedgeRace? RaceOf(Call call, TargetOrder order) =>
        order.HasMore && call.Record.Attempts.Count == 0 && call.Surface.MayHedge
        && call.Guard is not { GuardsOutput: true } // one session of guards reads one answer
            ? new HedgeRace(call, call.Route.Hedge!, hedges.Of(call.Route.Name), order, _attempts, caller, metrics, clock)
            : null;

    /// <summary>Nothing else is left: the call waits for a place.</summary>
    private async ValueTask<AttemptFailure?> TryBusyAsync(Call call, Target target, bool isFallback)
    {
        var load = target.Load!;
        metrics.Queued(target.Provider.Name);
        if (!await caller.HoldAsync(call, load.WaitAsync(CallRank.Of(call), call.Aborted)))
        {
            return Failures.Busy(target) with { IsUnasked = isFallback };
        }

        var pass = target.Breaker?.TryEnter() ?? BreakerPass.Call;
        if (pass != BreakerPass.None)
        {
            return await TryTargetAsync(call, target, pass, isFallback);
        }

        load.Leave();
        return Failures.AllRest(call.Route, [target]);
    }

    /// <summary>
    /// Nothing else is left: rather than refuse a call that might be served, the target that has rested longest is probed.
    /// </summary>
    private async ValueTask<AttemptFailure?> TryRestingAsync(Call call, List<Target> resting, bool isFallback)
    {
        var all = resting.ToArray();
        var pass = TryProbe(resting, out var rested);
        if (pass == BreakerPass.None)
        {
            return Failures.AllRest(call.Route, all) with { IsUnasked = isFallback };
        }

        if (rested.Load is { } load && !load.TryEnter())
        {
            rested.Breaker!.Settle(pass, AttemptOutcome.Unknown);
            return Failures.Busy(rested) with { IsUnasked = isFallback };
        }

        return await TryTargetAsync(call, rested, pass, isFallback);
    }

    /// <summary>
    /// Every target failed its checks: rather than refuse a call that might be served, for a check may be wrong, the first of them is
    /// asked.
    /// </summary>
    private async ValueTask<AttemptFailure?> TryUnhealthyAsync(Call call, Target target)
    {
        var pass = target.Breaker is { } breaker ? breaker.TryProbe() : BreakerPass.Call;
        if (pass == BreakerPass.None)
        {
            return Failures.AllRest(call.Route, [target]);
        }

        if (target.Load is { } load && !load.TryEnter())
        {
            target.Breaker?.Settle(pass, AttemptOutcome.Unknown);
            return Failures.Busy(target);
        }

        return await TryTargetAsync(call, target, pass, isFallback: false);
    }

    private static BreakerPass TryProbe(List<Target> resting, out Target rested)
    {
        rested = resting[0];
        while (resting.Count > 0)
        {
            foreach (var target in resting)
            {
                rested = target.Breaker!.OpenedAt < rested.Breaker!.OpenedAt ? target : rested;
            }

            if (rested.Breaker!.TryProbe() is var pass and not BreakerPass.None)
            {
                return pass;
            }

            resting.Remove(rested);
            rested = resting.Count > 0 ? resting[0] : rested;
        }

        return BreakerPass.None;
    }

    /// <summary>Tries one target, as often as its failures and the route allow. The caller has a place there, which is left.</summary>
    [AsyncMethodBuilder(typeof(KeptStateBuilder<>))]
    private async ValueTask<AttemptFailure?> TryTargetAsync(
        Call call, Target target, BreakerPass pass, bool isFallback, bool hasSuccessor = false, HedgeRace? race = null)
    {
        if (isFallback)
        {
            metrics.FellBack(target.Provider.Name);
        }

        call.EnterTarget();
        try
        {
            for (var (retry, rotations) = (0, 0); ;)
            {
                var failure = race is null ? await _attempts.TryAsync(call, target, pass, hasSuccessor) : await race.RunAsync(target, pass);
                if (failure is null || failure.IsUnasked || failure.Step == NextStep.PassOn || call.ContentIsSent)
                {
                    return failure;
                }

                Settlement.CloseAttempt(call, failure.Problem.Code, failure.RecordedMessage);
                if (race is { IsHedged: true })
                {
                    return failure; // both have been asked
                }

                race = null;
                if (!failure.IsCorrected && !(failure.MayRotate && ++rotations < target.Provider.Credentials!.Count))
                {
                    var pause = failure.RetryAfter ?? RetryRules.Backoff(call.Route, retry, chance.Next());
                    if (failure.Step != NextStep.Retry || ++retry >= call.Route.AttemptsPerTarget || pause > call.Route.MaxRetryDelay
                        || target.Breaker is { State: not BreakerState.Closed })
                    {
                        return failure;
                    }

                    await caller.PauseAsync(call, pause);
                }

                pass = target.Breaker?.TryEnter() ?? BreakerPass.Call;
                if (pass == BreakerPass.None)
                {
                    return failure;
                }

                metrics.Retried(target.Provider.Name);
            }
        }
        finally
        {
            call.LeaveTarget(target);
        }
    }
}
