using System.Globalization;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Conversation;
using Gatehouse.Gateway.Providers;
using Gatehouse.Gateway.Streaming;
using Microsoft.AspNetCore.Http;

namespace Gatehouse.Gateway.Calls;

/// <summary>What an attempt sends: the call's body in the provider's format, and the headers that go with it.</summary>
internal static class AttemptRequest
{
    /// <returns>Why the target cannot be asked; another one may understand the request as it is.</returns>
    public static Problem? TryPrepare(Call call, Attempt attempt, PooledBuffer buffer, PooledBuffer stripped, out UpstreamRequest request)
    {
        try
        {
            request = Prepare(call, attempt, buffer, stripped, out var dropped);
            if (dropped is { Count: > 0 } && call.Route.Strict)
            {
                return Unsupported(attempt, dropped);
            }

            call.Record.DroppedParameters = attempt.Dropped = (IReadOnlyList<string>?)dropped ?? [];
            return null;
        }
        catch (ProblemException e)
        {
            request = null!;
            return e.Problem;
        }
    }

    /// <summary>The request in the provider's format: patched where formats are the same, else translated.</summary>
    private static UpstreamRequest Prepare(
        Call call, Attempt attempt, PooledBuffer buffer, PooledBuffer stripped, out List<string>? dropped)
    {
        dropped = null;
        var settings = attempt.Settings;
        var wire = ProviderWire.Of(attempt.Wire);
        var body = call.Body.Memory;
        if (call.Surface.Translates(attempt.Wire))
        {
            call.Request.AnswersByTool = false;
            wire.WriteRequest(call.Request, attempt.Model, settings, buffer, dropped = []);
            body = buffer.Memory;
            attempt.AnswersByTool = call.Request.AnswersByTool;
        }
        else
        {
            if (call.Surface.TryPatch(call, attempt, buffer, ref dropped))
            {
                body = buffer.Memory;
            }

            if (call.Surface.ContentType is null && ThoughtId.TryStrip(body.Span, stripped))
            {
                body = stripped.Memory;
            }
        }

        return new UpstreamRequest(call.Surface.PathAt(attempt, call.Peek.Stream), body, Headers(call, attempt), call.Route.ConnectTimeout)
        {
            Listener = attempt,
            ContentType = call.Surface.ContentType,
        };
    }

    private static List<KeyValuePair<string, string>> Headers(Call call, Attempt attempt)
    {
        var headers = new List<KeyValuePair<string, string>>(attempt.Wire == WireFormat.Anthropic ? 4 : 1)
        {
            new("traceparent", call.Trace.Traceparent(AttemptSpan.Id(call.Span, attempt.Number))),
        };
        var incoming = call.Http.Request.Headers;
        if (call.Trace.ParentSpanId is not null && incoming.TraceState.ToString() is { Length: > 0 } state && PassedHeaders.CanHold(state))
        {
            headers.Add(new("tracestate", state));
        }

        if (attempt.Wire == WireFormat.Anthropic)
        {
            var fromAnthropic = call.Surface.Wire == WireFormat.Anthropic;
            var version = fromAnthropic ? ClientsHeader(incoming, "anthropic-version") : "";
            headers.Add(new("anthropic-version", version.Length > 0 ? version : "2023-06-01"));
            if (fromAnthropic && ClientsHeader(incoming, "anthropic-beta") is { Length: > 0 } beta)
            {
                headers.Add(new("anthropic-beta", beta));
            }
        }

        return headers;
    }

    /// <exception cref="ProblemException">It cannot be sent on, and the answer would depend on it.</exception>
    private static string ClientsHeader(IHeaderDictionary incoming, string name)
    {
        var value = incoming[name].ToString();
        return PassedHeaders.CanHold(value)
            ? value
            : throw new ProblemException(
                new Problem("invalid_request", 400, $"The header '{name}' must be printable ASCII.") { Field = name });
    }

    private static Problem Unsupported(Attempt attempt, List<string> dropped)
    {
        var names = string.Join(", ", dropped);
        return new Problem("unsupported_parameter", 400, string.Create(
            CultureInfo.InvariantCulture,
            $"{attempt.Settings.Name}/{attempt.Model} cannot carry these parameters, and this route is strict: {names}."))
        {
            Field = dropped[0],
        };
    }
}
