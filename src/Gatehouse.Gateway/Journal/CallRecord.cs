using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using Gatehouse.Contracts;

namespace Gatehouse.Gateway.Journal;

/// <summary>
/// What the ledger and the trace know of one call: written to the journal before the answer completes, read by Observability.
/// Filled by the one thread that serves the call; not touched after it was appended.
/// </summary>
public sealed class CallRecord
{
    /// <summary>Before the digits of the id, where a call came without a request id.</summary>
    public const string RequestIdPrefix = "req_";

    private string? _requestId = ""; // null: not made yet, of the id
    private string? _traceId = "";
    private string? _spanId = ""; // null: not made yet, of the number
    private ulong? _span;

    /// <summary>Version 7: in time order, and the ledger's key, so that replaying a record twice changes nothing.</summary>
    public Guid Id { get; set; }

    /// <summary>The client's, or that of the id. Set to <see langword="null"/> it is the latter, made when somebody asks.</summary>
    [AllowNull]
    public string RequestId
    {
        get => _requestId ??= RequestIdPrefix + Id.ToString("N");
        set => _requestId = value;
    }

    /// <summary>
    /// 32 hexadecimal digits: the caller's trace, or a new one, which is the id. Set to <see langword="null"/> it is the latter, made when
    /// somebody asks.
    /// </summary>
    [AllowNull]
    public string TraceId
    {
        get => _traceId ??= Id.ToString("N");
        set => _traceId = value;
    }

    /// <summary>16 hexadecimal digits, of the server span of this call.</summary>
    public string SpanId
    {
        get => _spanId ??= _span!.Value.ToString("x16", CultureInfo.InvariantCulture);
        set => (_span, _spanId) = (null, value);
    }

    /// <summary>The caller's span, or <see langword="null"/>.</summary>
    public string? ParentSpanId { get; set => Keep(ref field, value); }

    /// <summary>Unix time in microseconds.</summary>
    public long StartedAtMicros { get; set; }

    /// <summary>All zero when the key was not known: such a call belongs to nobody and appears only in metrics.</summary>
    public Guid TeamId { get; set; }

    public Guid SystemId { get; set; }

    public Guid KeyId { get; set; }

    public SystemEnvironment Environment { get; set; }

    /// <summary><c>chat</c> or <c>messages</c>.</summary>
    public string Surface { get; set => Keep(ref field, value); } = "";

    /// <summary>The model the client asked for, cut to 256 characters.</summary>
    public string Route { get; set => Keep(ref field, value); } = "";

    public string? Provider { get; set => Keep(ref field, value); }

    public string? Model { get; set => Keep(ref field, value); }

    /// <summary>The model that the last provider to begin an answer says it used.</summary>
    public string? AnsweredModel { get; set => Keep(ref field, value); }

    public bool Streamed { get; set; }

    /// <summary>HTTP status that the client saw.</summary>
    public int Status { get; set; }

    public CallOutcome Outcome { get; set; }

    public string? ErrorCode { get; set => Keep(ref field, value); }

    /// <summary>Never holds secrets or prompts.</summary>
    public string? ErrorMessage { get; set => Keep(ref field, value); }

    /// <summary>In OpenAI's words: <c>stop</c>, <c>length</c>, <c>tool_calls</c>, <c>content_filter</c>.</summary>
    public string? FinishReason { get; set => Keep(ref field, value); }

    /// <summary>The sum over the attempts; <see langword="null"/> when no provider reported any.</summary>
    public TokenUsage? Usage { get; set; }

    /// <summary>
    /// The sum over the attempts; <see langword="null"/> when an attempt that was answered has no known cost, or none was. See
    /// <see cref="Nanos"/>.
    /// </summary>
    public long? CostNanos { get; set; }

    /// <summary>
    /// What budgets are charged when it is not <see cref="CostNanos"/>: the cost is unknown because an answer broke off, and this much may
    /// have been billed.
    /// </summary>
    public long? ChargedNanos { get; set; }

    /// <summary>The end user as the call named them, kept only where a budget or limit looks at end users; else empty.</summary>
    public string EndUser { get; set => Keep(ref field, value); } = "";

    /// <summary>The tier of service of the last attempt that told one, in the provider's word.</summary>
    public string? ServiceTier { get; set => Keep(ref field, value); }

    /// <summary>What part the gateway's own cache had.</summary>
    public CacheUse Cache { get; set; }

