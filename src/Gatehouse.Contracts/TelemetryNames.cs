namespace Gatehouse.Contracts;

/// <summary>
/// The names of everything we emit: OpenTelemetry GenAI semantic conventions 1.41 where they have a name, <c>gatehouse.*</c> where they
/// have none. A later version of the conventions is an edit of this file.
/// </summary>
public static class TelemetryNames
{
    /// <summary>The name of the gateway's meter.</summary>
    public const string GatewayMeter = "Gatehouse.Gateway";

    public const string OperationDuration = "gen_ai.client.operation.duration";
    public const string TokenUsage = "gen_ai.client.token.usage";
    public const string Overhead = "gatehouse.gateway.overhead";
    public const string Calls = "gatehouse.gateway.calls";
    public const string ActiveCalls = "gatehouse.gateway.active_calls";
    public const string Retries = "gatehouse.gateway.retries";
    public const string Fallbacks = "gatehouse.gateway.fallbacks";
    public const string Breaker = "gatehouse.gateway.breaker";
    public const string Queued = "gatehouse.gateway.queued";
    public const string WaitedForReturn = "gatehouse.gateway.waited_for_return";
    public const string Healthy = "gatehouse.gateway.healthy";
    public const string Hedges = "gatehouse.gateway.hedges";
    public const string MirrorsDropped = "gatehouse.gateway.mirrors_dropped";
    public const string ContentDropped = "gatehouse.gateway.content_dropped";
    public const string Cached = "gatehouse.gateway.cached";
    public const string CacheSaved = "gatehouse.gateway.cache_saved";
    public const string CacheBytes = "gatehouse.gateway.cache_bytes";
    public const string CacheResult = "gatehouse.cache.result";
    public const string CacheName = "gatehouse.cache.name";

    public const string GuardCalls = "gatehouse.guard.calls";
    public const string GuardedFindings = "gatehouse.guard.findings";
    public const string GuardDuration = "gatehouse.guard.duration";
    public const string GuardQuestionDuration = "gatehouse.guard.question.duration";
    public const string Reviews = "gatehouse.guard.reviews";
    public const string BreakerChanges = "gatehouse.guard.breaker_changes";
    public const string BreakerName = "gatehouse.guard.breaker";
    public const string BreakerState = "gatehouse.guard.breaker_state";
    public const string ReviewsWaiting = "gatehouse.guard.reviews_waiting";

    public const string OperationName = "gen_ai.operation.name";
    public const string ProviderName = "gen_ai.provider.name";
    public const string RequestModel = "gen_ai.request.model";
    public const string ResponseModel = "gen_ai.response.model";
    public const string TokenType = "gen_ai.token.type";
    public const string ErrorType = "error.type";
    public const string Outcome = "gatehouse.outcome";
    public const string Status = "http.response.status_code";
    public const string Route = "gatehouse.route";
    public const string Surface = "gatehouse.surface";

    public const string RequestTemperature = "gen_ai.request.temperature";
    public const string RequestTopP = "gen_ai.request.top_p";
    public const string RequestTopK = "gen_ai.request.top_k";
    public const string RequestMaxTokens = "gen_ai.request.max_tokens";
    public const string RequestFrequencyPenalty = "gen_ai.request.frequency_penalty";
    public const string RequestPresencePenalty = "gen_ai.request.presence_penalty";
    public const string RequestSeed = "gen_ai.request.seed";
    public const string RequestChoiceCount = "gen_ai.request.choice.count";

    public const string RequestStream = "gen_ai.request.stream";
    public const string FinishReasons = "gen_ai.response.finish_reasons";
    public const string TimeToFirstChunk = "gen_ai.response.time_to_first_chunk";
    public const string InputTokens = "gen_ai.usage.input_tokens";
    public const string OutputTokens = "gen_ai.usage.output_tokens";
    public const string CacheReadTokens = "gen_ai.usage.cache_read.input_tokens";
    public const string CacheWriteTokens = "gen_ai.usage.cache_creation.input_tokens";
    public const string ReasoningTokens = "gen_ai.usage.reasoning.output_tokens";
    public const string ServerAddress = "server.address";
    public const string ServerPort = "server.port";
    public const string Method = "http.request.method";
    public const string HttpRoute = "http.route";
    public const string CallId = "gatehouse.call.id";
    public const string RequestId = "gatehouse.request.id";
    public const string BatchId = "gatehouse.batch.id";
    public const string TeamId = "gatehouse.team.id";
    public const string System = "gatehouse.system";
    public const string Environment = "gatehouse.environment";
    public const string OwnMicros = "gatehouse.own_micros";
    public const string CostUsd = "gatehouse.cost_usd";
    public const string DroppedParameters = "gatehouse.dropped_parameters";
    public const string Provider = "gatehouse.provider";
    public const string Attempt = "gatehouse.attempt";

    public const string GuardPolicy = "gatehouse.guard.policy";
    public const string GuardRevision = "gatehouse.guard.revision";
    public const string GuardVerdict = "gatehouse.guard.verdict";
    public const string GuardFindings = "gatehouse.guard.findings";
    public const string GuardInputMicros = "gatehouse.guard.input_micros";
    public const string GuardOutputMicros = "gatehouse.guard.output_micros";
    public const string GuardConfidence = "gatehouse.guard.confidence";
    public const string GuardSide = "gatehouse.guard.side";
    public const string GuardDetector = "gatehouse.guard.detector";
    public const string GuardType = "gatehouse.guard.type";
    public const string GuardAction = "gatehouse.guard.action";
    public const string GuardShadow = "gatehouse.guard.shadow";
    public const string GuardRule = "gatehouse.guard.rule";
    public const string GuardKind = "gatehouse.guard.kind";
    public const string GuardSaid = "gatehouse.guard.said";

    /// <summary>Prefix of what a record keeps of each question to a guard outside of the process.</summary>
    public const string GuardQuestion = "gatehouse.guard.question.";

    /// <summary>The value of <see cref="OperationName"/> for calls of a surface.</summary>
    public static string OperationOf(string surface) => surface switch
    {
        "embeddings" or "embed" => "embeddings",
        "rerank" => "rerank",
        "images" or "speech" or "transcription" => "generate_content",
        _ => "chat",
    };
}
