using Gatehouse.Contracts;
using Gatehouse.Gateway.Calls;
using Gatehouse.Gateway.Journal;
using Gatehouse.Gateway.Resilience;
using Gatehouse.Guardrails.Policies;

namespace Gatehouse.Gateway.Breakers;

/// <summary>What the circuit breakers of its system do to a call.</summary>
internal sealed class CallBreakers(BreakerBook book, TimeProvider clock)
{
    /// <summary>What a stopped call is refused with.</summary>
    public const string IsOpen = "breaker_open";

    private static readonly TimeSpan ShortestWait = TimeSpan.FromSeconds(1);

    /// <summary>Counts a call, and slows or stops it where a breaker is open, or marks it as one that a person decides about.</summary>
    /// <returns>Why it may not go on.</returns>
    public ValueTask<AttemptFailure?> EnterAsync(Call call, GuardPolicy policy)
    {
        var set = book.Of(call.Principal, policy);
        var acting = Find(call, set);
        if (acting is { Definition.Action: BreakerAction.Stop })
        {
            for (var i = 0; i < set.Breakers.Length; i++)
            {
                if ((call.Probes & (1UL << i)) != 0)
                {
                    set.Breakers[i].GiveUp();
                }
            }

            return new ValueTask<AttemptFailure?>(Refusal(call, acting)); // and nothing of it is counted
        }

        call.Breakers = set;
        call.HandedOverBy = acting is { Definition: { Action: BreakerAction.HandOver } by } ? by : null;
        return acting is null || call.HandedOverBy is not null ? default : SlowAsync(call, acting.Definition.Delay);
    }

    /// <summary>The call is over: what it came to is counted.</summary>
    public static void Settle(Call call, CallRecord record)
    {
        if (call.Breakers is not { } set)
        {
            return;
        }

        call.Breakers = null;
        for (var i = 0; i < set.Breakers.Length; i++)
        {
            set.Breakers[i].Settle(record, (call.Probes & (1UL << i)) != 0, Micros(call.Now));
        }
    }

    /// <returns>The open breaker that does most; <see langword="null"/> when the call may pass.</returns>
    private static SystemBreaker? Find(Call call, BreakerSet set)
    {
        Span<ulong> tools = stackalloc ulong[ToolCalls.Most];
        var (request, count) = (0UL, 0);
        if (set.ReadsRequests && call.Surface.HasConversation)
        {
            request = Fingerprint.Of(call.Body.Span);
            count = ToolCalls.Read(call.Body.Span, tools);
        }

        SystemBreaker? acting = null;
        var now = Micros(call.Now);
        for (var i = 0; i < set.Breakers.Length; i++)
        {
            var breaker = set.Breakers[i];
            var says = request == 0 && breaker.Definition.Watch is BreakerWatch.Loops or BreakerWatch.ToolCallStorm
                ? BreakerSays.Pass
                : breaker.Enter(request, tools[..count], now);
            if (says == BreakerSays.Act && (acting is null || Strength(breaker) > Strength(acting)))
            {
                acting = breaker;
            }
            else if (says == BreakerSays.Probe)
            {
                call.Probes |= 1UL << i;
            }
        }

        return acting;
    }

    private static int Strength(SystemBreaker breaker) => breaker.Definition.Action switch
    {
        BreakerAction.Stop => 2,
        BreakerAction.HandOver => 1,
        _ => 0,
    };

    private async ValueTask<AttemptFailure?> SlowAsync(Call call, TimeSpan delay)
    {
        var pause = new ValueTask<bool>(DelayAsync(delay, call.Aborted));
        _ = call.Peek.Stream && call.Surface.KeepsCompany ? await Company.KeepAsync(call, pause, clock) : await call.WaitAsync(pause);
        return null;
    }

    private async Task<bool> DelayAsync(TimeSpan delay, CancellationToken ct)
    {
        await Task.Delay(delay, clock, ct);
        return true;
    }

    private static AttemptFailure Refusal(Call call, SystemBreaker breaker)
    {
        var wait = TimeSpan.FromMicroseconds(Math.Max(breaker.Until - Micros(call.Now), ShortestWait.TotalMicroseconds));
        return new AttemptFailure(NextStep.PassOn, new Problem(IsOpen, 503,
            $"The circuit breaker '{breaker.Definition.Name}' of the system '{call.Principal.System}' is open: {Reason(breaker.Definition.Watch)}. It lets a call try again in {Math.Ceiling(wait.TotalSeconds)} s."))
        {
            IsLasting = true,
            RetryAfter = wait,
        };
    }

    private static string Reason(BreakerWatch watch) => watch switch
    {
        BreakerWatch.ViolationRate => "too many of its calls break the guard policy",
        BreakerWatch.Cost => "its calls cost more than allowed",
        BreakerWatch.Loops => "it repeats the same request or call of a tool",
        _ => "it calls too many tools",
    };

    internal static long Micros(DateTimeOffset time) => (time - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond;
}
