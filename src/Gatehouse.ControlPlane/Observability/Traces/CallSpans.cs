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
        TelemetryNames.RequestMaxTokens, TelemetryNames.RequestChoiceCount, TelemetryNames.RequestSeed,
    ];

    private static readonly string[] DoubleAttributes =
    [
        TelemetryNames.RequestTemperature, TelemetryNames.RequestTopP, TelemetryNames.RequestTopK, TelemetryNames.RequestFrequencyPenalty,
        TelemetryNames.RequestPresencePenalty,
    ];

    public static List<TraceSpan> Of(CallSummary call, TraceDocument trace)
    {
        var spans = new List<TraceSpan> { Server(call, trace) };
        var admitted = trace.Attempts.Count > 0 ? trace.Attempts[0].StartMicros : call.DurationMicros;
        var refused = call.Outcome == CallOutcome.Refused ? call.ErrorMessage ?? call.ErrorCode : null;
        spans.Add(new TraceSpan(IdOf(trace, "admission"), trace.SpanId, "admission", TraceSpanKind.Internal, 0, admitted, refused, []));
        if (trace.Guard is { } guard)
        {
            spans.Add(Guard(trace, guard, admitted));
        }

        var questions = GuardQuestion.Read(trace.RequestAttributes);
        for (var i = 0; i < questions.Count; i++)
        {
            spans.Add(Question(trace, questions[i], i));
        }

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
        "vertex" or "vertex-anthropic" => "gcp.vertex_ai",
        "mistral" => "mistral_ai",
        "xai" => "x_ai",
        "watsonx" => "ibm.watsonx.ai",
        _ => kind,
    };

    private static string RouteOf(string surface) => surface switch
    {
        "messages" => "/v1/messages",
        "generate" or "embed" => "/v1beta/models/{model}",
        "embeddings" => "/v1/embeddings",
        "rerank" => "/v1/rerank",
        _ => "/v1/chat/completions",
    };

    private static TraceSpan Server(CallSummary call, TraceDocument trace)
    {
        var attributes = new List<KeyValuePair<string, object>>
        {
            new(TelemetryNames.OperationName, TelemetryNames.OperationOf(call.Surface)),
            new(TelemetryNames.RequestModel, call.Route),
            new(TelemetryNames.Method, "POST"),
            new(TelemetryNames.HttpRoute, RouteOf(call.Surface)),
            new(TelemetryNames.Status, (long)call.Status),
            new(TelemetryNames.CallId, call.Id.ToString()),
            new(TelemetryNames.RequestId, call.RequestId),
            new(TelemetryNames.TeamId, call.TeamId.ToString()),
            new(TelemetryNames.System, call.System),
            new(TelemetryNames.Environment, Words.Of(call.Environment)),
            new(TelemetryNames.Outcome, Words.Of(call.Outcome)),
            new(TelemetryNames.OwnMicros, call.OwnMicros),
        };
        if (call.CostUsd is { } cost)
        {
            attributes.Add(new(TelemetryNames.CostUsd, cost.ToString(CultureInfo.InvariantCulture)));
        }

        if (call.Cache != CacheUse.None)
        {
            attributes.Add(new(TelemetryNames.CacheResult, CacheUses.Word(call.Cache)));
        }

        if (trace.DroppedParameters.Count > 0)
        {
            attributes.Add(new(TelemetryNames.DroppedParameters, trace.DroppedParameters.ToArray()));
        }

        AddRequest(attributes, call, trace);
        AddAnswer(attributes, call);
        AddUsage(attributes, call.Usage);
        if (call.Outcome != CallOutcome.Ok)
        {
            attributes.Add(new(TelemetryNames.ErrorType, call.ErrorCode ?? Words.Of(call.Outcome)));
        }

        var error = call.Outcome == CallOutcome.Ok ? null : call.ErrorMessage ?? Words.Of(call.Outcome);
        return new TraceSpan(
            trace.SpanId, trace.ParentSpanId, $"{TelemetryNames.OperationOf(call.Surface)} {call.Route}", TraceSpanKind.Server, 0,
            call.DurationMicros, error, attributes);
    }

    /// <summary>The guards of the request, right before the first attempt; what those of the answer found is with them.</summary>
    private static TraceSpan Guard(TraceDocument trace, GuardReport guard, long admitted)
    {
        var attributes = new List<KeyValuePair<string, object>>
        {
            new(TelemetryNames.GuardPolicy, guard.Policy),
            new(TelemetryNames.GuardRevision, guard.Revision),
            new(TelemetryNames.GuardVerdict, Words.Of(guard.Verdict)),
            new(TelemetryNames.GuardInputMicros, guard.InputMicros),
            new(TelemetryNames.GuardOutputMicros, guard.OutputMicros),
        };
        if (guard.Findings.Count > 0)
        {
            attributes.Add(new(TelemetryNames.GuardFindings, guard.Findings.Select(ShownFinding).ToArray()));
        }

        return new TraceSpan(
            IdOf(trace, "guard"), trace.SpanId, "guard", TraceSpanKind.Internal, Math.Max(0, admitted - guard.InputMicros), admitted,
            guard.Failure, attributes);
    }

    /// <summary>A model's own call is a trace span of its own besides.</summary>
    private static TraceSpan Question(TraceDocument trace, GuardQuestion question, int number) => new(
        IdOf(trace, $"guard/{number}"), trace.Guard is null ? trace.SpanId : IdOf(trace, "guard"), $"guard {question.Rule}",
        TraceSpanKind.Client, question.StartMicros, question.StartMicros + question.Micros,
        question.Outcome == "failed" ? question.Said : null,
        [
            new(TelemetryNames.GuardRule, question.Rule),
            new(TelemetryNames.GuardKind, question.Kind),
            new(question.Kind == "webhook" ? TelemetryNames.ServerAddress : TelemetryNames.RequestModel, question.To),
            new(TelemetryNames.GuardSide, question.Side),
            new(TelemetryNames.Outcome, question.Outcome),
            new(TelemetryNames.GuardSaid, question.Said),
        ]);

    private static string ShownFinding(GuardFinding f) => string.Create(
        CultureInfo.InvariantCulture, $"{f.Side} {f.Type} by {f.Rule}: {(f.Shadow ? "would " : "")}{f.Action} x{f.Count}");

    private static TraceSpan Attempt(CallSummary call, TraceDocument trace, int index)
    {
        var attempt = trace.Attempts[index];
        var place = trace.Providers.GetValueOrDefault(attempt.Provider);
        var attributes = new List<KeyValuePair<string, object>>
        {
            new(TelemetryNames.OperationName, TelemetryNames.OperationOf(call.Surface)),
            new(TelemetryNames.ProviderName, ProviderName(place?.Kind ?? attempt.Provider)),
            new(TelemetryNames.RequestModel, attempt.Model),
            new(TelemetryNames.Provider, attempt.Provider),
            new(TelemetryNames.Attempt, (long)index + 1),
        };
        if (place is not null)
        {
            attributes.Add(new(TelemetryNames.ServerAddress, place.Host));
            attributes.Add(new(TelemetryNames.ServerPort, (long)place.Port));
        }

        AddRequest(attributes, call, trace);
        if (attempt.Status != 0)
        {
            attributes.Add(new(TelemetryNames.Status, (long)attempt.Status));
        }

        var failed = attempt.ErrorCode is not null || attempt.Error is not null;
        if (failed)
        {
            attributes.Add(new(TelemetryNames.ErrorType, attempt.ErrorCode ?? "_OTHER"));
        }

        AddUsage(attributes, attempt.Usage);

        // The answer belongs to the attempt that gave it: the last one.
        if (index == trace.Attempts.Count - 1)
        {
            AddAnswer(attributes, call);
            if (trace.Attempts.All(a => a.Usage is null))
            {
                AddUsage(attributes, call.Usage); // recorded before attempts had tokens of their own
            }

            if (call.Streamed && attempt.FirstByteMicros is { } firstByte)
            {
                attributes.Add(new(TelemetryNames.TimeToFirstChunk, (firstByte - attempt.StartMicros) / 1e6));
            }
        }

        return new TraceSpan(
            AttemptSpan.Id(trace.SpanId, index), // what the provider saw as its parent
            trace.SpanId,
            $"{TelemetryNames.OperationOf(call.Surface)} {attempt.Model}",
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
            attributes.Add(new(TelemetryNames.RequestStream, true));
        }

        foreach (var (name, value) in trace.RequestAttributes)
        {
            if (name == TelemetryNames.RequestStream || GuardQuestion.IsQuestion(name))
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
            attributes.Add(new(TelemetryNames.ResponseModel, model));
        }

        if (call.FinishReason is { } reason)
        {
            attributes.Add(new(TelemetryNames.FinishReasons, new[] { reason }));
        }

    }

    private static void AddUsage(List<KeyValuePair<string, object>> attributes, TokenUsage? reported)
    {
        if (reported is not { } usage)
        {
            return;
        }

        attributes.Add(new(TelemetryNames.InputTokens, usage.TotalInput));
        attributes.Add(new(TelemetryNames.OutputTokens, usage.TotalOutput));
        if (usage.CacheRead > 0)
        {
            attributes.Add(new(TelemetryNames.CacheReadTokens, usage.CacheRead));
        }

        if (usage.CacheWrite + usage.CacheWriteLong is > 0 and var written)
        {
            attributes.Add(new(TelemetryNames.CacheWriteTokens, written));
        }

        if (usage.Reasoning > 0)
        {
            attributes.Add(new(TelemetryNames.ReasoningTokens, usage.Reasoning));
        }
    }

    private static object Typed(string name, string value)
    {
        if (LongAttributes.Contains(name)
            && long.TryParse(value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var whole))
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
