using System.Runtime.CompilerServices;
using Gatehouse.Gateway.Resilience;
using Gatehouse.Gateway.Routing;
using Gatehouse.Gateway.Scheduling;
using Microsoft.AspNetCore.Http;

namespace Gatehouse.Gateway.Calls;

/// <summary>One attempt whose outcome the target's breaker and its latency get to know, whatever it is.</summary>
internal sealed class AttemptCaller(TargetCaller caller)
{
    /// <param name="number">0 for the call's first.</param>
    public static Attempt New(Call call, Target target, BreakerPass pass, bool hasSuccessor, int number, Contender? contender = null)
    {
        var model = target.Model == Target.AnyModel ? call.Record.Route : target.Model;
        var wire = call.Surface.WireAt(target.Provider.Settings, model);
        return new Attempt(target, model, number, call.Micros, wire, call.Surface.NewTap(wire))
        {
            Pass = pass,
            HasSuccessor = hasSuccessor,
            Contender = contender,
        };
    }

    public ValueTask<AttemptFailure?> TryAsync(Call call, Target target, BreakerPass pass, bool hasSuccessor)
    {
        Attempt attempt;
        try
        {
            attempt = New(call, target, pass, hasSuccessor, call.Record.Attempts.Count);
        }
        catch
        {
            target.Breaker?.Settle(pass, AttemptOutcome.Unknown);
            throw;
        }

        return TryAsync(call, attempt);
    }

    [AsyncMethodBuilder(typeof(KeptStateBuilder<>))]
    public async ValueTask<AttemptFailure?> TryAsync(Call call, Attempt attempt)
    {
        var outcome = AttemptOutcome.Unknown;
        try
        {
            var failure = await caller.TryAsync(call, attempt);
            outcome = failure is null ? AttemptOutcome.Good
                : failure.IsUnasked || failure.MayRotate
                    || failure.Problem is { Status: StatusCodes.Status429TooManyRequests } or { Code: Failures.HedgeLost }
                        ? AttemptOutcome.Unknown
                : failure.Step == NextStep.PassOn
                    || failure.Problem.Code is Confidence.Filtered or Confidence.Invalid or LowConfidence.Code
                        ? AttemptOutcome.Good // the request or our own journal is at fault, the target is well
                : AttemptOutcome.Bad;
            Observe(call, attempt, failure);
            return failure;
        }
        finally
        {
            attempt.Target.Breaker?.Settle(attempt.Pass, outcome);
        }
    }

    /// <summary>
    /// Quick refusals say nothing about a target's speed; an answer does, and so does time that ran out or was not enough to be first.
    /// </summary>
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
        else if (failure is { Problem: { Status: StatusCodes.Status504GatewayTimeout } or { Code: Failures.HedgeLost } } && attempt.IsAsked)
        {
            load.Observe(call.Peek.Stream, (attempt.FirstByteMicros ?? call.Micros) - attempt.StartMicros);
        }
    }
}
