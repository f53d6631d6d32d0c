using Gatehouse.Contracts;
using Gatehouse.Gateway.Limits;
using Gatehouse.Gateway.Resilience;
using Gatehouse.Gateway.Routing;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Gatehouse.Gateway.Calls;

/// <summary>
/// Sends copies of calls to the mirrors of their routes. A copy begins with the call and has nothing more to do with it: it runs on the
/// pool, its answer goes nowhere, its failure is its own, and it is a record of its own with the surface <c>mirror</c>, in the trace of its
/// call. Budgets and limits hold it like any call. When too many are under way the next are left out and counted.
/// </summary>
internal sealed partial class Mirrors(
    Admissions admissions, RouteCaller caller, Settlement settlement, GatewayMetrics metrics, Chance chance, TimeProvider clock,
    ILogger<Mirrors> log) : IHostedService, IDisposable
{
    public const string Surface = "mirror";

    private static readonly string[] PassedOn = ["tracestate", "anthropic-version", "anthropic-beta", EndUsers.Header];

    private readonly CancellationTokenSource _stopping = new();
    private readonly TaskCompletionSource _idle = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _underWay;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>Ends the copies under way; nobody waits for their answers.</summary>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await _stopping.CancelAsync();
        if (Volatile.Read(ref _underWay) > 0)
        {
            await _idle.Task.WaitAsync(cancellationToken);
        }
    }

    public void Dispose() => _stopping.Dispose();

    /// <summary>Begins a copy if the route wants one. Costs the call a copy of its body.</summary>
    public void Offer(Call call)
    {
        if (call.Route.Mirror is not { } mirror || !call.Surface.IsShared || _stopping.IsCancellationRequested
            || chance.Next() >= mirror.Share)
        {
            return;
        }

        if (Interlocked.Increment(ref _underWay) > mirror.MaxConcurrent)
        {
            Interlocked.Decrement(ref _underWay);
            metrics.DroppedMirror(mirror.Target.Provider.Name);
            return;
        }

        var copy = TryCopy(call, mirror);
        if (copy is null || TargetFilter.Choose(copy, chance, out _, out _) is not null)
        {
            End(copy);
            return;
        }

        _ = Task.Run(() => RunAsync(copy), CancellationToken.None);
    }

    /// <returns><see langword="null"/> when the call will be refused: it has no copy either.</returns>
    private Call? TryCopy(Call call, Mirror mirror)
    {
        try
        {
            return TargetFilter.Choose(call, chance, out _, out _) is null ? Copy(call, mirror) : null;
        }
        catch (ProblemException)
        {
            return null; // the call says it to its client
        }
#pragma warning disable CA1031 // Whatever goes wrong with a copy is nothing to its call.
        catch (Exception e)
#pragma warning restore CA1031
        {
            MirrorBroke(call.Record.RequestId, e);
            return null;
        }
    }

    private Call Copy(Call call, Mirror mirror)
    {
        var http = new DefaultHttpContext { RequestAborted = _stopping.Token };
        var (to, from) = (http.Request.Headers, call.Http.Request.Headers);
        to.TraceParent = call.Trace.Traceparent(call.Span);
        foreach (var name in PassedOn)
        {
            if (from.TryGetValue(name, out var value))
            {
                to[name] = value;
            }
        }

        var copy = new Call(
            http, call.Surface, call.Table, clock) { Principal = call.Principal, Route = call.Route.Mirrored(mirror.Target),
                Peek = call.Peek };
        copy.Body.Write(call.Body.Span);
        copy.Record.Surface = Surface;
        copy.Record.Route = call.Record.Route;
        copy.Record.Streamed = call.Record.Streamed;
        copy.Record.RequestAttributes = call.Record.RequestAttributes is { } attributes && attributes.Keys.Any(GuardQuestion.IsQuestion)
            ? attributes.Where(a => !GuardQuestion.IsQuestion(a.Key)).ToDictionary(StringComparer.Ordinal)
            : call.Record.RequestAttributes; // what guards asked was asked for the call itself
        return copy;
    }

    private async Task RunAsync(Call copy)
    {
        try
        {
            if ((await admissions.AdmitAsync(copy) ?? await caller.CallAsync(copy)) is { } failure)
            {
                Failed(copy, failure);
            }
        }
        catch (OutOfMemoryException)
        {
            Failed(copy, new AttemptFailure(NextStep.PassOn, BodyMemory.None));
        }
        catch (OperationCanceledException)
        {
            settlement.TrySettle(
                copy, CallOutcome.Cancelled, StatusCodes.Status499ClientClosedRequest, "mirror_ended", "Gatehouse stopped.");
        }
#pragma warning disable CA1031 // Whatever goes wrong with a copy, nobody is there to be told but the log.
        catch (Exception e)
#pragma warning restore CA1031
        {
            MirrorBroke(copy.Record.RequestId, e);
            settlement.TrySettle(
                copy, CallOutcome.Failed, StatusCodes.Status500InternalServerError, "internal_error", "Gatehouse made a mistake.");
        }
        finally
        {
            End(copy);
        }
    }

    private void Failed(Call copy, AttemptFailure failure) => settlement.TrySettle(
        copy, copy.Attempt is null ? CallOutcome.Refused : CallOutcome.Failed, failure.Problem.Status, failure.Problem.Code,
        failure.RecordedMessage);

    private void End(Call? copy)
    {
        copy?.Dispose();
        if (Interlocked.Decrement(ref _underWay) == 0 && _stopping.IsCancellationRequested)
        {
            _idle.TrySetResult();
        }
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "The mirrored call {RequestId} broke on a mistake of Gatehouse.")]
    private partial void MirrorBroke(string requestId, Exception e);
}
