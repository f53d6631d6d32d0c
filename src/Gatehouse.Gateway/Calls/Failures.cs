using System.Globalization;
using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Providers;
using Gatehouse.Gateway.Resilience;
using Gatehouse.Gateway.Routing;

namespace Gatehouse.Gateway.Calls;

/// <summary>
/// What each way of failing means for the next attempt, for the client and for the record. A provider's own words reach the client when
/// the request is at fault; they reach the record only where the system's policy stores content, because they may quote the prompt.
/// </summary>
internal static class Failures
{
    public const string HedgeLost = "hedge_lost";
    public const string TargetsResting = "targets_resting";
    public const string TargetBusy = "target_busy";

    private const int MaxRecordedChars = 500;
    private static readonly TimeSpan ShortestWait = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan DownWait = TimeSpan.FromSeconds(5);

    public static AttemptFailure Unreachable(Attempt attempt, UpstreamException e) => e.Failure switch
    {
        UpstreamFailure.ConnectTimeout =>
            new(NextStep.Retry, new Problem("upstream_timeout", 504, $"{Named(attempt)} gave no answer: {e.Message}")),
        UpstreamFailure.NotAllowed =>
            new(NextStep.NextTarget, new Problem("upstream_not_allowed", 502, $"{Named(attempt)} was not asked: {e.Message}")),
        _ => new(NextStep.Retry, new Problem("upstream_unreachable", 502, $"{Named(attempt)} gave no answer: {e.Message}")),
    };

    /// <summary>A target that took all its time once is not given it again: the next one is tried at once.</summary>
    /// <param name="isTotal">It was never silent for long, and took longer for its whole answer than the route allows.</param>
    public static AttemptFailure TimedOut(Call call, Attempt attempt, bool isTotal) => new(
        NextStep.NextTarget,
        new Problem("upstream_timeout", 504, isTotal
            ? $"{Named(attempt)} had not ended its answer after {Seconds(call)} s, the longest that this route allows."
            : attempt.FirstByteMicros is null
            ? $"{Named(attempt)} sent no first byte in time."
            : call.Peek.Stream && !call.ContentIsSent ? $"{Named(attempt)} sent nothing of its answer in time."
            : $"{Named(attempt)} fell silent in the middle of its answer."));

    private static string Seconds(Call call) =>
        (call.Peek.Stream ? call.Route.StreamTimeout : call.Route.TotalTimeout).TotalSeconds.ToString("0.###", CultureInfo.InvariantCulture);

    /// <summary>For the record only: the client reads what the other one says.</summary>
    public static AttemptFailure Outrun(Attempt attempt) => new(
        NextStep.NextTarget, new Problem(HedgeLost, 499, $"{Named(attempt)} was asked as well, and another target was first."));

    public static AttemptFailure Broken(Attempt attempt) => new(
        NextStep.Retry,
        new Problem("upstream_stream_broken", 502, $"{Named(attempt)} broke the connection before its answer was complete."));

    public static AttemptFailure Truncated(Attempt attempt) => new(
        NextStep.Retry,
        new Problem("upstream_stream_truncated", 502, $"{Named(attempt)} ended its stream before the answer was complete."));

    /// <param name="why">Words of ours, never the provider's bytes.</param>
    public static AttemptFailure Garbage(Attempt attempt, string why) => new(
        NextStep.Retry, new Problem("upstream_invalid_answer", 502, $"{Named(attempt)} sent something that is not an answer: {why}"));

    public static AttemptFailure ManyLarge(Attempt attempt) => new(
        NextStep.PassOn,
        new Problem(
            "busy_with_large_answers", 503,
            $"{Named(attempt)} sends an answer of more than a megabyte, and as many such answers as fit into memory are under way. Try later."));

    public static AttemptFailure JournalFull() => new(NextStep.PassOn, JournalFullProblem) { IsLasting = true };

    public static readonly Problem JournalFullProblem = new(
        "journal_full", 503,
        "The disk that holds the call journal is full, so calls cannot be accounted for: free space in the data directory.");

    public static readonly Problem JournalFailedProblem = new(
        "journal_failed", 503,
        "The disk failed to keep the call journal, so calls cannot be accounted for: check the disk of the data directory, then start again.");

    /// <summary>No target may be asked: each rests after failures, and somebody else's call is finding out whether it is back.</summary>
    public static AttemptFailure AllRest(Route route, IReadOnlyList<Target> resting)
    {
        var (names, wait) = ("", TimeSpan.MaxValue);
        foreach (var target in resting)
        {
            names += $"{(names.Length == 0 ? "" : ", ")}{target.Name}";
            var rest = target.Breaker?.Rest ?? TimeSpan.Zero;
            wait = rest < wait ? rest : wait;
        }

        return new(NextStep.PassOn, new Problem(
            TargetsResting, 503,
            $"Every target of the route '{route.Name}' that may take this call rests after too many failures: {names}. One call at a time finds out whether it is back."))
        {
            RetryAfter = wait > ShortestWait ? wait : ShortestWait,
        };
    }

    /// <summary>Every target that may be asked failed its health checks, and the call waits for one to come back.</summary>
    public static AttemptFailure AllUnhealthy(Route route) => new(NextStep.PassOn, new Problem(
        TargetsResting, 503, $"Every target of the route '{route.Name}' that may take this call is unhealthy."))
    {
        RetryAfter = ShortestWait,
    };

    /// <summary>Nobody came back while the call waited, or too many wait already.</summary>
    public static AttemptFailure StillDown(AttemptFailure last) => last with { RetryAfter = last.RetryAfter ?? DownWait };

    /// <summary>No place became free in time, or too many wait for one already.</summary>
    public static AttemptFailure Busy(Target target) => new(NextStep.PassOn, new Problem(
        TargetBusy, 503, $"{target.Name} has as many calls under way as it may have, and no place became free in time."))
    {
        RetryAfter = ShortestWait,
    };

