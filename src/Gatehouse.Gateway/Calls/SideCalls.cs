using Gatehouse.Contracts;
using Gatehouse.Gateway.Limits;
using Gatehouse.Gateway.Resilience;
using Gatehouse.Gateway.Routing;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging;

namespace Gatehouse.Gateway.Calls;

/// <summary>What came of a call that Gatehouse made for another.</summary>
/// <param name="Body">The answer in the surface's format; <see langword="null"/> when there is none.</param>
/// <param name="Why">Why there is none, in words of ours; <see langword="null"/> when there is one.</param>
internal readonly record struct SideAnswer(byte[]? Body, string? Why);

/// <summary>
/// Calls that Gatehouse makes for the sake of another: of a judge, of a model that guards. Each is a call of its own: by the same key and
/// for the same end user, under the same budgets and limits of place and data, a record of its own in the trace of the call that needs it.
/// No policy guards it.
/// </summary>
internal sealed partial class SideCalls(
    Admissions admissions, RouteCaller caller, Settlement settlement, TimeProvider clock, ILogger<SideCalls> log)
{
    /// <param name="kind">The record's surface: what the call is for.</param>
    /// <param name="timeLimit"><see langword="null"/>: as long as its route lets it.</param>
    /// <exception cref="OperationCanceledException">The client of <paramref name="parent"/> went away.</exception>
    public async ValueTask<SideAnswer> AskAsync(
        Call parent, Surface surface, string kind, Route route, string routeName, ReadOnlyMemory<byte> body, CancellationToken timeLimit)
    {
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(parent.Aborted, timeLimit);
        var http = new DefaultHttpContext { RequestAborted = ended.Token };
        using var sink = new MemoryStream();
        http.Features.Set<IHttpResponseBodyFeature>(new StreamResponseBodyFeature(sink));
        http.Features.Set(parent.Http.Features.Get<CallCuts>());
        http.Request.Headers.TraceParent = parent.Trace.Traceparent(parent.Span);
        http.Request.Headers[EndUsers.Header] = EndUsers.Of(parent);
        using var call = new Call(http, surface, parent.Table, clock) { Principal = parent.Principal, Route = route };
        call.Body.Write(body.Span);
        call.Record.Surface = kind;
        call.Record.Route = routeName;
        try
        {
            if (surface.Peek(call.Body.Span, out call.Peek) is { } wrong)
            {
                return Failed(call, new AttemptFailure(NextStep.PassOn, wrong));
            }

            if ((await admissions.AdmitAsync(call) ?? await caller.CallAsync(call)) is { } failure)
            {
                return Failed(call, failure);
            }

            await http.Response.BodyWriter.FlushAsync(CancellationToken.None);
            return new SideAnswer(sink.ToArray(), null);
        }
        catch (OperationCanceledException) when (parent.Aborted.IsCancellationRequested)
        {
            settlement.SettleGone(call);
            throw;
        }
        catch (OperationCanceledException)
        {
            settlement.TrySettle(
                call, CallOutcome.Cancelled, StatusCodes.Status499ClientClosedRequest, "side_call_timeout",
                "It took too long for the call that it was made for.");
            return new SideAnswer(null, "it took too long");
        }
        catch (ProblemException e)
        {
            return Failed(call, new AttemptFailure(NextStep.PassOn, e.Problem));
        }
        catch (OutOfMemoryException)
        {
            return Failed(call, new AttemptFailure(NextStep.PassOn, BodyMemory.None));
        }
#pragma warning disable CA1031 // Whatever goes wrong here, the call that it is made for decides what that means.
        catch (Exception e)
#pragma warning restore CA1031
        {
            SideCallBroke(kind, parent.Record.RequestId, e);
            settlement.TrySettle(
                call, CallOutcome.Failed, StatusCodes.Status500InternalServerError, "internal_error", "Gatehouse made a mistake.");
            return new SideAnswer(null, "Gatehouse made a mistake");
        }
    }

    private SideAnswer Failed(Call call, AttemptFailure failure)
    {
        settlement.TrySettle(
            call, call.Attempt is null ? CallOutcome.Refused : CallOutcome.Failed, failure.Problem.Status, failure.Problem.Code,
            failure.RecordedMessage);
        return new SideAnswer(null, $"its call failed with '{failure.Problem.Code}'");
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "A call of the kind {Kind} for the call {RequestId} broke on a mistake of Gatehouse.")]
    private partial void SideCallBroke(string kind, string requestId, Exception e);
}
