namespace Gatehouse.Contracts;

/// <summary>How a call ended, as its client saw it.</summary>
public enum CallOutcome
{
    /// <summary>A complete answer reached the client.</summary>
    Ok,

    /// <summary>Gatehouse refused the call before any provider was asked.</summary>
    Refused,

    /// <summary>
    /// No target gave a complete answer, or Gatehouse was stopped before it was: the client got an error, before or within the stream.
    /// </summary>
    Failed,

    /// <summary>The client went away before the answer was complete.</summary>
    Cancelled,
}

/// <summary>Error codes that more than one part of Gatehouse looks at.</summary>
public static class CallErrors
{
    /// <summary>Gatehouse was stopped before the answer was complete: a failure to the client, and no fault of the provider.</summary>
    public const string ServerStopped = "server_stopped";
}

/// <summary>One call as lists show it.</summary>
/// <param name="Surface">The wire format it came in by: <c>chat</c> or <c>messages</c>.</param>
/// <param name="Provider">The provider that answered (or was tried last); <see langword="null"/> when none was asked.</param>
/// <param name="Model">The model asked of that provider.</param>
/// <param name="Usage">Tokens as the provider reported them; <see langword="null"/> when it reported none.</param>
/// <param name="CostUsd">Cost in US dollars; <see langword="null"/> when the price or the usage is unknown: unknown is not zero.</param>
/// <param name="FirstByteMicros">From the arrival of the call to the first byte of the answer, in microseconds.</param>
/// <param name="OwnMicros">The part of <paramref name="DurationMicros"/> that is Gatehouse's own work, in microseconds.</param>
public sealed record CallSummary(
    Guid Id,
    string RequestId,
    string TraceId,
    DateTimeOffset StartedAt,
    Guid TeamId,
    Guid? SystemId,
    string System,
    SystemEnvironment Environment,
    Guid? KeyId,
    string Surface,
    string Route,
    string? Provider,
    string? Model,
    string? AnsweredModel,
    bool Streamed,
    int Status,
    CallOutcome Outcome,
    string? ErrorCode,
    string? ErrorMessage,
    string? FinishReason,
    TokenUsage? Usage,
    decimal? CostUsd,
    string? PriceRevision,
    long DurationMicros,
    long? FirstByteMicros,
    long OwnMicros,
    int Attempts)
{
    /// <summary>What part Gatehouse's own cache had.</summary>
    public CacheUse Cache { get; init; }

    /// <summary>
    /// What the part of the answer that came from the cache cost when it was made; <see langword="null"/> when unknown, or none did.
    /// </summary>
    public decimal? SavedUsd { get; init; }

    public long? SavedInputTokens { get; init; }

    public long? SavedOutputTokens { get; init; }

    /// <summary>
    /// As the header <c>x-gatehouse-served-by</c> says: <c>cache</c> or provider and model; <see langword="null"/> when nobody answered.
    /// </summary>
    public string? ServedBy =>
        Cache.IsServed() ? CacheUses.Server : Outcome == CallOutcome.Ok && Provider is not null ? $"{Provider}/{Model}" : null;

    /// <summary>What the guards did; <see langword="null"/> when no policy applied.</summary>
    public GuardVerdict? Guard { get; init; }
}

/// <summary>One try of one target.</summary>
/// <param name="StartMicros">From the arrival of the call, in microseconds.</param>
/// <param name="HeadersMicros">From the arrival of the call to the upstream's status line; <see langword="null"/> if none came.</param>
/// <param name="FirstByteMicros">From the arrival of the call to the first byte of the upstream's body.</param>
/// <param name="Status">The upstream's HTTP status, 0 when there was none.</param>
/// <param name="Error">What went wrong, <see langword="null"/> when nothing did.</param>
/// <param name="Usage"><see langword="null"/> when the provider reported none. A call's tokens are the sum over its attempts.</param>
/// <param name="CostUsd">Whole nanos; <see langword="null"/> when unknown. A call's cost is the sum over its attempts.</param>
public sealed record CallAttempt(
    string Provider,
    string Model,
    long StartMicros,
    long? HeadersMicros,
    long? FirstByteMicros,
    long EndMicros,
    int Status,
    string? ErrorCode,
    string? Error,
    TokenUsage? Usage = null,
    decimal? CostUsd = null);

/// <summary>A span of the call's trace, with OpenTelemetry GenAI attribute names.</summary>
/// <param name="StartMicros">From the arrival of the call, in microseconds.</param>
public sealed record CallSpan(
    string SpanId,
    string? ParentSpanId,
    string Name,
    long StartMicros,
    long EndMicros,
    string? Error,
    IReadOnlyDictionary<string, string> Attributes);

/// <summary>One line of a call's cost: a token bucket, its tokens, price and amount.</summary>
/// <param name="UsdPerToken"><see langword="null"/> when the price is unknown.</param>
public sealed record CostLine(string Bucket, long Tokens, decimal? UsdPerToken, decimal? Usd);

/// <summary>Prompt and answer text, present only where the system's policy stores it and the reader may see it.</summary>
public sealed record CallContent(string Request, string Response);

/// <summary>Everything kept about one call.</summary>
/// <param name="DroppedParameters">Parameters of the request that the target's format cannot carry.</param>
/// <param name="ContentState">Why <paramref name="Content"/> is missing: <c>stored</c>, <c>not_stored</c>, <c>not_allowed</c> or
/// <c>expired</c>.</param>
public sealed record CallDetail(
    CallSummary Call,
    IReadOnlyList<CallAttempt> Attempts,
    IReadOnlyList<CallSpan> Spans,
    IReadOnlyList<CostLine> CostLines,
    IReadOnlyList<string> DroppedParameters,
    string ContentState,
    CallContent? Content)
{
    /// <summary>What the guards found; <see langword="null"/> when no policy applied, or once the trace has expired.</summary>
    public GuardReport? Guard { get; init; }

    /// <summary>Models and webhooks that guards asked for it, in order.</summary>
    public IReadOnlyList<GuardQuestion> GuardQuestions { get; init; } = [];
}

