using System.Globalization;
using System.Runtime.CompilerServices;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Breakers;
using Gatehouse.Gateway.Caching;
using Gatehouse.Gateway.Conversation;
using Gatehouse.Gateway.Guarding;
using Gatehouse.Gateway.Journal;
using Gatehouse.Gateway.Limits;
using Gatehouse.Gateway.Resilience;
using Gatehouse.Gateway.Routing;
using Gatehouse.Gateway.Scheduling;
using Gatehouse.Gateway.Streaming;
using Gatehouse.Guardrails.Policies;
using Microsoft.AspNetCore.Http;

namespace Gatehouse.Gateway.Calls;

/// <summary>The state of one call while it is served, by one logical thread.</summary>
internal sealed class Call : IDisposable
{
    /// <summary>Most bytes of a request or an answer that are kept as content.</summary>
    public const int MaxContentBytes = 256 << 10;

    private readonly TimeProvider _clock;
    private readonly long _startedAt;
    private long _waited; // timestamp units
    private PooledBuffer? _content;
    private ChatRequest? _request;
    private double? _draw;

    public Call(HttpContext http, Surface surface, GatewayTable table, TimeProvider clock)
    {
        _clock = clock;
        _startedAt = clock.GetTimestamp();
        Http = http;
        Surface = surface;
        Table = table;
        Aborted = http.RequestAborted;
        var now = clock.GetUtcNow();
        var id = CallIds.Next(now);
        Trace = TraceContext.From(http.Request.Headers.TraceParent, id);
        Span = CallIds.NextSpan();
        Record = new CallRecord
        {
            Id = id,
            RequestId = RequestIds.For(http.Request, id),
            TraceId = Trace.TraceId,
            ParentSpanId = Trace.ParentSpanId,
            StartedAtMicros = (now - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond,
            Surface = surface.Name,
            ConfigurationRevision = table.Revision,
        };
        Record.SetSpan(Span);
    }

    public HttpContext Http { get; }

    public TimeProvider Clock => _clock;

    public Surface Surface { get; }

    public GatewayTable Table { get; }

    public CancellationToken Aborted { get; }

    public TraceContext Trace { get; }

    /// <summary>The server span of this call.</summary>
    public ulong Span { get; }

    public CallRecord Record { get; }

    public PooledBuffer Body { get; } = new();

    /// <summary>Set when Gatehouse itself makes the call; <see langword="null"/> when a client does.</summary>
    public CallOrigin? Origin { get; init; }

    /// <summary>Set by authentication; null before.</summary>
    public Principal Principal { get; set; } = null!;

    /// <summary>Set by routing.</summary>
    public Route Route { get; set; } = null!;

    public RequestPeek Peek;

    /// <summary>What the call holds of budgets and limits; <see langword="null"/> when none applies to it.</summary>
    public Holds? Holds { get; set; }

    /// <summary>Where the answer is kept; <see langword="null"/> when it is not, or was found there.</summary>
    public CacheVisit? Visit { get; set; }

    /// <summary>The guards at work; <see langword="null"/> when no policy applies to the call.</summary>
    public CallGuard? Guard { get; set; }

    /// <summary>The circuit breakers that the call's end counts for; <see langword="null"/> when there are none.</summary>
    public BreakerSet? Breakers { get; set; }

    /// <summary>The open breaker for which a person decides about the call; <see langword="null"/> when none hands it over.</summary>
    public GuardBreaker? HandedOverBy { get; set; }

    /// <summary>Those of them, a bit each, that the call is a probe of.</summary>
    public ulong Probes { get; set; }

    /// <summary>The attempt under way, or the last one; <see langword="null"/> until a target is asked.</summary>
    public Attempt? Attempt { get; set; }

    /// <summary>Another one, under way at the same time when the call ended before either had an answer.</summary>
    public Attempt? Beside { get; set; }

    /// <summary>The status line has gone out; an error can only be an event of the stream from now on.</summary>
    public bool HeadIsSent { get; set; }

    /// <summary>The answer is nothing but bytes: an error cannot be told within it.</summary>
    public bool IsBytes { get; set; }

    /// <summary>A part of the answer has gone out: no other target may take over.</summary>
    public bool ContentIsSent { get; set; }

    /// <summary>A guard has sent the call to another route for a better answer: the next one goes out.</summary>
    public bool IsRerouted { get; set; }

    /// <summary>The surface answers by itself: no target is asked, and there is nothing to settle.</summary>
    public bool IsTakenOver { get; set; }

    /// <summary>The call's place at its target is free already: nothing more is asked of it.</summary>
    public bool HasLeftTarget { get; private set; }

    /// <summary>The record has been journalled; the call is history and only its last bytes are to be written.</summary>
    public bool IsSettled { get; set; }

    /// <summary>The request in canonical words, read when a target first needs a translation.</summary>
    /// <exception cref="ProblemException">The request is not what its format allows.</exception>
    public ChatRequest Request => _request ??= Surface.ReadRequest(Body.Memory);

    /// <summary>Read when a target's conditions first ask for it.</summary>
    /// <exception cref="ProblemException">The header that holds it is malformed.</exception>
    public CallMetadata Metadata => field ??= CallMetadata.Read(this);

    /// <summary>What a strategy may know.</summary>
    public CallShape Shape => new(
        Record.Route,
        Peek.Stream,
        Body.Length,
        Peek.Attributes?.GetValueOrDefault(TelemetryNames.RequestMaxTokens) is { } limit
            && long.TryParse(limit, NumberStyles.None, CultureInfo.InvariantCulture, out var tokens) ? tokens : null,
        Table.Prices);

    /// <summary>The call's one draw among canaries: whatever asks again, the cache or a later attempt, gets the same.</summary>
    public double Draw(Chance chance) => _draw ??= chance.Next();

    /// <summary>Microseconds since the call arrived.</summary>
    public long Micros => InMicros(_clock.GetElapsedTime(_startedAt));

    /// <summary>Microseconds, of those since the call arrived, that it has not spent waiting for the provider or the client.</summary>
    public long OwnMicros(long micros) => Math.Max(0, micros - InMicros(_clock.GetElapsedTime(0, _waited)));

    public DateTimeOffset Now => _clock.GetUtcNow();

    public ReadOnlyMemory<byte> Content => _content?.Memory ?? default;

    /// <summary>Awaits somebody else; what passes until they are done is not our own time.</summary>
    [AsyncMethodBuilder(typeof(KeptStateBuilder<>))]
    public async ValueTask<T> WaitAsync<T>(ValueTask<T> pending)
    {
        var from = BeginWait();
        try
        {
            return await pending;
        }
        finally
        {
            EndWait(from);
        }
    }

    /// <summary>What passes from here to <see cref="EndWait"/> is not our own time, as in <see cref="WaitAsync"/>.</summary>
    public long BeginWait() => _clock.GetTimestamp();

    public void EndWait(long from) => _waited += _clock.GetTimestamp() - from;

    /// <summary>A place at the target was taken for an attempt.</summary>
    public void EnterTarget() => HasLeftTarget = false;

    /// <summary>Gives the place at the target back, once.</summary>
    public void LeaveTarget(Target target)
    {
        if (!HasLeftTarget)
        {
            HasLeftTarget = true;
            target.Load?.Leave();
        }
    }

    /// <summary>The body is another one now: what was read of it is read again.</summary>
    public void Rewritten()
    {
        _request = null;
        Surface.Peek(Body.Span, out Peek);
    }

    /// <summary>Keeps what the client gets, if the policy or the route's cache says so.</summary>
    public void KeepContent(ReadOnlySpan<byte> bytes)
    {
        Visit?.Capture(bytes);
        if (!Principal.StoreContent)
        {
            return;
        }

        _content ??= new PooledBuffer();
        _content.Write(bytes[..Math.Min(bytes.Length, MaxContentBytes - _content.Length)]);
    }

    public void Dispose()
    {
        Holds?.Release();
        Visit?.Dispose();
        Guard?.Session.Dispose();
        Body.Dispose();
        _content?.Dispose();
    }

    private static long InMicros(TimeSpan time) => time.Ticks / TimeSpan.TicksPerMicrosecond;
}
