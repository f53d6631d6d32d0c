using Gatehouse.Contracts;
using Gatehouse.Observability.Ledger;
using Gatehouse.Storage;

namespace Gatehouse.Observability.Calls;

/// <summary>One row of the ledger as read: the summary, and what explains its cost.</summary>
internal sealed record LedgerRow(CallSummary Call, long? CostNanos, string? Price, string Node, long? TracePack)
{
    /// <summary>How many columns a row has of its own.</summary>
    public const int Columns = 42;

    public static SqlText Select() => Select($"0");

    /// <param name="more">A further column, after <see cref="Columns"/>.</param>
    public static SqlText Select(FormattableString more) => new SqlText().Add($"""
        SELECT id, request_id, trace_id, started_at, team_id, system_id, environment, key_id, surface, route, provider, model,
        answered_model, streamed, status, outcome, error_code, error_message, finish_reason, uncached_input_tokens, cache_read_tokens,
        cache_write_tokens, cache_write_long_tokens, output_tokens, reasoning_tokens, cost_nanos, price_revision, duration_micros,
        first_byte_micros, own_micros, attempts, price,
        audio_input_tokens, image_input_tokens, audio_output_tokens, node, trace_pack, cache, saved_nanos, saved_input_tokens,
        saved_output_tokens, guard_verdict, {more} FROM observability_ledger
        """);

    public static LedgerRow Read(Row row, SystemLookup systems)
    {
        var id = row.Id(0);
        var system = row.Id(5);
        var key = row.Id(7);
        var cost = row.LongOrNull(25);
        var call = new CallSummary(
            Id: id,
            RequestId: row.TextOrNull(1) ?? LedgerEntry.RequestIdOf(id),
            TraceId: row.TextOrNull(2) ?? LedgerEntry.TraceIdOf(id),
            StartedAt: row.Instant(3),
            TeamId: row.Id(4),
            SystemId: system == Guid.Empty ? null : system,
            System: systems.NameOf(system) ?? system.ToString(),
            Environment: Words.Environment(row.Text(6)) ?? default,
            KeyId: key == Guid.Empty ? null : key,
            Surface: row.Text(8),
            Route: row.Text(9),
            Provider: row.TextOrNull(10),
            Model: row.TextOrNull(11),
            AnsweredModel: row.TextOrNull(12),
            Streamed: row.Bool(13),
            Status: (int)row.Long(14),
            Outcome: Words.Outcome(row.Text(15)) ?? default,
            ErrorCode: row.TextOrNull(16),
            ErrorMessage: row.TextOrNull(17),
            FinishReason: row.TextOrNull(18),
            Usage: StoredUsage.Read(row, 19, 32),
            CostUsd: cost is { } nanos ? Nanos.ToUsd(nanos) : null,
            PriceRevision: row.TextOrNull(26),
            DurationMicros: row.Long(27),
            FirstByteMicros: row.LongOrNull(28),
            OwnMicros: row.Long(29),
            Attempts: (int)row.Long(30))
        {
            Cache = CacheUses.Of(row.TextOrNull(37)),
            SavedUsd = row.LongOrNull(38) is { } saved ? Nanos.ToUsd(saved) : null,
            SavedInputTokens = row.LongOrNull(39),
            SavedOutputTokens = row.LongOrNull(40),
            Guard = row.TextOrNull(41) is { } verdict ? Words.Verdict(verdict) : null,
        };
        return new LedgerRow(call, cost, row.TextOrNull(31), row.Text(35), row.LongOrNull(36));
    }
}
