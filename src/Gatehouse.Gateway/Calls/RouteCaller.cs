using System.Runtime.CompilerServices;
using Gatehouse.Gateway.Resilience;
using Gatehouse.Gateway.Routing;
using Microsoft.AspNetCore.Http;

namespace Gatehouse.Gateway.Calls;

/// <summary>
/// Step 6 of the way of a call: asks the route's targets until one answers.
/// <list type="number">
/// <item>Only targets that may get this call are asked (<see cref="TargetFilter"/>), in the order of <see cref="TargetOrder"/>.</item>
/// <item>A target that rests (<see cref="CircuitBreaker"/>) or has no place free (<see cref="TargetLoad"/>) is passed over while another is left.</item>
/// <item>When none is left, the call waits for a place, or the target that has rested longest is probed.</item>
/// <item>Each pass of a breaker is settled and each place is left exactly once, whatever happens.</item>
/// </list>
/// </summary>
internal sealed class RouteCaller(TargetCaller caller, GatewayMetrics metrics, Chance chance)
{
    /// <returns><see langword="null"/> when the client has its answer, else the last failure.</returns>
    /// <exception cref="OperationCanceledException">The client went away.</exception>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<AttemptFailure?> CallAsync(Call call)
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
        while (order.TryNext(out var target))
        {
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

            var outcome = await TryTargetAsync(call, target, pass, isFallback: failure is not null, order.HasMore);
            if (outcome is { IsUnasked: true })
            {
                unasked ??= outcome;
                continue;
            }

            failure = outcome;
            if (failure is { Step: NextStep.PassOn } && (failure.Cause & call.Route.FallbackOn) != 0 && !call.ContentIsSent && order.HasMore)
            {
                Settlement.CloseAttempt(call, failure.Problem.Code, failure.RecordedMessage);
                order.PassOver(failure.Cause == FallbackCauses.ContextLength ? target.Model : null);
                continue;
            }

            if (failure is null || failure.Step == NextStep.PassOn || call.ContentIsSent)
            {
                return failure;
            }
        }

        var last = busy is not null ? await TryBusyAsync(call, busy, isFallback: failure is not null)
            : resting is not null ? await TryRestingAsync(call, resting, isFallback: failure is not null)
            : failure ?? unasked;
        return last is { IsUnasked: true } ? failure ?? unasked ?? last : last;
    }

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

    /// <summary>Nothing else is left: rather than refuse a call that might be served, the target that has rested longest is probed.</summary>
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
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<AttemptFailure?> TryTargetAsync(Call call, Target target, BreakerPass pass, bool isFallback, bool hasSuccessor = false)
    {
        if (isFallback)
        {
            metrics.FellBack(target.Provider.Name);
        }

        try
        {
            return await TryRepeatedlyAsync(call, target, pass, hasSuccessor);
        }
        finally
        {
            target.Load?.Leave();
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<AttemptFailure?> TryRepeatedlyAsync(Call call, Target target, BreakerPass pass, bool hasSuccessor)
    {
        var (retry, rotations) = (0, 0);
        while (true)
        {
            var failure = await TryGuardedAsync(call, target, pass, hasSuccessor);
            if (failure is null || failure.IsUnasked || failure.Step == NextStep.PassOn || call.ContentIsSent)
            {
                return failure;
            }

            Settlement.CloseAttempt(call, failure.Problem.Code, failure.RecordedMessage);
            if (failure.MayRotate && ++rotations < target.Provider.Credentials!.Count)
            {
                pass = target.Breaker?.TryEnter() ?? BreakerPass.Call;
                if (pass == BreakerPass.None)
                {
                    return failure;
                }

                metrics.Retried(target.Provider.Name);
                continue;
            }

            var pause = failure.RetryAfter ?? RetryRules.Backoff(call.Route, retry, chance.Next());
            if (failure.Step != NextStep.Retry || ++retry >= call.Route.AttemptsPerTarget || pause > call.Route.MaxRetryDelay
                || target.Breaker is { State: not BreakerState.Closed })
            {
                return failure;
            }

            await caller.PauseAsync(call, pause);
            pass = target.Breaker?.TryEnter() ?? BreakerPass.Call;
            if (pass == BreakerPass.None)
            {
                return failure;
            }

            metrics.Retried(target.Provider.Name);
        }
    }

    /// <summary>One attempt whose outcome the target's breaker gets to know, whatever it is.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<AttemptFailure?> TryGuardedAsync(Call call, Target target, BreakerPass pass, bool hasSuccessor)
    {
        Attempt? attempt = null;
        var outcome = AttemptOutcome.Unknown;
        try
        {
            var model = target.Model == Target.AnyModel ? call.Record.Route : target.Model;
            var wire = call.Surface.WireAt(target.Provider.Settings, model);
            attempt = new Attempt(target, model, call.Record.Attempts.Count, call.Micros, wire, call.Surface.NewTap(wire))
            {
                Pass = pass,
                HasSuccessor = hasSuccessor,
            };
            var failure = await caller.TryAsync(call, attempt);
            outcome = failure is null ? AttemptOutcome.Good
                : failure.IsUnasked || failure.MayRotate || failure.Problem.Status == StatusCodes.Status429TooManyRequests ? AttemptOutcome.Unknown
                : failure.Step == NextStep.PassOn || failure.Problem.Code is Confidence.Filtered or Confidence.Invalid ? AttemptOutcome.Good // the request or our own journal is at fault, the target is well
                : AttemptOutcome.Bad;
            Observe(call, attempt, failure);
            return failure;
        }
        finally
        {
            target.Breaker?.Settle(attempt?.Pass ?? pass, outcome);
        }
    }

    /// <summary>Quick refusals say nothing about a target's speed; an answer does, and so does time that ran out.</summary>
    private static void Observe(Call call, Attempt attempt, AttemptFailure? failure)
    {
        if (attempt.Target.Load is not { } load)
        {
            return;
        }

        if (failure is null && attempt.FirstByteMicros is { } at)
        {
            load.Observe(call.Peek.Stream, at - attempt.StartMicros);
        }
        else if (failure is { Problem.Status: StatusCodes.Status504GatewayTimeout })
        {
            load.Observe(call.Peek.Stream, call.Micros - attempt.StartMicros);
        }
    }
}