/// <summary>Which calls are asked for; every part that is <see langword="null"/> does not filter.</summary>
/// <param name="From">Lists begin 30 days back when it is <see langword="null"/>, sums a day.</param>
/// <param name="Route">The model that was asked for, <see cref="UnknownRoute"/>, or <see cref="OtherNames"/>.</param>
/// <param name="ErrorCode">The call's error code; empty for calls without one.</param>
/// <param name="Cached">Only calls whose answer came from the cache, in part at least.</param>
/// <param name="Search">Part of a request id, trace id, model or error message.</param>
/// <param name="Unpriced">Only calls that a provider answered, in part at least, at a cost that is not known.</param>
/// <param name="Before">Page on: only calls older than this call id (ids are in time order).</param>
/// <param name="Limit">1 to 500.</param>
/// <param name="Guard">What the guards did.</param>
public sealed record CallFilter(
    DateTimeOffset? From = null,
    DateTimeOffset? To = null,
    Guid? TeamId = null,
    Guid? SystemId = null,
    SystemEnvironment? Environment = null,
    string? Route = null,
    string? Provider = null,
    string? Model = null,
    CallOutcome? Outcome = null,
    string? ErrorCode = null,
    bool Unpriced = false,
    bool Cached = false,
    string? Search = null,
    Guid? Before = null,
    int Limit = 50,
    GuardVerdict? Guard = null)
{
    /// <summary>
    /// Stands for every model name that neither a route nor a provider knew, as route and as model: sums keep one row for all of them,
    /// or whoever has a key could make as many as they like. The calls themselves keep the name that was asked for.
    /// </summary>
    public const string UnknownRoute = "(unknown)";

    /// <summary>
    /// Stands for the names, as route and as model, that a team's calls of one day (UTC) asked for after the first 200 which are no routes
    /// of the configuration: wildcard routes let callers choose names, and sums keep one row for all the rest. The calls keep their name.
    /// </summary>
    public const string OtherNames = "(other)";

    /// <summary>Only calls in which guards found something, whatever they did then.</summary>
    public bool FoundByGuards { get; init; }

    /// <summary>Without those that Gatehouse cut as it stopped.</summary>
    public bool ButStopped { get; init; }
}

/// <summary>A page of calls, newest first.</summary>
/// <param name="Next">Pass as <see cref="CallFilter.Before"/> for the next page; <see langword="null"/> at the end.</param>
/// <param name="From">No older calls were looked at: the filter's own time, or 30 days back.</param>
public sealed record CallPage(IReadOnlyList<CallSummary> Calls, Guid? Next, DateTimeOffset From)
{
    /// <summary>
    /// Set where a page ends early, because what was asked for is rare: it looked back to here, and the next one goes on from here.
    /// </summary>
    public DateTimeOffset? LookedTo { get; init; }
}

/// <summary>Sums over calls. Latencies are estimates from a histogram with buckets about 10 % wide.</summary>
/// <param name="UnpricedCalls">Calls that a provider answered, in part at least, at a cost that is not known: it is not in
/// <paramref name="CostUsd"/>.</param>
/// <param name="P50Micros">Of answered calls only (<see cref="CallOutcome.Ok"/>), as all percentiles here; <see langword="null"/> when none
/// was.</param>
/// <param name="Cancelled">Of a provider or model also calls that Gatehouse cut as it stopped, which are no failures of theirs.</param>
public sealed record TrafficSum(
    long Calls,
    long Failed,
    long Refused,
    long Cancelled,
    long UnpricedCalls,
    long InputTokens,
    long OutputTokens,
    decimal CostUsd,
    long? P50Micros,
    long? P95Micros,
    long? P99Micros,
    long? OwnP50Micros,
    long? OwnP99Micros)
{
    /// <summary>Attempts that failed in calls which another target, or the cache, then ended: under the target that failed.</summary>
    public long FailedOver { get; init; }

    /// <summary>Calls whose whole answer came from the cache.</summary>
    public long CachedCalls { get; init; }

    /// <summary>What the answers and vectors from the cache cost when they were made, as far as that is known.</summary>
    public decimal SavedUsd { get; init; }

    /// <summary>Tokens that no provider was asked for because of the cache.</summary>
    public long SavedTokens { get; init; }
}

/// <summary>One bucket of a time series.</summary>
public sealed record TrafficPoint(DateTimeOffset At, TrafficSum Sum);

/// <summary>A series over time and its total.</summary>
public sealed record Traffic(DateTimeOffset From, DateTimeOffset To, TimeSpan Step, TrafficSum Total, IReadOnlyList<TrafficPoint> Points);

/// <summary>What traffic is broken down by.</summary>
public enum TrafficDimension
{
    System,
    Environment,
    Route,
    Provider,
    Model,
    Error,
}

/// <summary>The traffic of one value of a <see cref="TrafficDimension"/>.</summary>
/// <param name="Key">
/// The filter value that leads to exactly these calls: a system's id, or the name itself. Tokens and cost of an attempt that another
/// provider took over from are summed under the provider and model that used them, the call under those that ended it.
/// </param>
public sealed record TrafficShare(string Key, string Name, TrafficSum Sum);
