using System.Globalization;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Journal;

namespace Gatehouse.Ingestion.Scale;

/// <summary>A registered system with its keys.</summary>
internal sealed record FilledSystem(Guid TeamId, Guid Id, IReadOnlyList<Guid> Keys);

/// <summary>
/// Calls as an installation of some forty systems has them: a few systems make most of the traffic, 94 % are answered, the rest is
/// refused, failed, cancelled or failed over; a tenth is checked by a guard policy, some come with trace ids of their own, and a few
/// ask for models that nobody knows. The same for the same number of calls.
/// </summary>
internal sealed class Mix(IReadOnlyList<FilledSystem> systems, DateTimeOffset from, DateTimeOffset to, int calls)
{
    private static readonly (string Route, string Provider, string Model, Price Price)[] Targets =
    [
        ("chat-large", "openai", "gpt-5", new Price(0.00000125m, 0.00001m)),
        ("chat-small", "openai", "gpt-5-mini", new Price(0.00000025m, 0.000002m)),
        ("claude", "anthropic", "claude-sonnet-4-5", new Price(0.000003m, 0.000015m)),
        ("claude-fast", "anthropic", "claude-haiku-4-5", new Price(0.000001m, 0.000005m)),
        ("gemini", "google", "gemini-2.5-pro", new Price(0.00000125m, 0.00001m)),
        ("gemini-fast", "google", "gemini-2.5-flash", new Price(0.0000003m, 0.0000025m)),
        ("mistral", "mistral", "mistral-large-latest", new Price(0.000002m, 0.000006m)),
        ("local", "ollama", "llama3.3:70b", new Price(0m, 0m)),
        ("local-code", "ollama", "qwen3-coder:30b", new Price(0m, 0m)),
        ("embed", "openai", "text-embedding-3-small", new Price(0.00000002m, 0m)),
    ];

    private static readonly (string Code, string Message)[] Failures =
    [
        ("upstream_error", "The provider answered 500: overloaded."), ("timeout_first_byte", "The provider sent no answer within 30 s."),
        ("rate_limited_upstream", "The provider answered 429: too many requests."),
    ];

    private static readonly GuardReport Passed = new("standard", "r1", GuardVerdict.Passed, [], 180, 90);
    private static readonly GuardReport Flagged = new(
        "standard", "r1", GuardVerdict.Flagged,
        [new GuardFinding("input", "pii", "EMAIL_ADDRESS", "pii-input", "flag", false, false, 1, 0.97, 0, 14, 31)], 210, 90);

    private static readonly GuardReport Redacted = new(
        "standard", "r1", GuardVerdict.Redacted,
        [new GuardFinding("output", "secrets", "AWS_ACCESS_KEY", "secrets-output", "redact", false, false, 1, 0.99, 0, 120, 140)],
        200, 110);

    private readonly Random _random = new(1);

    public int Calls => calls;

    public CallRecord Call(int number)
    {
        var at = from + ((to - from) * ((double)number / calls));

        // The square favours the first systems: the busiest makes a sixth of all calls.
        var share = _random.NextDouble();
        var index = (int)(share * share * systems.Count);
        var system = systems[index];
        var target = Targets[(index + (_random.Next(5) == 0 ? _random.Next(3) : 0)) % Targets.Length];
        var key = _random.Next(4) == 0 ? 1 : 0;
        var id = Guid.CreateVersion7(at);
        var digits = id.ToString("N");
        var lot = _random.Next(1000);
        var record = new CallRecord
        {
            Id = id,
            RequestId = lot % 50 == 7 ? $"order-{number:x8}" : "req_" + digits,
            TraceId = lot % 5 == 1 ? Guid.CreateVersion7(at).ToString("N") : digits,
            SpanId = ((ulong)number * 0x9E3779B97F4A7C15).ToString("x16", CultureInfo.InvariantCulture),
            StartedAtMicros = (at - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond,
            TeamId = system.TeamId,
            SystemId = system.Id,
            KeyId = system.Keys[key],
            Environment = key == 0 ? SystemEnvironment.Production : SystemEnvironment.Development,
            Surface = target.Provider == "anthropic" ? "messages" : "chat",
            Route = target.Route,
            Streamed = index % 2 == 0,
            ConfigurationRevision = "3f9c2d71",
            PriceRevision = "2026-11",
            OwnMicros = 50 + (lot % 60),
            Guard = index % 10 != 3 ? null : lot % 40 == 0 ? Redacted : lot % 9 == 0 ? Flagged : Passed,
        };
        return lot switch
        {
            < 2 => Unknown(record, number),
            < 22 => Refused(record),
            < 45 => Failed(record, target, Failures[lot % 3]),
            _ => Answered(record, target, cancelled: lot < 60, failedOver: lot is >= 60 and < 75),
        };
    }

    private static CallRecord Refused(CallRecord record)
    {
        record.Status = 429;
        record.Outcome = CallOutcome.Refused;
        record.ErrorCode = "rate_limit";
        record.ErrorMessage = "The limit 'minute' of 600 requests a minute is reached.";
        record.DurationMicros = record.OwnMicros;
        return record;
    }

    /// <summary>One name in five thousand calls is a new one.</summary>
    private static CallRecord Unknown(CallRecord record, int number)
    {
        record.Route = $"made-up-{number / 10}";
        record.Status = 404;
        record.Outcome = CallOutcome.Refused;
        record.ErrorCode = "model_not_found";
        record.ErrorMessage = "No route serves this model.";
        record.DurationMicros = record.OwnMicros;
        return record;
    }

    private static CallRecord Failed(
        CallRecord record, (string Route, string Provider, string Model, Price Price) target, (string Code, string Message) failure)
    {
        record.Provider = target.Provider;
        record.Model = target.Model;
        record.Status = 502;
        record.Outcome = CallOutcome.Failed;
        (record.ErrorCode, record.ErrorMessage) = failure;
        record.DurationMicros = 30_000_000;
        record.Attempts = [new CallAttempt(target.Provider, target.Model, 40, null, null, 30_000_000, 0, failure.Code, failure.Message)];
        return record;
    }

    private CallRecord Answered(
        CallRecord record, (string Route, string Provider, string Model, Price Price) target, bool cancelled, bool failedOver)
    {
        var usage = new TokenUsage(200 + _random.Next(3000), _random.Next(4) == 0 ? 1024 : 0, 0, 0, 20 + _random.Next(900), 0);
        var first = 150_000 + _random.Next(900_000);
        var duration = first + (long)(Math.Exp(_random.NextDouble() * 3) * 200_000);
        var cost = target.Price.CostNanos(usage);
        record.Provider = target.Provider;
        record.Model = target.Model;
        record.AnsweredModel = target.Model;
        record.Status = cancelled ? 499 : 200;
        record.Outcome = cancelled ? CallOutcome.Cancelled : CallOutcome.Ok;
        record.ErrorCode = cancelled ? "client_gone" : null;
        record.FinishReason = cancelled ? null : usage.Output > 800 ? "length" : "stop";
        record.Usage = usage;
        record.CostNanos = cost;
        record.Price = target.Price;
        record.DurationMicros = duration;
        record.FirstByteMicros = first;
        record.Attempts =
        [
            .. failedOver
                ? (CallAttempt[])[new CallAttempt("azure", target.Model, 40, null, null, 900, 500, "upstream_error",
                    "The provider answered 500.")]
                : [],
            new CallAttempt(
                target.Provider, target.Model, 1000, first - 2000, first - 1000, duration - 40, 200, null, null, usage, Nanos.ToUsd(cost)),
        ];
        return record;
    }
}
