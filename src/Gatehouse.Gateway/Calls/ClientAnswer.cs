using System.Buffers;
using System.Globalization;
using Gatehouse.Gateway.Limits;
using Gatehouse.Gateway.Providers;
using Gatehouse.Gateway.Resilience;
using Gatehouse.Gateway.Routing;
using Gatehouse.Gateway.Streaming;
using Microsoft.AspNetCore.Http;

namespace Gatehouse.Gateway.Calls;

/// <summary>Writes to the client: heads, whole answers, pieces of streams, errors in its own format.</summary>
internal static class ClientAnswer
{
    /// <summary>Headers that every answer carries, refusals included.</summary>
    public static void Identify(HttpResponse response, string requestId, string? alias)
    {
        response.Headers["x-request-id"] = requestId;
        if (alias is not null)
        {
            response.Headers[alias] = requestId;
        }
    }

    /// <summary>Headers that say who answered.</summary>
    public static void SetOrigin(Call call, Attempt attempt, UpstreamAnswer? answer)
    {
        var headers = call.Http.Response.Headers;
        headers["x-gatehouse-served-by"] = attempt.Target.Model == attempt.Model
            ? attempt.Target.ShownName
            : Target.Shown(attempt.Target.Provider, attempt.Model);
        if (call.Surface.Translates(attempt.Wire) && attempt.AnswersByTool)
        {
            headers["x-gatehouse-emulated-params"] = call.Request.NameOf(
                "response_format", "output_config.format", "generationConfig.responseJsonSchema");
        }

        headers["x-gatehouse-attempts"] = attempt.Number == 0 ? "1" : (attempt.Number + 1).ToString(CultureInfo.InvariantCulture);
        SetDropped(call);
        answer?.PassHeaders(headers);
        if (call.Holds is { } holds)
        {
            RateHeaders.Set(headers, call.Surface.Wire, holds.Rules, call.Now);
        }
    }

    /// <summary>The whole answer; nothing is flushed, so that head and body leave together when the request ends.</summary>
    public static void WriteWhole(HttpResponse response, int status, ReadOnlySpan<byte> body, string type = "application/json")
    {
        response.StatusCode = status;
        response.ContentType = type;
        response.ContentLength = body.Length;
        response.BodyWriter.Write(body);
    }

    /// <summary>Writes a piece of an answer that is nothing but bytes, after the head if that is still to come.</summary>
    public static void WriteBytes(Call call, Attempt attempt, UpstreamAnswer answer, ReadOnlySpan<byte> bytes)
    {
        var response = call.Http.Response;
        if (!call.HeadIsSent)
        {
            SetOrigin(call, attempt, answer);
            (call.HeadIsSent, call.IsBytes) = (true, true);
            response.StatusCode = StatusCodes.Status200OK;
            response.ContentType = call.Surface.TypeOf(answer);
            call.Record.FirstByteMicros ??= call.Micros;
        }

        call.ContentIsSent = true;
        response.BodyWriter.Write(bytes);
    }

    /// <summary>Sends a piece of a stream, after the head if that is still to come.</summary>
    public static async ValueTask SendEventsAsync(Call call, PooledBuffer events)
    {
        SetStreamHead(call);
        call.Record.FirstByteMicros ??= call.Micros;
        call.ContentIsSent = true;
        call.Http.Response.BodyWriter.Write(events.Span);
        events.Clear();
        await FlushAsync(call);
    }

    /// <summary>A sign of life while the first content is long in coming. Another target may still take over.</summary>
    public static async ValueTask KeepAliveAsync(Call call)
    {
        try
        {
            SetStreamHead(call);
            call.Http.Response.BodyWriter.Write(call.Surface.KeepAlive);
            await FlushAsync(call);
        }
        catch (Exception e) when (e is IOException or OperationCanceledException or InvalidOperationException)
        {
            call.Http.Abort(); // whatever is wrong with the connection, the caller goes on to await the provider and finds the call aborted
        }
    }

    /// <summary>
    /// The client's last word from us when no target gave a complete answer: a status, or an event if the stream has begun.
    /// </summary>
    public static void WriteFailure(Call call, AttemptFailure failure)
    {
        var (http, problem) = (call.Http, failure.Problem);
        if (call.IsBytes)
        {
            http.Abort(); // the client must not take what it has for the whole
            return;
        }

        using var buffer = new PooledBuffer(1024);
        if (call.HeadIsSent)
        {
            call.Surface.WriteErrorEvent(problem, call.Record.RequestId, !call.ContentIsSent, buffer);
            http.Response.BodyWriter.Write(buffer.Span);
            return;
        }

        if (failure.Headers is { } passed)
        {
            foreach (var (name, values) in passed)
            {
                http.Response.Headers[name] = values;
            }
        }

        if (failure.RetryAfter is { } wait)
        {
            http.Response.Headers.RetryAfter = Math.Ceiling(wait.TotalSeconds).ToString(CultureInfo.InvariantCulture);
        }

        if (failure.IsLasting || failure.RetryAfter > RetryRules.LongestClientWait)
        {
            http.Response.Headers["x-should-retry"] = "false";
        }

        if (failure.Body is { } body)
        {
            WriteWhole(http.Response, problem.Status, body);
            return;
        }

        call.Surface.WriteError(problem, call.Record.RequestId, buffer);
        WriteWhole(http.Response, problem.Status, buffer.Span);
    }

    private static void SetStreamHead(Call call)
    {
        if (call.HeadIsSent)
        {
            return;
        }

        call.HeadIsSent = true;
        SetDropped(call); // with the head, even if it leaves before the answer has an origin
        var response = call.Http.Response;
        response.StatusCode = StatusCodes.Status200OK;
        response.ContentType = call.Surface.StreamType;
        response.Headers.CacheControl = "no-cache";
        response.Headers["x-accel-buffering"] = "no"; // nginx in front of us must not hold events back
    }

    private static void SetDropped(Call call)
    {
        if (call.Record.DroppedParameters.Count > 0)
        {
            call.Http.Response.Headers["x-gatehouse-dropped-params"] = string.Join(", ", call.Record.DroppedParameters);
        }
    }

    public static async ValueTask FlushAsync(Call call)
    {
        var flush = call.Http.Response.BodyWriter.FlushAsync(CancellationToken.None);
        if (flush.IsCompletedSuccessfully)
        {
            _ = flush.Result;
            return;
        }

        await call.WaitAsync(flush);
    }
}
