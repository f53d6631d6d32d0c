using System.Buffers;
using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Journal;
using Gatehouse.Observability.Traces;
using Gatehouse.Storage;

namespace Gatehouse.Observability.Ledger;

/// <summary>A call on its way from the journal into the tables.</summary>
/// <param name="Earlier">What targets used that did not end the call.</param>
/// <param name="KeepsTrace">Not under so much load that traces are sampled.</param>
internal sealed record LedgerEntry(CallRecord Record, IReadOnlyList<TargetTokens> Earlier, bool KeepsTrace)
{
    /// <summary>Bounds of texts that are parts of index keys: PostgreSQL's limit is 2,704 bytes a key.</summary>
    private const int MaxModelChars = 256;
    private const int MaxNameChars = 100;

    /// <summary>Before the digits of the id, where a call came without a request id.</summary>
    public const string RequestIdPrefix = CallRecord.RequestIdPrefix;

    private static readonly SearchValues<char> Digits = SearchValues.Create("0123456789abcdef");

    /// <summary>The columns of <c>observability_call</c>, in the order of <see cref="Write"/>.</summary>
    public static string[] Columns { get; } =
    [
        "id", "shape", "started_at", "recorded_at", "duration_micros", "first_byte_micros", "own_micros", "uncached_input_tokens",
        "cache_read_tokens", "cache_write_tokens", "cache_write_long_tokens", "output_tokens", "reasoning_tokens", "audio_input_tokens",
        "image_input_tokens", "audio_output_tokens", "cost_nanos", "charged_nanos", "trace_pack", "request_id", "trace_id", "error_message",
        "end_user", "earlier_targets", "saved_nanos", "saved_input_tokens", "saved_output_tokens", "outside_shape",
    ];

    /// <summary>Set by the batch that takes it.</summary>
    public CallShape Shape { get; set; } = null!;

    /// <summary>The pack of the batch that its trace is in, from 1; 0 without one.</summary>
    public int Pack { get; set; }

    public static LedgerEntry Of(CallRecord record, bool keepsTrace = true)
    {
        var earlier = TargetTokens.Earlier(record);
        if (earlier.Count > 0)
        {
            earlier = [.. earlier.Select(t => t with { Provider = Cut(t.Provider, MaxNameChars)!, Model = Cut(t.Model, MaxModelChars)! })];
        }

        record.Route = Cut(record.Route, MaxModelChars) ?? "";
        record.Model = Cut(record.Model, MaxModelChars);
        record.AnsweredModel = Cut(record.AnsweredModel, MaxModelChars);
        record.Provider = Cut(record.Provider, MaxNameChars);
        record.ErrorCode = Cut(record.ErrorCode, MaxNameChars);
        record.FinishReason = Cut(record.FinishReason, MaxNameChars);
        record.ServiceTier = Cut(record.ServiceTier, MaxNameChars);
        return new LedgerEntry(record, earlier, keepsTrace);
    }

    /// <summary>The request id of a call that came without one.</summary>
    public static string RequestIdOf(Guid id) => RequestIdPrefix + id.ToString("N");

    /// <summary>The trace id of a call that came without one.</summary>
    public static string TraceIdOf(Guid id) => id.ToString("N");

    /// <summary>The id of the call that was given this request id by Gatehouse.</summary>
    public static Guid? IdOfRequest(string requestId) =>
        requestId.StartsWith(RequestIdPrefix, StringComparison.Ordinal)
            && Guid.TryParseExact(requestId.AsSpan(RequestIdPrefix.Length), "N", out var id) ? id : null;

    /// <summary>The digits of the id of which this is the beginning as a request id; <see langword="null"/> where it can be none.</summary>
    public static string? DigitsOfRequest(string prefix) =>
        prefix.StartsWith(RequestIdPrefix, StringComparison.Ordinal) && prefix.Length <= RequestIdPrefix.Length + 32
            && !prefix.AsSpan(RequestIdPrefix.Length).ContainsAnyExcept(Digits)
            ? prefix[RequestIdPrefix.Length..]
            : null;

