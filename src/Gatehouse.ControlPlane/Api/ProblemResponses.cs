using System.Text.Json;
using Gatehouse.Contracts;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Gatehouse.Api;

/// <summary>Every failure under <c>/api</c> as <c>application/problem+json</c> (RFC 9457), in one place.</summary>
internal sealed partial class ProblemResponses(
    RequestDelegate next, ApiOperations operations, AwayDatabase away, ILogger<ProblemResponses> log)
{
    public async Task InvokeAsync(HttpContext http)
    {
        if (!http.Request.Path.StartsWithSegments("/api", StringComparison.OrdinalIgnoreCase))
        {
            await next(http);
            return;
        }

        try
        {
            await next(http);
            if (!http.Response.HasStarted && http.Response.StatusCode >= 400 && http.Response.ContentType is null)
            {
                await WriteAsync(http, OfStatus(http));
            }
        }
        catch (Exception e) when (!http.Response.HasStarted && !http.RequestAborted.IsCancellationRequested)
        {
            await WriteAsync(http, Of(e, http));
        }
    }

    private static async Task WriteAsync(HttpContext http, Problem problem)
    {
        http.Response.StatusCode = problem.Status;
        await http.Response.WriteAsJsonAsync(
            new ProblemBody(problem.Code, problem.Status, problem.Message, problem.Code, problem.Field, http.TraceIdentifier),
            ApiJson.Default.ProblemBody,
            "application/problem+json",
            http.RequestAborted);
    }

    private Problem OfStatus(HttpContext http)
    {
        var status = http.Response.StatusCode;
        if (status is not (StatusCodes.Status404NotFound or StatusCodes.Status405MethodNotAllowed
            or StatusCodes.Status415UnsupportedMediaType))
        {
            return new Problem("request_refused", status, $"The request was refused with status {status}.");
        }

        var methods = operations.MethodsAt(http);
        if (methods.Count == 0)
        {
            return new Problem("not_found", 404, "There is no such address; /api/openapi.json lists them.");
        }

        if (methods.Contains(http.Request.Method))
        {
            return new Problem("unsupported_media_type", 415, "Send the body as 'Content-Type: application/json'.");
        }

        http.Response.Headers.Allow = string.Join(", ", methods);
        return new Problem(
            "method_not_allowed", 405,
            $"This address takes {string.Join(" and ", methods)}, not {http.Request.Method}; /api/openapi.json lists them.");
    }

    private Problem Of(Exception e, HttpContext http)
    {
        var requestId = http.TraceIdentifier;
        switch (e)
        {
            case ProblemException expected:
                return expected.Problem;
            case BadHttpRequestException { InnerException: JsonException json }:
                return Problem.Malformed(Said(json)) with { Field = Field(json.Path) };
            case BadHttpRequestException bad:
                return new Problem("bad_request", bad.StatusCode, bad.Message);
            case var _ when AwayDatabase.IsMeant(e):
                if (!away.IsHeldBack)
                {
                    Unavailable(requestId, e);
                }

                http.Response.Headers.RetryAfter = AwayDatabase.RetryAfter;
                return away.ProblemOf(e);
            default:
                Failed(requestId, e);
                return new Problem("internal_error", 500, $"Gatehouse failed; its log says why, under the request id {requestId}.");
        }
    }

    /// <summary>What is wrong with a body, in the words of the API: the reader's own name types of this program.</summary>
    private static string Said(JsonException json)
    {
        const string Missing = "missing required properties including:";
        var field = Field(json.Path);
        var missing = json.Message.IndexOf(Missing, StringComparison.Ordinal);
        var within = field is null ? "" : $" in '{field}'";
        return missing >= 0 ? $"The body lacks {json.Message[(missing + Missing.Length)..].Trim().TrimEnd('.')}{within}."
            : json.Message.Contains("could not be mapped", StringComparison.Ordinal)
                ? $"The body has {(field is null ? "a field" : $"the field '{field}',")} which this operation does not know; "
                    + "/api/openapi.json lists those it does."
            : json.Message.Contains("could not be converted", StringComparison.Ordinal)
                ? $"The body holds{within} a value that does not go there; /api/openapi.json says what does."
            : $"The body is no JSON that can be read: {json.Message}";
    }

    /// <summary><c>$.memberships[0].role</c> without its root.</summary>
    private static string? Field(string? path) =>
        path is { Length: > 2 } && path.StartsWith("$.", StringComparison.Ordinal) ? path[2..] : null;

    [LoggerMessage(Level = LogLevel.Error, Message = "Request {RequestId} to the API failed.")]
    private partial void Failed(string requestId, Exception e);

    [LoggerMessage(Level = LogLevel.Error, Message = "Request {RequestId} to the API met a database that cannot be used, and others may after it.")]
    private partial void Unavailable(string requestId, Exception e);
}

/// <summary>The body of a failure.</summary>
/// <param name="Title">The same as <paramref name="Code"/>: clients branch on it.</param>
/// <param name="Detail">One sentence that says what to change.</param>
internal sealed record ProblemBody(string Title, int Status, string Detail, string Code, string? Field, string RequestId);
