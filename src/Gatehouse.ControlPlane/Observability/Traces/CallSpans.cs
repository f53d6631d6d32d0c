using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Calls;

namespace Gatehouse.Observability.Traces;

/// <summary>
/// Makes the spans of a call from what was recorded, off the path of the call: a server span, the admission before the first attempt,
/// a client span for each attempt, and the stream. Names follow OpenTelemetry's semantic conventions for generative AI, 1.41.
/// </summary>
internal static class CallSpans
{
    private static readonly string[] LongAttributes =
    [
        "gen_ai.request.max_tokens", "gen_ai.request.choice.count", "gen_ai.request.seed",
    ];

    private static readonly string[] DoubleAttributes =
    [
        "gen_ai.request.temperature", "gen_ai.request.top_p", "gen_ai.request.top_k", "gen_ai.request.frequency_penalty",
        "gen_ai.request.presence_penalty",
    ];

    public static List<TraceSpan> Of(CallSummary call, TraceDocument trace)
    {
        var spans = new List<TraceSpan> { Server(call, trace) };
        var admitted = trace.Attempts.Count > 0 ? trace.Attempts[0].StartMicros : call.DurationMicros;
        var refused = call.Outcome == CallOutcome.Refused ? call.ErrorMessage ?? call.ErrorCode : null;
        spans.Add(new TraceSpan(IdOf(trace, "admission"), trace.SpanId, "admission", TraceSpanKind.Internal, 0, admitted, refused, []));
        for (var i = 0; i < trace.Attempts.Count; i++)
        {
            spans.Add(Attempt(call, trace, i));
        }

        if (call is { Streamed: true, FirstByteMicros: { } firstByte })
        {
            var cut = call.Outcome is CallOutcome.Failed or CallOutcome.Cancelled ? call.ErrorMessage ?? Words.Of(call.Outcome) : null;
            spans.Add(new TraceSpan(
                IdOf(trace, "stream"), trace.SpanId, "stream", TraceSpanKind.Internal, firstByte, call.DurationMicros, cut, []));
        }

        return spans;
    }

    /// <summary>OpenTelemetry's word for a provider; its configured kind where there is none.</summary>
    public static string ProviderName(string kind) => kind switch
    {
        "azure" => "azure.ai.openai",
        "bedrock" => "aws.bedrock",
        "gemini" => "gcp.gemini",
        "vertex" => "gcp.vertex_ai",
        "mistral" => "mistral_ai",
        "xai" => "x_ai",
        "watsonx" => "ibm.watsonx.ai",
        _ => kind,
    };

    private static TraceSpan Server(CallSummary call, TraceDocument trace)
    {
        var attributes = new List<KeyValuePair<string, object>>
        {
            new("gen_ai.operation.name", "chat"),
            new("gen_ai.request.model", call.Route),
            new("http.request.method", "POST"),
            new("http.route", call.Surface == "messages" ? "/v1/messages" : "/v1/chat/completions"),
            new("http.response.status_code", (long)call.Status),
            new("gatehouse.call.id", call.Id.ToString()),
            new("gatehouse.request.id", call.RequestId),
            new("gatehouse.team.id", call.TeamId.ToString()),
            new("gatehouse.system", call.System),
            new("gatehouse.environment", Words.Of(call.Environment)),
            new("gatehouse.outcome", Words.Of(call.Outcome)),
            new("gatehouse.own_micros", call.OwnMicros),
        };
        if (call.CostUsd is { } cost)
        {
            attributes.Add(new("gatehouse.cost_usd", cost.ToString(CultureInfo.InvariantCulture)));
        }

        if (trace.DroppedParameters.Count > 0)
        {
            attributes.Add(new("gatehouse.dropped_parameters", trace.DroppedParameters.ToArray()));
        }

        AddRequest(attributes, call, trace);
        AddAnswer(attributes, call);
        if (call.Outcome != CallOutcome.Ok)
        {
            attributes.Add(new("error.type", call.ErrorCode ?? Words.Of(call.Outcome)));
        }

        var error = call.Outcome == CallOutcome.Ok ? null : call.ErrorMessage ?? Words.Of(call.Outcome);
        return new TraceSpan(
            trace.SpanId, trace.ParentSpanId, $"chat {call.Route}", TraceSpanKind.Server, 0, call.DurationMicros, error, attributes);
    }

