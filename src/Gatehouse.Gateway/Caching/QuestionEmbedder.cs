using Gatehouse.Contracts;
using Gatehouse.Gateway.Calls;
using Gatehouse.Gateway.Conversation;
using Gatehouse.Gateway.Embeddings;
using Gatehouse.Gateway.Limits;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Gatehouse.Gateway.Caching;

/// <summary>A text as a vector.</summary>
/// <param name="Model">That made it, as it calls itself.</param>
internal sealed record EmbeddedText(string Model, float[] Values);

/// <summary>
/// Turns questions into vectors by calls of their own: for the same principal and end user, within its budgets and limits, to targets that
/// it may be sent to, in the trace of the call that needs it, and in the ledger like any other.
/// </summary>
internal sealed partial class QuestionEmbedder(
    EmbeddingCache vectors, Admissions admissions, RouteCaller caller, Settlement settlement, TimeProvider clock,
    ILogger<QuestionEmbedder> log)
{
    /// <returns><see langword="null"/> when there is none to be had; the record of the call says why.</returns>
    /// <exception cref="OperationCanceledException">The client went away.</exception>
    public async ValueTask<EmbeddedText?> EmbedAsync(Call call, SemanticPolicy semantic, string text)
    {
        if (!call.Table.Routes.TryFind(semantic.Route, out var found))
        {
            return null;
        }

        using var timeout = new CancellationTokenSource(semantic.Timeout, clock);
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(call.Aborted, timeout.Token);
        var http = new DefaultHttpContext { RequestAborted = ended.Token };
        http.Features.Set(call.Http.Features.Get<CallCuts>());
        http.Request.Headers.TraceParent = call.Trace.Traceparent(call.Span);
        http.Request.Headers[EndUsers.Header] = EndUsers.Of(call);
        using var answer = new MemoryStream();
        http.Response.Body = answer;
        using var asking = new Call(http, new EmbeddingsSurface(), call.Table, clock) { Principal = call.Principal, Route = found };
        Write(asking, semantic.Route, text);
        asking.Record.Route = semantic.Route;
        try
        {
            if (asking.Surface.Peek(asking.Body.Span, out asking.Peek) is null && await AnswerAsync(asking))
            {
                await http.Response.BodyWriter.FlushAsync(CancellationToken.None);
                var made = EmbeddingAnswer.ReadOpenAi(answer.ToArray());
                return new EmbeddedText(made.Model, made.Vectors[0]);
            }
        }
        catch (OperationCanceledException) when (call.Aborted.IsCancellationRequested)
        {
            settlement.SettleGone(asking);
            throw;
        }
        catch (OperationCanceledException) when (timeout.IsCancellationRequested)
        {
            settlement.TrySettle(
                asking, CallOutcome.Cancelled, StatusCodes.Status499ClientClosedRequest, "question_timeout",
                "The vector of the question took too long; its call went on without.");
        }
        catch (FormatException)
        {
            // Its record says that it was answered, and the cache has nothing to compare.
        }
        catch (ProblemException e)
        {
            settlement.TrySettle(asking, CallOutcome.Failed, e.Problem.Status, e.Problem.Code, e.Problem.Message);
        }
        catch (OutOfMemoryException)
        {
            settlement.TrySettle(
                asking, CallOutcome.Failed, BodyMemory.None.Status, BodyMemory.None.Code, BodyMemory.None.Message);
        }
#pragma warning disable CA1031 // Whatever goes wrong with a question is a miss to its call.
        catch (Exception e)
#pragma warning restore CA1031
        {
            EmbeddingBroke(call.Record.RequestId, e);
            settlement.TrySettle(
                asking, CallOutcome.Failed, StatusCodes.Status500InternalServerError, "internal_error", "Gatehouse made a mistake.");
        }

        return null;
    }

    private async ValueTask<bool> AnswerAsync(Call asking)
    {
        var failure = asking.Route.Cache is { } policy
            ? await vectors.LookUpAsync(asking, (EmbeddingsSurface)asking.Surface, policy, default)
            : null;
        if (failure is null && !asking.IsSettled)
        {
            failure = await admissions.AdmitAsync(asking) ?? await caller.CallAsync(asking);
        }

        if (failure is not null)
        {
            settlement.TrySettle(
                asking, asking.Attempt is null ? CallOutcome.Refused : CallOutcome.Failed, failure.Problem.Status, failure.Problem.Code,
                failure.RecordedMessage);
        }

        return failure is null;
    }

    private static void Write(Call asking, string route, string text)
    {
        using var json = JsonOut.Begin(asking.Body);
        json.WriteStartObject();
        json.WriteString("model", route);
        json.WriteString("input", text);
        json.WriteEndObject();
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "The question of call {RequestId} was not embedded, by a mistake of Gatehouse.")]
    private partial void EmbeddingBroke(string requestId, Exception e);
}