    /// <summary>
    /// What the part of the answer that came from the cache cost when it was made; <see langword="null"/> when that is not known, or none
    /// did.
    /// </summary>
    public long? SavedNanos { get; set; }

    /// <summary>
    /// The tokens that no provider was asked for because of the cache; <see langword="null"/> when they are not known, or there are none.
    /// </summary>
    public TokenUsage? Saved { get; set; }

    /// <summary>The revision of the price table that was in force, whether or not it had a price.</summary>
    public string? PriceRevision { get; set => Keep(ref field, value); }

    /// <summary>The price used, of the last attempt that has one, kept so that the cost can be explained for ever.</summary>
    public Price? Price { get; set => Keep(ref field, value); }

    public string ConfigurationRevision { get; set => Keep(ref field, value); } = "";

    public long DurationMicros { get; set; }

    public long? FirstByteMicros { get; set; }

    public long OwnMicros { get; set; }

    public IReadOnlyList<string> DroppedParameters { get; set => Keep(ref field, value); } = [];

    public List<CallAttempt> Attempts { get; set; } = [];

    /// <summary>What the guards found and did; <see langword="null"/> when no policy applied.</summary>
    public GuardReport? Guard { get; set => Keep(ref field, value); }

    /// <summary>Request parameters that OpenTelemetry names: <c>gen_ai.request.temperature</c> and the like, invariant text.</summary>
    public Dictionary<string, string>? RequestAttributes { get; set => Keep(ref field, value); }

    /// <returns>The request id; <see langword="null"/> where it is that of the id.</returns>
    public string? GivenRequestId() =>
        _requestId is null || (_requestId.StartsWith(RequestIdPrefix, StringComparison.Ordinal)
            && AreDigitsOfId(_requestId.AsSpan(RequestIdPrefix.Length))) ? null : _requestId;

    /// <returns>The trace id; <see langword="null"/> where it is that of the id.</returns>
    public string? GivenTraceId() => _traceId is null || AreDigitsOfId(_traceId) ? null : _traceId;

    /// <returns>Whether the span is known by its number, and not by a text alone.</returns>
    public bool TryGetSpan(out ulong number)
    {
        number = _span.GetValueOrDefault();
        return _span.HasValue;
    }

    /// <summary>Sets the span by its number; <see cref="SpanId"/> is made when somebody asks.</summary>
    public void SetSpan(ulong number) => (_span, _spanId) = (number, null);

    /// <summary>
    /// Records are used again, and mostly have what they had: a reference that is stored in an old object costs more than a look.
    /// </summary>
    private static void Keep<T>(ref T field, T value)
        where T : class?
    {
        if (!ReferenceEquals(field, value))
        {
            field = value;
        }
    }

    private bool AreDigitsOfId(ReadOnlySpan<char> text)
    {
        Span<char> digits = stackalloc char[32];
        Id.TryFormat(digits, out _, "N");
        return text.SequenceEqual(digits);
    }
}

/// <summary>
/// Text of one call, kept only where the policy says so. Offered to a bounded channel: dropped (and counted) when it is full.
/// </summary>
public sealed class CallText
{
    private readonly Lazy<ReadOnlyMemory<byte>> _request;

    /// <param name="callId">Of the record.</param>
    /// <param name="request">The request's body as it went on.</param>
    /// <param name="response">The answer's body as the client got it.</param>
    public CallText(Guid callId, ReadOnlyMemory<byte> request, ReadOnlyMemory<byte> response)
    {
        (CallId, Response) = (callId, response);
        _request = new(request);
    }

    /// <param name="callId">Of the record.</param>
    /// <param name="request">Makes what may be stored of the request; throws nothing.</param>
    /// <param name="response">The answer's body as the client got it.</param>
    public CallText(Guid callId, Func<ReadOnlyMemory<byte>> request, ReadOnlyMemory<byte> response)
    {
        (CallId, Response) = (callId, response);
        _request = new(request);
    }

    public Guid CallId { get; }

    /// <summary>May be made when it is asked for first, which takes its time.</summary>
    public ReadOnlyMemory<byte> Request => _request.Value;

    public ReadOnlyMemory<byte> Response { get; }
}

/// <summary>Where a record stands in this node's journal: the idempotency key of the drain.</summary>
public readonly record struct JournalPosition(long Segment, long Offset);