    private static TraceSpan Attempt(CallSummary call, TraceDocument trace, int index)
    {
        var attempt = trace.Attempts[index];
        var place = trace.Providers.GetValueOrDefault(attempt.Provider);
        var attributes = new List<KeyValuePair<string, object>>
        {
            new("gen_ai.operation.name", "chat"),
            new("gen_ai.provider.name", ProviderName(place?.Kind ?? attempt.Provider)),
            new("gen_ai.request.model", attempt.Model),
            new("gatehouse.provider", attempt.Provider),
            new("gatehouse.attempt", (long)index + 1),
        };
        if (place is not null)
        {
            attributes.Add(new("server.address", place.Host));
            attributes.Add(new("server.port", (long)place.Port));
        }

        AddRequest(attributes, call, trace);
        if (attempt.Status != 0)
        {
            attributes.Add(new("http.response.status_code", (long)attempt.Status));
        }

        var failed = attempt.ErrorCode is not null || attempt.Error is not null;
        if (failed)
        {
            attributes.Add(new("error.type", attempt.ErrorCode ?? "_OTHER"));
        }

        // The answer belongs to the attempt that gave it: the last one.
        if (index == trace.Attempts.Count - 1)
        {
            AddAnswer(attributes, call);
            if (call.Streamed && attempt.FirstByteMicros is { } firstByte)
            {
                attributes.Add(new("gen_ai.response.time_to_first_chunk", (firstByte - attempt.StartMicros) / 1e6));
            }
        }

        return new TraceSpan(
            AttemptSpan.Id(trace.SpanId, index), // what the provider saw as its parent
            trace.SpanId,
            $"chat {attempt.Model}",
            TraceSpanKind.Client,
            attempt.StartMicros,
            attempt.EndMicros,
            failed ? attempt.Error ?? attempt.ErrorCode : null,
            attributes);
    }

    private static void AddRequest(List<KeyValuePair<string, object>> attributes, CallSummary call, TraceDocument trace)
    {
        if (call.Streamed)
        {
            attributes.Add(new("gen_ai.request.stream", true));
        }

        foreach (var (name, value) in trace.RequestAttributes)
        {
            if (name == "gen_ai.request.stream")
            {
                continue;
            }

            attributes.Add(new(name, Typed(name, value)));
        }
    }

    private static void AddAnswer(List<KeyValuePair<string, object>> attributes, CallSummary call)
    {
        if (call.AnsweredModel is { } model)
        {
            attributes.Add(new("gen_ai.response.model", model));
        }

        if (call.FinishReason is { } reason)
        {
            attributes.Add(new("gen_ai.response.finish_reasons", new[] { reason }));
        }

        if (call.Usage is not { } usage)
        {
            return;
        }

        attributes.Add(new("gen_ai.usage.input_tokens", usage.TotalInput));
        attributes.Add(new("gen_ai.usage.output_tokens", usage.TotalOutput));
        if (usage.CacheRead > 0)
        {
            attributes.Add(new("gen_ai.usage.cache_read.input_tokens", usage.CacheRead));
        }

        if (usage.CacheWrite + usage.CacheWriteLong is > 0 and var written)
        {
            attributes.Add(new("gen_ai.usage.cache_creation.input_tokens", written));
        }

        if (usage.Reasoning > 0)
        {
            attributes.Add(new("gen_ai.usage.reasoning.output_tokens", usage.Reasoning));
        }
    }

    private static object Typed(string name, string value)
    {
        if (LongAttributes.Contains(name) && long.TryParse(value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var whole))
        {
            return whole;
        }

        return DoubleAttributes.Contains(name) && double.TryParse(value, NumberStyles.Float, CultureInfo.InvariantCulture, out var real)
            ? real
            : value;
    }

    /// <summary>The same part of the same call has the same id wherever and whenever its spans are made.</summary>
    private static string IdOf(TraceDocument trace, string part)
    {
        var hash = SHA256.HashData(Encoding.UTF8.GetBytes($"{trace.SpanId}/{part}"));
        return Convert.ToHexStringLower(hash.AsSpan(0, 8));
    }
}
