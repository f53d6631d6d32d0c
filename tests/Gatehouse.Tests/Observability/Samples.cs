using Gatehouse.Contracts;
using Gatehouse.Observability.Traces;

namespace Gatehouse.Tests.Observability;

/// <summary>A streamed call that fell back from an overloaded Azure deployment to Anthropic.</summary>
internal static class Samples
{
    public static readonly DateTimeOffset Noon = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);

    public static CallSummary Summary() => new(
        Id: Guid.CreateVersion7(Noon),
        RequestId: "req_1",
        TraceId: "4bf92f3577b34da6a3ce929d0e0e4736",
        StartedAt: Noon,
        TeamId: Guid.CreateVersion7(Noon),
        SystemId: Guid.CreateVersion7(Noon),
        System: "helpdesk",
        Environment: SystemEnvironment.Production,
        KeyId: Guid.CreateVersion7(Noon),
        Surface: "chat",
        Route: "smart",
        Provider: "claude",
        Model: "claude-sonnet-5",
        AnsweredModel: "claude-sonnet-5-20260101",
        Streamed: true,
        Status: 200,
        Outcome: CallOutcome.Ok,
        ErrorCode: null,
        ErrorMessage: null,
        FinishReason: "stop",
        Usage: new TokenUsage(1000, 100, 10, 0, 40, 20),
        CostUsd: 0.0042m,
        PriceRevision: "2026-03",
        DurationMicros: 900_000,
        FirstByteMicros: 400_000,
        OwnMicros: 60,
        Attempts: 2);

    public static TraceDocument Document() => new(
        SpanId: "00f067aa0ba902b7",
        ParentSpanId: "53995c3f42cd8ad8",
        Attempts:
        [
            new CallAttempt("azure-eu", "gpt-5", 50, 100_000, null, 120_000, 503, "overloaded", "the provider is overloaded"),
            new CallAttempt("claude", "claude-sonnet-5", 150_000, 390_000, 400_000, 899_990, 200, null, null),
        ],
        DroppedParameters: ["logit_bias"],
        RequestAttributes: new Dictionary<string, string> { ["gen_ai.request.temperature"] = "0.7", ["gen_ai.request.max_tokens"] = "300" },
        Providers: new Dictionary<string, ProviderPlace>
        {
            ["azure-eu"] = new("azure", "contoso.example", 443),
            ["claude"] = new("anthropic", "api.anthropic.com", 443),
        });
}
