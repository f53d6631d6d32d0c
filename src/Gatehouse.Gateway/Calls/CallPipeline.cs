using System.Runtime.CompilerServices;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Batches;
using Gatehouse.Gateway.Breakers;
using Gatehouse.Gateway.Caching;
using Gatehouse.Gateway.Guarding;
using Gatehouse.Gateway.Limits;
using Gatehouse.Gateway.Moderations;
using Gatehouse.Gateway.Resilience;
using Gatehouse.Gateway.Reviews;
using Gatehouse.Gateway.Routing;
using Gatehouse.Gateway.Scheduling;
using Gatehouse.Gateway.Streaming;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Gatehouse.Gateway.Calls;

/// <summary>
/// The way of a call, the same for every surface:
/// <list type="number">
/// <item>Authenticate: the presented key names a principal, in one read of the table.</item>
/// <item>Admit: the journal has room, so the call can be accounted for.</item>
/// <item>Read: the body into a pooled buffer, up to the limit.</item>
/// <item>Peek: prove the body to be JSON and read what routing needs.</item>
/// <item>Route: the model's name leads to the targets. What the request only names is put into it: earlier responses, stored files.</item>
/// <item>Guard: check the request's texts with the policy that applies, and change what it says (<see cref="CallGuard"/>); what
/// a rule escalates, or an open breaker hands over, waits for a person then (<see cref="CallReviews"/>); a breaker slows or stops before
/// (<see cref="CallBreakers"/>).</item>
/// <item>Look up: an answer that the route keeps ends the call here, at no cost (<see cref="CacheSteps"/>).</item>
/// <item>Reserve: take the call's worst case from every budget and limit that applies (<see cref="Admissions"/>).</item>
/// <item>Call: ask the targets in their order, with retries and fallback (<see cref="RouteCaller"/>).</item>
/// <item>Answer in the caller's format, errors included.</item>
/// <item>Settle: price, journal, metrics; before the answer's last bytes (<see cref="Settlement"/>).</item>
/// </list>
/// </summary>
internal sealed partial class CallPipeline(
    Snapshot<GatewayTable> tables,
    CacheSteps cache,
    Admissions admissions,
    RouteCaller caller,
    Mirrors mirrors,
    CallReviews reviews,
    RequestGuards guards,
    CallBreakers breakers,
    Settlement settlement,
    GatewayMetrics metrics,
    TimeProvider clock,
    ILogger<CallPipeline> log,
    NamedFiles? files = null)
{
    private static readonly Problem Internal = new(
        "internal_error", 500, "Gatehouse made a mistake; its log tells more under this request id.");

    /// <param name="origin">For a call that no client makes: whose it is.</param>
    public async Task HandleAsync(HttpContext http, Surface surface, CallOrigin? origin = null)
    {
        using var call = new Call(http, surface, tables.Current, clock) { Origin = origin };
        ClientAnswer.Identify(http.Response, call.Record.RequestId, surface.RequestIdHeader);
        metrics.Began();
        try
        {
            // 9 Call; a success is answered and settled (10, 11) where its last bytes are known
            if (await PrepareAsync(call) && await caller.CallAsync(call) is { } failure
                && !(call.Visit is not null && await cache.TryServeStaleAsync(call, failure)))
            {
                End(call, failure);
            }
        }
        catch (Exception) when (call.Aborted.IsCancellationRequested)
        {
            settlement.SettleGone(call);
        }
        catch (ProblemException e)
        {
            End(call, new AttemptFailure(NextStep.PassOn, e.Problem));
        }
        catch (OutOfMemoryException)
        {
            NoMemory(call.Record.RequestId);

            // A provider that was asked was paid: whoever asks again pays again, for what may never fit.
            End(call, new AttemptFailure(NextStep.PassOn, BodyMemory.None) { IsLasting = call.Attempt is { IsAsked: true } });
        }
        catch (Exception e)
        {
            CallBroke(call.Record.RequestId, e);
            End(call, new AttemptFailure(NextStep.PassOn, Internal));
        }
        finally
        {
            metrics.Ended();
        }

        reviews.AskAfter(call);

        // 9 Settle, its end: nothing of a whole answer has left yet.
        await settlement.FlushAsync(call);
    }

    /// <returns>Whether a target is to be asked; if not, the call has its answer.</returns>
    [AsyncMethodBuilder(typeof(KeptStateBuilder<>))]
    private async ValueTask<bool> PrepareAsync(Call call)
    {
        // 1 Authenticate
        var refusal = Authentication.Check(call, clock.GetUtcNow(), out var principal);
        if (principal is null)
        {
            metrics.Unauthenticated(call.Surface.Name, refusal!.Status);
            ClientAnswer.WriteFailure(call, new AttemptFailure(NextStep.PassOn, refusal));
            return false;
        }

        call.Principal = principal;

        // 2 Admit
        refusal ??= settlement.Refusal;

        // 3 Read, 4 Peek, 5 Route
        refusal ??= await RequestBody.ReadAsync(call.Http, call.Table, call.Body, clock, call);
        if (call.Body.Length > InlineSockets.MaxInlineBytes)
        {
            await Task.Yield();
        }

        refusal ??= call.Surface.Peek(call.Body.Span, out call.Peek);
        refusal ??= FindRoute(call);
        refusal ??= await call.Surface.CompleteAsync(call);
        if (files is not null && refusal is null && !call.IsTakenOver && NamedFiles.MayBeIn(call))
        {
            refusal = await files.ReadAsync(call);
        }

        if (refusal is not null)
        {
            End(call, new AttemptFailure(NextStep.PassOn, refusal) { IsLasting = principal.Off is not null });
            return false;
        }

        if (call.IsTakenOver || TryAnswerHere(call))
        {
            return false;
        }

        // 6 Guard
        if (await GuardAsync(call) is { } blocked)
        {
            End(call, blocked);
            return false;
        }

        call.Guard?.HasPassed = true;

        // 7 Look up
        if (call.Route.Cache is not null || CacheSteps.MustBeCached(call))
        {
            if (await cache.LookUpAsync(call) is { } unserved)
            {
                End(call, unserved);
                return false;
            }

            if (call.IsSettled)
            {
                return false;
            }
        }

        // 8 Reserve
        if (await admissions.AdmitAsync(call) is { } overrun)
        {
            End(call, overrun);
            return false;
        }

        if (call.Surface.Admitted() is { } full)
        {
            End(call, new AttemptFailure(NextStep.PassOn, full));
            return false;
        }

        mirrors.Offer(call);
        return true;
    }

    private static Problem? FindRoute(Call call)
    {
        var record = call.Record;
        record.Streamed = call.Peek.Stream;
        record.RequestAttributes = call.Peek.Attributes;
        if (call.Origin is { } origin)
        {
            record.RequestAttributes = new(call.Peek.Attributes ?? []) { [TelemetryNames.BatchId] = origin.BatchId };
        }

        record.Route = call.Surface.ModelOf(call.Body.Span, call.Peek);
        if (!call.Table.Routes.TryFind(record.Route, out var route) && (route = call.Surface.OwnRoute(record.Route)) is null)
        {
            return NearestRoutes.Unknown(call.Table.Routes, record.Route);
        }

        call.Route = route;
        return null;
    }

    /// <returns>Why the call is refused.</returns>
    [AsyncMethodBuilder(typeof(KeptStateBuilder<>))]
    private async ValueTask<AttemptFailure?> GuardAsync(Call call)
    {
        if (ReferenceEquals(call.Route, OwnModeration.Route))
        {
            return null; // the text stays in this process, and a refusal would hide the verdict that is asked for
        }

        if (call.Table.Policies.Begin(call.Principal, clock, out var session) is { } problem)
        {
            return new AttemptFailure(NextStep.PassOn, problem) { IsLasting = true };
        }

        if (session is null)
        {
            return null;
        }

        call.Guard = new CallGuard(session);
        if (session.Policy.Definition.Breakers.Count > 0 && await breakers.EnterAsync(call, session.Policy) is { } stopped)
        {
            return stopped;
        }

        if (call.Body.Length > CallGuard.MaxInlineBytes)
        {
            await Task.Yield();
        }

        var refusal = call.Guard.CheckRequest(call);
        if (refusal is null && RequestGuards.Applies(session.Policy))
        {
            refusal = await guards.CheckAsync(call);
        }

        if (refusal is null && call.HandedOverBy is { } breaker)
        {
            refusal = await reviews.HandOverAsync(call, breaker);
        }

        return refusal ?? (session.HeldBy is null ? null : await reviews.HoldAsync(call));
    }

    /// <summary>10 Answer and 11 Settle, when no target needs to be asked.</summary>
    private bool TryAnswerHere(Call call)
    {
        using var answer = new PooledBuffer(0);
        if (!call.Surface.TryAnswerHere(call, answer))
        {
            return false;
        }

        (call.Record.Usage, call.Record.CostNanos) = (default(TokenUsage), 0); // nobody was asked, and that is known
        if (settlement.TrySettle(call, CallOutcome.Ok, StatusCodes.Status200OK))
        {
            ClientAnswer.WriteWhole(call.Http.Response, StatusCodes.Status200OK, answer.Span);
        }
        else
        {
            ClientAnswer.WriteFailure(call, Failures.JournalFull());
        }

        return true;
    }

    /// <summary>10 Answer and 11 Settle, when no target gave a complete answer or none was asked.</summary>
    private void End(Call call, AttemptFailure failure)
    {
        var outcome = call.Attempt is null ? CallOutcome.Refused : CallOutcome.Failed;
        var status = call.HeadIsSent ? StatusCodes.Status200OK : failure.Problem.Status;
        if (!settlement.TrySettle(call, outcome, status, failure.Problem.Code, failure.RecordedMessage))
        {
            failure = Failures.JournalFull();
        }

        if (!call.HeadIsSent && call.Attempt is { } attempt)
        {
            ClientAnswer.SetOrigin(call, attempt, null);
        }

        ClientAnswer.WriteFailure(call, failure);
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "Call {RequestId} broke on a mistake of Gatehouse.")]
    private partial void CallBroke(string requestId, Exception e);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Call {RequestId} found no memory for its request or its answer.")]
    private partial void NoMemory(string requestId);
}
