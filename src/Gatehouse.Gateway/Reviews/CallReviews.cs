using Gatehouse.Contracts;
using Gatehouse.Gateway.Calls;
using Gatehouse.Gateway.Guarding;
using Gatehouse.Gateway.Resilience;
using Gatehouse.Guardrails;
using Gatehouse.Guardrails.Policies;

namespace Gatehouse.Gateway.Reviews;

/// <summary>What a policy's <c>escalate</c> and a breaker's <c>hand_over</c> do to a call: ask a person, and obey.</summary>
internal sealed class CallReviews(ReviewDesk desk, Approvals approvals, TimeProvider clock)
{
    private const string Denied = "guard_denied";
    private const string TimedOut = "review_timed_out";

    /// <summary>Lets a call wait whose guards ask for a person.</summary>
    /// <returns>Why it may not go on.</returns>
    public async ValueTask<AttemptFailure?> HoldAsync(Call call)
    {
        var guard = call.Guard!;
        if (guard.Session.HeldBy is not { } rule)
        {
            return null;
        }

        var texts = guard.Session.ReviewTexts();
        if (approvals.Cover(call.Principal.SystemId, call.Principal.Environment, texts))
        {
            guard.Session.Decided(passes: true);
            return null;
        }

        var question = Question(call, rule.Name, Asking(guard.Session.Log), WithContext(call, texts)) with
        {
            PassesOnTimeout = rule.Escalation.OnTimeout == EscalationDefault.Allow,
        };
        var (how, passes) = await desk.WaitAsync(call, question, rule.Escalation.Timeout);
        guard.Session.Decided(passes);
        if (how == ReviewState.Approved)
        {
            approvals.Remember(call.Principal.SystemId, call.Principal.Environment, texts);
        }

        return passes ? null : Refusal(call, how, question.Id, guard.MessageOf(rule, call));
    }

    /// <summary>Lets a call wait that a circuit breaker hands over, whatever its guards left in it.</summary>
    /// <returns>Why it may not go on.</returns>
    public async ValueTask<AttemptFailure?> HandOverAsync(Call call, GuardBreaker breaker)
    {
        var question = Question(call, breaker.Name, [], WithContext(call, [])) with
        {
            PassesOnTimeout = breaker.Escalation.OnTimeout == EscalationDefault.Allow,
        };
        var (ended, passes) = await desk.WaitAsync(call, question, breaker.Escalation.Timeout);
        if (passes)
        {
            return null;
        }

        call.Guard!.Session.Decided(passes: false);
        return Refusal(call, ended, question.Id, null);
    }

    /// <summary>Asks afterwards about a call that went on.</summary>
    public void AskAfter(Call call)
    {
        if (call.Guard is { Session: { AskedBy: { } rule, IsBlocked: false } session } && call.Record.Outcome != CallOutcome.Refused)
        {
            desk.Ask(Question(call, rule.Name, Asking(session.Log), WithContext(call, session.ReviewTexts())));
        }
    }

    private static List<GuardFinding> Asking(GuardLog log) =>
        [.. log.Findings.Where(f => f is { Action: "escalate", Shadow: false, Excepted: false })];

    private ReviewAsked Question(Call call, string rule, List<GuardFinding> findings, IReadOnlyList<ReviewText> texts)
    {
        var now = clock.GetUtcNow();
        var (principal, policy) = (call.Principal, call.Guard!.Session.Policy);
        return new ReviewAsked(
            Guid.CreateVersion7(now), now, null, PassesOnTimeout: true, call.Record.Id, call.Record.RequestId, call.Record.Route,
            principal.TeamId, principal.SystemId, principal.Environment, policy.Name, policy.Revision, rule,
            findings.Count > 0 ? findings[^1].Side : GuardLog.NameOf(DetectionSide.Input), findings, texts);
    }

    /// <summary>What the user said last comes first, unless it is among the texts itself.</summary>
    private static IReadOnlyList<ReviewText> WithContext(Call call, IReadOnlyList<ReviewText> texts)
    {
        var input = GuardLog.NameOf(DetectionSide.Input);
        return texts.Any(t => t.Side == input) || CallGuard.LastUserText(call.Body.Span) is not { Length: > 0 } said
            ? texts
            : [new ReviewText(input, said, [], IsContext: texts.Count > 0, IsCut: said.Length == CallGuard.MaxContextChars), .. texts];
    }

    private static AttemptFailure Refusal(Call call, ReviewState how, Guid id, string? own)
    {
        var problem = how == ReviewState.Denied
            ? new Problem(Denied, 403, own ?? $"A person has reviewed this call and does not allow it (review {id}).")
            : new Problem(TimedOut, 503, own ?? $"This call needs a person's approval, and nobody gave it in time (review {id}).");
        return new AttemptFailure(NextStep.PassOn, problem)
        {
            IsLasting = true,
            RecordedMessage = how == ReviewState.Denied ? $"Denied by a person in review {id}." : $"Nobody decided review {id} in time.",
        };
    }
}
