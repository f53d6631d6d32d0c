using System.Globalization;
using System.Text.Json;

namespace Gatehouse.Gateway.Providers.Simulator;

/// <summary>
/// A provider in this process that speaks OpenAI's chat format and is no model: for demonstrations, tests and drills. What it says depends
/// only on the seed and the request; which calls a fault hits, and how long a call takes, on the seed and the call's number.
/// </summary>
internal sealed class SimulatorUpstream(SimulatorSettings settings, TimeProvider clock) : IUpstream
{
    private const double NormalAt99Percent = 2.3263478740408408;

    private long _calls;

    public async ValueTask<UpstreamAnswer> SendAsync(UpstreamRequest request, CancellationToken ct)
    {
        var random = new Random(SimulatorReply.Hash(string.Create(
            CultureInfo.InvariantCulture, $"{settings.Seed}#{Interlocked.Increment(ref _calls)}")));
        var (answer, latency) = Prepare(request, random);
        if (answer is not null)
        {
            request.Listener?.Sent();
        }

        if (latency != TimeSpan.Zero)
        {
            await Task.Delay(latency, clock, ct);
        }

        ct.ThrowIfCancellationRequested();
        return answer ?? throw new UpstreamException(UpstreamFailure.Refused, "The simulator was told to refuse the connection.");
    }

    /// <returns>No answer at all when the connection is refused.</returns>
    private (SimulatorAnswer? Answer, TimeSpan Latency) Prepare(UpstreamRequest request, Random random)
    {
        if (SimulatorMedia.Serves(request.Path))
        {
            return PrepareMedia(request, random);
        }

        if (request.Path is not ("/chat/completions" or "/embeddings" or "/rerank"))
        {
            return (Error(
                404, $"The simulator serves /chat/completions, /embeddings, /rerank, /images and /audio, not '{request.Path}'.",
                "invalid_request_error", null, "not_found"), TimeSpan.Zero);
        }

        JsonDocument document;
        try
        {
            document = JsonDocument.Parse(request.Body);
        }
        catch (JsonException)
        {
            return (Error(400, "The body is not JSON.", "invalid_request_error", null, null), TimeSpan.Zero);
        }

        using (document)
        {
            if (request.Path != "/chat/completions")
            {
                return Prepare(request.Path == "/rerank"
                    ? SimulatorVectors.Rerank(document.RootElement, out var why)
                    : SimulatorVectors.Embeddings(document.RootElement, out why), why, random);
            }

            SimulatorRequest? read;
            string? error;
            try
            {
                _ = SimulatorRequest.TryRead(document.RootElement, out read, out error);
            }
            catch (InvalidOperationException)
            {
                (read, error) = (null, "A text in the body holds half a character: an escaped surrogate without its other half.");
            }

            return read is not null ? Prepare(read, random) : (Error(400, error!, "invalid_request_error", null, null), TimeSpan.Zero);
        }
    }

    private (SimulatorAnswer? Answer, TimeSpan Latency) Prepare(SimulatorRequest request, Random random)
    {
        var directive = request.Directive;
        var drawn = directive.Fault is { } asked ? new SimulatorFault(asked, RetryAfter: directive.RetryAfter) : Draw(random);
        var latency = directive.Latency ?? Latency(random);
        return drawn?.Kind switch
        {
            SimulatorFaultKind.Timeout => (null, Timeout.InfiniteTimeSpan),
            SimulatorFaultKind.ConnectionRefused => (null, TimeSpan.Zero),
            _ => (Answer(request, drawn), latency),
        };
    }

    private (SimulatorAnswer? Answer, TimeSpan Latency) PrepareMedia(UpstreamRequest request, Random random)
    {
        var media = SimulatorMedia.Read(request, out var directive);
        var drawn = directive.Fault is { } asked ? new SimulatorFault(asked, RetryAfter: directive.RetryAfter) : Draw(random);
        var latency = directive.Latency ?? Latency(random);
        switch (drawn?.Kind)
        {
            case SimulatorFaultKind.Timeout:
                return (null, Timeout.InfiniteTimeSpan);
            case SimulatorFaultKind.ConnectionRefused:
                return (null, TimeSpan.Zero);
        }

        if (Fault(drawn) is { } fault)
        {
            return (fault, latency);
        }

        var body = new SimulatorBody(clock);
        var type = media.Write(body, clock.GetUtcNow().ToUnixTimeSeconds());
        body.End(drawn?.Kind switch
        {
            SimulatorFaultKind.StreamTruncated => SimulatorEnd.Broken,
            SimulatorFaultKind.StreamStalled => SimulatorEnd.Stall,
            _ => SimulatorEnd.Complete,
        });
        return (new SimulatorAnswer(200, type, body, null), latency);
    }

    private (SimulatorAnswer? Answer, TimeSpan Latency) Prepare(byte[]? body, string? error, Random random)
    {
        var drawn = Draw(random);
        var latency = Latency(random);
        return drawn?.Kind switch
        {
            _ when body is null => (Error(400, error!, "invalid_request_error", null, null), TimeSpan.Zero),
            SimulatorFaultKind.Timeout => (null, Timeout.InfiniteTimeSpan),
            SimulatorFaultKind.ConnectionRefused => (null, TimeSpan.Zero),
            _ => (Fault(drawn) ?? new SimulatorAnswer(200, "application/json", Whole(body, drawn?.Kind, TimeSpan.Zero), null), latency),
        };
    }