    /// <summary>An error status in place of an answer.</summary>
    public static AttemptFailure OfStatus(Call call, Attempt attempt, UpstreamAnswer answer, ReadOnlySpan<byte> body, DateTimeOffset now)
    {
        var wire = ProviderWire.Of(attempt.Wire);
        var error = Redaction.Of(wire.ReadError(body, answer.Status), attempt.Target.Provider);
        var status = wire.Meaning(answer.Status, error);
        var step = RetryRules.Of(status);
        var lasting = IsLasting(status, error);
        var failure = new AttemptFailure(lasting ? NextStep.NextTarget : step, ProblemOf(call, attempt, status, step, error))
        {
            RecordedMessage = RecordedMessage(call, attempt, $"answered {answer.Status}", error),
            RetryAfter = step == NextStep.Retry ? RetryRules.RetryAfter(answer, now) ?? wire.RetryAfter(body) : null,
            IsLasting = lasting,
            Cause = CauseOf(error),
        };
        var passes = step == NextStep.PassOn && attempt.Wire == call.Surface.Wire && IsErrorObject(body)
            && !Redaction.IsIn(body, attempt.Target.Provider);
        return passes ? failure with { Body = body.ToArray() } : failure;
    }

    /// <summary>An error event within a stream, or an error object under status 200.</summary>
    public static AttemptFailure OfEvent(Call call, Attempt attempt, ReadOnlySpan<byte> data)
    {
        var wire = ProviderWire.Of(attempt.Wire);
        var error = Redaction.Of(wire.ReadError(data, 0), attempt.Target.Provider);
        var status = wire.StatusOf(error);
        var step = RetryRules.Of(status);
        var lasting = IsLasting(status, error);
        return new AttemptFailure(lasting ? NextStep.NextTarget : step, ProblemOf(call, attempt, status, step, error))
        {
            RecordedMessage = RecordedMessage(call, attempt, "sent an error", error),
            IsLasting = lasting,
        };
    }

    /// <summary>Providers say it by a code, or only in words.</summary>
    private static FallbackCauses CauseOf(UpstreamError error) =>
        error.Code is "context_length_exceeded" or "string_above_max_length" || IsTooLong(error.Message) ? FallbackCauses.ContextLength
        : error.Code is "content_filter" or "content_policy_violation" or "ResponsibleAIPolicyViolation" ? FallbackCauses.ContentFilter
        : FallbackCauses.None;

    private static bool IsTooLong(string message) =>
        message.Contains("prompt is too long", StringComparison.OrdinalIgnoreCase)
        || message.Contains("maximum context length", StringComparison.OrdinalIgnoreCase)
        || message.Contains("exceeds the maximum number of tokens", StringComparison.OrdinalIgnoreCase)
        || message.Contains("exceed context limit", StringComparison.OrdinalIgnoreCase);

    /// <summary>An account that is out of money stays so for longer than any retry.</summary>
    private static bool IsLasting(int status, UpstreamError error) =>
        status == 429 && (IsOutOfMoney(error.Code) || IsOutOfMoney(error.Type));

    private static bool IsOutOfMoney(string? word) => word is "insufficient_quota" or "credit_balance_exhausted";

    private static Problem ProblemOf(Call call, Attempt attempt, int status, NextStep step, UpstreamError error) => status switch
    {
        401 or 402 or 403 => new Problem(
            "upstream_rejected_credential", 502,
            $"{Named(attempt)} refused the credential or account that Gatehouse uses (status {status})."),
        429 => new Problem("rate_limit_exceeded", 429, $"{Named(attempt)} limits our rate: {error.Message}"),
        503 or 529 =>
            new Problem("upstream_overloaded", call.Surface.Wire == WireFormat.Anthropic ? 529 : 503,
                $"{Named(attempt)} is overloaded: {error.Message}"),
        < 400 => new Problem("upstream_invalid_answer", 502, $"{Named(attempt)} answered with status {status}, which is no answer."),
        _ when step == NextStep.PassOn =>
            new Problem(Word(error.Code) ?? Word(error.Type) ?? "upstream_error", status, error.Message) { Field = error.Param },
        _ => new Problem("upstream_error", status, $"{Named(attempt)} failed: {error.Message}"),
    };

    private static string RecordedMessage(Call call, Attempt attempt, string what, UpstreamError error)
    {
        var reason = Word(error.Code) ?? Word(error.Type);
        var text = $"{Named(attempt)} {what}{(reason is null ? "" : $" ({reason})")}.";
        return call.Principal.StoreContent
            ? string.Concat(text, " ", error.Message.AsSpan(0, Math.Min(error.Message.Length, MaxRecordedChars)))
            : text;
    }

    private static string Named(Attempt attempt) => $"{attempt.Settings.Name}/{attempt.Model}";

    /// <summary>A provider's code if it looks like one: free text could hold anything.</summary>
    private static string? Word(string? code)
    {
        if (code is not { Length: > 0 and <= 64 })
        {
            return null;
        }

        foreach (var c in code)
        {
            if (!char.IsAsciiLetterOrDigit(c) && c is not ('_' or '-' or '.'))
            {
                return null;
            }
        }

        return code;
    }

    private static bool IsErrorObject(ReadOnlySpan<byte> body)
    {
        try
        {
            var reader = new Utf8JsonReader(body);
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
            {
                return false;
            }

            var error = false;
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                var here = reader.ValueTextEquals("error"u8);
                reader.Read();
                error |= here && reader.TokenType == JsonTokenType.StartObject;
                reader.Skip();
            }

            return error && !reader.Read();
        }
        catch (JsonException)
        {
            return false;
        }
    }
}