    /// <param name="packs">The number that the node's packs had reached before this batch.</param>
    public void Write(RowWriter row, DateTimeOffset recordedAt, long packs)
    {
        var r = Record;
        row.Id(r.Id);
        row.Long(Shape.Number);
        row.Long(r.StartedAtMicros);
        row.Instant(recordedAt);
        row.Long(r.DurationMicros);
        row.LongOrNull(r.FirstByteMicros);
        row.Long(r.OwnMicros);
        WriteUsage(row, r.Usage);
        row.LongOrNull(r.CostNanos);
        row.LongOrNull(r.ChargedNanos);
        row.LongOrNull(Pack == 0 ? null : packs + Pack);
        row.TextOrNull(r.GivenRequestId());
        row.TextOrNull(r.GivenTraceId());
        row.TextOrNull(r.ErrorMessage);
        row.TextOrNull(r.EndUser.Length == 0 ? null : r.EndUser);
        row.TextOrNull(Earlier.Count == 0 ? null : JsonSerializer.Serialize(Earlier, StoredJson.Default.TargetTokensList));
        row.LongOrNull(r.SavedNanos);
        row.LongOrNull(r.Saved?.TotalInput);
        row.LongOrNull(r.Saved?.TotalOutput);
        row.LongOrNull(Shape.IsOutside ? Shape.Number : null);
    }

    public TraceDocument ToTrace(ProviderPlaces places)
    {
        var used = new Dictionary<string, ProviderPlace>(StringComparer.Ordinal);
        foreach (var attempt in Record.Attempts)
        {
            if (places.Of(attempt.Provider) is { } place)
            {
                used[attempt.Provider] = place;
            }
        }

        return new TraceDocument(
            Record.SpanId, Record.ParentSpanId, Record.Attempts, Record.DroppedParameters, Record.RequestAttributes ?? [], used)
        {
            Guard = Record.Guard,
        };
    }

    public CallSummary ToSummary(SystemLookup systems) => new(
        Record.Id,
        Record.RequestId,
        Record.TraceId,
        DateTimeOffset.UnixEpoch.AddMicroseconds(Record.StartedAtMicros),
        Record.TeamId,
        Record.SystemId == Guid.Empty ? null : Record.SystemId,
        systems.NameOf(Record.SystemId) ?? Record.SystemId.ToString(),
        Record.Environment,
        Record.KeyId == Guid.Empty ? null : Record.KeyId,
        Record.Surface,
        Record.Route,
        Record.Provider,
        Record.Model,
        Record.AnsweredModel,
        Record.Streamed,
        Record.Status,
        Record.Outcome,
        Record.ErrorCode,
        Record.ErrorMessage,
        Record.FinishReason,
        Record.Usage,
        Record.CostNanos is { } nanos ? Nanos.ToUsd(nanos) : null,
        Record.PriceRevision,
        Record.DurationMicros,
        Record.FirstByteMicros,
        Record.OwnMicros,
        Record.Attempts.Count)
    {
        Cache = Record.Cache,
        SavedUsd = Record.SavedNanos is { } saved ? Nanos.ToUsd(saved) : null,
        SavedInputTokens = Record.Saved?.TotalInput,
        SavedOutputTokens = Record.Saved?.TotalOutput,
        Guard = Record.Guard?.Verdict,
    };

    private static void WriteUsage(RowWriter row, TokenUsage? reported)
    {
        if (reported is { } usage)
        {
            row.Long(usage.UncachedInput);
            row.Long(usage.CacheRead);
            row.Long(usage.CacheWrite);
            row.Long(usage.CacheWriteLong);
            row.Long(usage.Output);
            row.Long(usage.Reasoning);
            row.Long(usage.AudioInput);
            row.Long(usage.ImageInput);
            row.Long(usage.AudioOutput);
            return;
        }

        for (var i = 0; i < 9; i++)
        {
            row.Null();
        }
    }

    private static string? Cut(string? text, int chars) => text is null || text.Length <= chars ? text : text[..chars];
}