    private SimulatorAnswer Answer(SimulatorRequest request, SimulatorFault? drawn) => Fault(drawn) ?? Spoken(request, drawn?.Kind);

    /// <returns><see langword="null"/> when the fault, if any, lies within the answer's body.</returns>
    private SimulatorAnswer? Fault(SimulatorFault? drawn)
    {
        switch (drawn?.Kind)
        {
            case SimulatorFaultKind.RateLimited:
                return Error(429, "The simulator was told to limit the rate.", "rate_limit_error", null, "rate_limit_exceeded",
                    drawn.RetryAfter ?? TimeSpan.FromSeconds(1));
            case SimulatorFaultKind.ServerError:
                return Error(500, "The simulator was told to fail.", "server_error", null, "server_error", drawn.RetryAfter);
            case SimulatorFaultKind.Overloaded:
                return Error(
                    503, "The simulator was told to be overloaded.", "server_error", null, "server_is_overloaded", drawn.RetryAfter);
            case SimulatorFaultKind.Unauthorized:
                return Error(401, "The simulator was told to refuse the credential.", "invalid_request_error", null, "invalid_api_key");
            case SimulatorFaultKind.ContextLength:
                return Error(400, "The simulator was told that the messages exceed the model's context.", "invalid_request_error",
                    "messages",
                    "context_length_exceeded");
            default:
                return null;
        }
    }

    private SimulatorAnswer Spoken(SimulatorRequest request, SimulatorFaultKind? fault)
    {
        var reply = SimulatorReply.To(request, settings.Seed, refuse: fault == SimulatorFaultKind.Refusal);
        var id = $"chatcmpl-sim{SimulatorReply.Hash($"{settings.Seed}{request.Model}{request.Asked}{request.ToolResult}"):x8}";
        var wire = new SimulatorWire(request, reply, id, clock.GetUtcNow().ToUnixTimeSeconds());
        var speed = request.Directive.TokensPerSecond ?? settings.TokensPerSecond;
        var tokenTime = speed > 0 ? TimeSpan.FromSeconds(1 / speed) : TimeSpan.Zero;
        if (request.Stream)
        {
            return new SimulatorAnswer(
                200, "text/event-stream; charset=utf-8", wire.Stream(fault, request.Directive.After, tokenTime, clock), null);
        }

        // A body that is not a stream has no place for an error within it: the call fails as a whole.
        return fault == SimulatorFaultKind.StreamError
            ? Error(500, "The simulator was told to fail.", "server_error", null, "server_error")
            : new SimulatorAnswer(200, "application/json", Whole(wire.Body(), fault, tokenTime * reply.OutputTokens), null);
    }

    private SimulatorBody Whole(byte[] bytes, SimulatorFaultKind? fault, TimeSpan time)
    {
        var body = new SimulatorBody(clock);
        body.Wait(time);
        switch (fault)
        {
            case SimulatorFaultKind.MalformedJson:
                body.Bytes("<html><body>The simulator was told not to answer in JSON.</body></html>"u8);
                break;
            case SimulatorFaultKind.StreamTruncated:
                body.Bytes(bytes.AsSpan(0, bytes.Length / 2));
                body.End(SimulatorEnd.Broken);
                break;
            case SimulatorFaultKind.StreamStalled:
                body.Bytes(bytes.AsSpan(0, bytes.Length / 2));
                body.End(SimulatorEnd.Stall);
                break;
            default:
                body.Bytes(bytes);
                break;
        }

        return body;
    }

    /// <summary>The first fault of the list that hits this call.</summary>
    private SimulatorFault? Draw(Random random)
    {
        var now = clock.GetUtcNow() - DateTimeOffset.UnixEpoch;
        foreach (var fault in settings.Faults)
        {
            var hit = random.NextDouble() < fault.Share;
            var active = fault is not { Every: { } every, For: { } lasts } || every <= TimeSpan.Zero
                || now.Ticks % every.Ticks < lasts.Ticks;
            if (hit && active)
            {
                return fault;
            }
        }

        return null;
    }

    /// <summary>Log-normal: the median as set, the 99th percentile as many times that as set.</summary>
    private TimeSpan Latency(Random random)
    {
        if (settings.Latency <= TimeSpan.Zero || settings.LatencySpread <= 1)
        {
            return settings.Latency;
        }

        var normal = Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
        return settings.Latency * Math.Exp(Math.Log(settings.LatencySpread) / NormalAt99Percent * normal);
    }

    private SimulatorAnswer Error(int status, string message, string type, string? param, string? code, TimeSpan? retryAfter = null)
    {
        var body = new SimulatorBody(clock);
        body.Bytes(SimulatorWire.Error(message, type, param, code));
        return new SimulatorAnswer(status, "application/json", body, retryAfter);
    }

    private sealed class SimulatorAnswer(int status, string contentType, SimulatorBody body, TimeSpan? retryAfter) : UpstreamAnswer
    {
        public override int Status => status;

        public override Stream Body => body;

        public override string? Header(string name) => name.ToLowerInvariant() switch
        {
            "content-type" => contentType,
            "retry-after" when retryAfter is { } time => Math.Ceiling(time.TotalSeconds).ToString(CultureInfo.InvariantCulture),
            "x-simulator" => "true",
            _ => null,
        };

        public override ValueTask DisposeAsync() => body.DisposeAsync();
    }
}
