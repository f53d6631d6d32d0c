using System.Data.Common;
using System.Globalization;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Calls;
using Gatehouse.Gateway.Conversation;
using Gatehouse.Gateway.Routing;
using Gatehouse.Gateway.Scheduling;
using Gatehouse.Gateway.Streaming;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Gatehouse.Gateway.Batches;

/// <summary>Requests about what a key's system owns: on the pool, with the key checked, and errors in the caller's format.</summary>
internal sealed partial class OwnedRequests(Snapshot<GatewayTable> tables, TimeProvider clock, ILogger<OwnedRequests> log)
{
    public delegate Task Answer(HttpContext http, Principal principal, string id);

    public Task RunAsync(HttpContext http, Surface format, string id, Answer answer) =>
        PoolContext.RunAsync(RunAsync, new Asked(http, format, id, answer));

    /// <summary>The whole body, up to the limit of this installation.</summary>
    /// <exception cref="ProblemException">It is too large, comes too slowly, finds no room, or its framing is broken.</exception>
    public async Task<PooledBuffer> ReadAsync(HttpContext http)
    {
        var body = new PooledBuffer();
        try
        {
            return await RequestBody.ReadAsync(http, tables.Current, body, clock) is { } problem
                ? throw new ProblemException(problem)
                : body;
        }
        catch
        {
            body.Dispose();
            throw;
        }
    }

    public static void Write(HttpContext http, Action<System.Text.Json.Utf8JsonWriter> write)
    {
        using var body = new PooledBuffer();
        using (var json = JsonOut.Begin(body))
        {
            write(json);
        }

        ClientAnswer.WriteWhole(http.Response, StatusCodes.Status200OK, body.Span);
    }

    /// <exception cref="ProblemException">It is no whole number within the bounds.</exception>
    public static int Limit(HttpContext http, int otherwise, int most)
    {
        var text = http.Request.Query["limit"].ToString();
        return text.Length == 0 ? otherwise
            : int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= 1 && number <= most ? number
            : throw WireJson.Invalid("limit", string.Create(CultureInfo.InvariantCulture, $"must be a whole number from 1 to {most}"));
    }

    private async Task RunAsync(Asked asked)
    {
        var http = asked.Http;
        var requestId = RequestIds.For(http.Request, Guid.CreateVersion7());
        ClientAnswer.Identify(http.Response, requestId, asked.Format.RequestIdHeader);
        Problem? problem;
        try
        {
            problem = Authentication.Check(tables.Current, http.Request, clock.GetUtcNow(), out var principal);
            if (problem is null)
            {
                await asked.Answer(http, principal!, asked.Id);
                return;
            }
        }
        catch (ProblemException e)
        {
            problem = e.Problem;
        }
        catch (Exception e) when (e is OperationCanceledException or IOException && http.RequestAborted.IsCancellationRequested)
        {
            return;
        }
        catch (BadHttpRequestException e)
        {
            problem = RequestBody.Malformed with { Status = e.StatusCode };
        }
        catch (IOException e) when (RequestBody.IsChunkTooLarge(e))
        {
            problem = RequestBody.Malformed;
        }
        catch (OutOfMemoryException)
        {
            problem = BodyMemory.None;
        }
        catch (DbException e)
        {
            StoreFailed(requestId, e);
            problem = new Problem("store_unavailable", 503, "Files and batches cannot be reached at the moment: try again.");
        }
#pragma warning disable CA1031 // A mistake of ours still gets an answer in the caller's format.
        catch (Exception e)
#pragma warning restore CA1031
        {
            Broke(requestId, e);
            problem = new Problem("internal_error", 500, "Gatehouse made a mistake; its log tells more under this request id.");
        }

        if (http.Response.HasStarted)
        {
            http.Abort(); // a part of a file is out: the client must not take it for the whole
            return;
        }

        using var body = new PooledBuffer(512);
        asked.Format.WriteError(problem, requestId, body);
        ClientAnswer.WriteWhole(http.Response, problem.Status, body.Span);
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "Request {RequestId} about files or batches broke on a mistake of Gatehouse.")]
    private partial void Broke(string requestId, Exception e);

    [LoggerMessage(Level = LogLevel.Error, Message = "Request {RequestId} about files or batches found the database out of reach.")]
    private partial void StoreFailed(string requestId, Exception e);

    private sealed record Asked(HttpContext Http, Surface Format, string Id, Answer Answer);
}
