using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Observability.Calls;
using Gatehouse.Observability.Ledger;
using Gatehouse.Storage;

namespace Gatehouse.Observability.Rollups;

/// <summary>
/// Reads a range as whole hours, then whole minutes at its ends, then single calls at the ends of those. A search, unpriced and cached
/// calls, which no roll-up knows apart, read single calls only.
/// </summary>
internal sealed class TrafficReader(Database db, TimeProvider clock)
{
    /// <summary>Minutes older than this are not asked for; the retention worker deletes them a day later.</summary>
    public static readonly TimeSpan MinutesKept = TimeSpan.FromDays(7);

    private const int PageRows = 5000;

    private static readonly TimeSpan Hour = TimeSpan.FromHours(1);
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);

    /// <param name="filter">With both ends of the range set.</param>
    /// <param name="step">The bucket that no row may straddle.</param>
    public async Task ReadAsync(Person who, CallFilter filter, TimeSpan step, Action<TrafficRow> add, CancellationToken ct)
    {
        var (from, to) = (filter.From!.Value, filter.To!.Value);
        if (filter.Unpriced || filter.Cached || filter.Guard is not null || filter.Search is { Length: > 0 })
        {
            await ReadCallsAsync(who, filter, from, to, add, ct);
            return;
        }

        var (firstHour, lastHour) = (Ceiling(from, Hour), Floor(to, Hour));
        if (step < Hour || firstHour >= lastHour)
        {
            await ReadMinutesAsync(who, filter, from, to, add, ct);
            return;
        }

        await ReadMinutesAsync(who, filter, from, firstHour, add, ct);
        await ReadBucketsAsync(who, filter, Hour, firstHour, lastHour, add, ct);
        await ReadMinutesAsync(who, filter, lastHour, to, add, ct);
    }

    private static DateTimeOffset Floor(DateTimeOffset at, TimeSpan step) => new(at.UtcTicks - (at.UtcTicks % step.Ticks), TimeSpan.Zero);

    private static DateTimeOffset Ceiling(DateTimeOffset at, TimeSpan step) => Floor(at.AddTicks(step.Ticks - 1), step);

    private static LatencyHistogram Read(byte[] stored)
    {
        var histogram = new LatencyHistogram();
        histogram.AddBytes(stored);
        return histogram;
    }

    private static LatencyHistogram One(long micros)
    {
        var histogram = new LatencyHistogram();
        histogram.Add(micros);
        return histogram;
    }

    private async Task ReadMinutesAsync(
        Person who, CallFilter filter, DateTimeOffset from, DateTimeOffset to, Action<TrafficRow> add, CancellationToken ct)
    {
        var kept = Ceiling(clock.GetUtcNow() - MinutesKept, Minute);
        var first = Ceiling(from > kept ? from : kept, Minute);
        var last = Floor(to, Minute);
        if (first >= last)
        {
            await ReadCallsAsync(who, filter, from, to, add, ct);
            return;
        }

        await ReadCallsAsync(who, filter, from, first, add, ct);
        await ReadBucketsAsync(who, filter, Minute, first, last, add, ct);
        await ReadCallsAsync(who, filter, last, to, add, ct);
    }

    private async Task ReadBucketsAsync(
        Person who, CallFilter filter, TimeSpan step, DateTimeOffset from, DateTimeOffset to, Action<TrafficRow> add, CancellationToken ct)
    {
        var sql = new SqlText().Add($"""
            SELECT bucket_at, system_id, environment, route, provider, model, outcome, error_code, calls, unpriced_calls, input_tokens,
            output_tokens, cost_nanos, duration_histogram, own_histogram, cached_calls, saved_nanos, saved_tokens,
            failed_over FROM observability_traffic
            WHERE step_seconds = {(long)step.TotalSeconds} AND bucket_at >= {from} AND bucket_at < {to}
            """);
        sql.AddTeams(who, filter);
        if (filter.SystemId is { } system)
        {
            sql.Add($" AND system_id = {system}");
        }

        AddNamed(sql, filter);
        var rows = await db.ScanAsync(
            sql.Build(),
            row => new TrafficRow(
                row.Long(0), row.Id(1), row.Text(2), row.Text(3), row.Text(4), row.Text(5), row.Text(6), row.Text(7), row.Long(8),
                row.Long(9), row.Long(10), row.Long(11), row.Long(12), Read(row.Bytes(13)), Read(row.Bytes(14)))
            {
                CachedCalls = row.Long(15),
                SavedNanos = row.Long(16),
                SavedTokens = row.Long(17),
                FailedOver = row.Long(18),
            },
            ct);
        rows.ForEach(add);
        if (filter is { Route: not null and not CallFilter.UnknownRoute } or { Model: { Length: > 0 } and not CallFilter.UnknownRoute })
        {
            // Whoever asks for a name that nobody knows is asking for calls that no roll-up has under that name.
            await ReadCallsAsync(who, filter, from, to, UnknownRoute.Condition, (row, _) => add(row), ct);
        }
    }

    private static void AddNamed(SqlText sql, CallFilter filter)
    {
        if (filter.Environment is { } environment)
        {
            sql.Add($" AND environment = {Words.Of(environment)}");
        }

        if (filter.Route is { } route)
        {
            sql.Add($" AND route = {route}");
        }

        if (filter.Provider is { } provider)
        {
            sql.Add($" AND provider = {provider}");
        }

        if (filter.Model is { } model)
        {
            sql.Add($" AND model = {model}");
        }

        if (filter.Outcome is { } outcome)
        {
            sql.Add($" AND outcome = {Words.Of(outcome)}");
        }

        if (filter.ErrorCode is { } error)
        {
            sql.Add($" AND error_code = {error}");
        }
    }

    private async Task ReadCallsAsync(
        Person who, CallFilter filter, DateTimeOffset from, DateTimeOffset to, Action<TrafficRow> add, CancellationToken ct)
    {
        await ReadCallsAsync(who, filter, from, to, $"1 = 1", (row, earlier) => AddCall(row, earlier, filter, add), ct);
        if (filter is not { Provider: null, Model: null })
        {
            // Other calls, which a target that is asked for had a part in without being the one that ended them.
            await ReadCallsAsync(
                who, filter with { Provider = null, Model = null }, from, to, $"earlier_targets IS NOT NULL", (row, earlier) =>
                    AddEarlier(row, earlier, filter, add), ct);
        }
    }

    private static void AddCall(in TrafficRow row, IReadOnlyList<TargetTokens> earlier, CallFilter filter, Action<TrafficRow> add)
    {
        add(row with
        {
            InputTokens = row.InputTokens - earlier.Sum(t => t.InputTokens),
            OutputTokens = row.OutputTokens - earlier.Sum(t => t.OutputTokens),
            CostNanos = row.CostNanos - earlier.Sum(t => t.CostNanos),
        });
        if (filter is { Provider: null, Model: null })
        {
            AddEarlier(row, earlier, filter, add);
        }
    }

    private static void AddEarlier(in TrafficRow row, IReadOnlyList<TargetTokens> earlier, CallFilter filter, Action<TrafficRow> add)
    {
        foreach (var target in earlier)
        {
            if ((filter.Provider ?? target.Provider) == target.Provider && (filter.Model ?? target.Model) == target.Model)
            {
                add(row with
                {
                    Provider = target.Provider,
                    Model = target.Model,
                    Calls = 0,
                    UnpricedCalls = 0,
                    InputTokens = target.InputTokens,
                    OutputTokens = target.OutputTokens,
                    CostNanos = target.CostNanos,
                    FailedOver = target.FailedOver,
                    CachedCalls = 0,
                    SavedNanos = 0,
                    SavedTokens = 0,
                    Duration = new LatencyHistogram(),
                    Own = new LatencyHistogram(),
                });
            }
        }
    }

    private async Task ReadCallsAsync(
        Person who, CallFilter filter, DateTimeOffset from, DateTimeOffset to, FormattableString condition,
        Action<TrafficRow, IReadOnlyList<TargetTokens>> add, CancellationToken ct)
    {
        if (from >= to)
        {
            return;
        }

        Guid? after = null;
        while (true)
        {
            var sql = new SqlText().Add($"""
                SELECT started_at, system_id, environment, route, provider, model, outcome, error_code, uncached_input_tokens,
                cache_read_tokens, cache_write_tokens, cache_write_long_tokens, output_tokens, reasoning_tokens, cost_nanos,
                duration_micros, own_micros, id, answered_model, status, earlier_targets, cache, saved_nanos, saved_input_tokens,
                saved_output_tokens FROM observability_ledger
                """);
            sql.AddConditions(db, who, filter with { From = from, To = to }, IdRange.All.After(after)).Add($" AND {condition}");
            sql.Add($" ORDER BY id LIMIT {PageRows}");
            var rows = await db.ScanAsync(
                sql.Build(), row => (Id: row.Id(17), Row: OneCall(row), Earlier: Earlier(row.TextOrNull(20))), ct);
            rows.ForEach(row => add(row.Row, row.Earlier));
            if (rows.Count < PageRows)
            {
                return;
            }

            after = rows[^1].Id;
        }
    }

    private static IReadOnlyList<TargetTokens> Earlier(string? json) =>
        json is null ? [] : JsonSerializer.Deserialize(json, StoredJson.Default.TargetTokensList) ?? [];

    private static TrafficRow OneCall(Row row)
    {
        var counted = !row.IsNull(8);
        var (route, model, outcome) = (row.Text(3), row.TextOrNull(5), Words.Outcome(row.Text(6)));
        var unknown = UnknownRoute.Is(row.Long(19), outcome, route, model);
        return new TrafficRow(
            row.Long(0),
            row.Id(1),
            row.Text(2),
            unknown ? CallFilter.UnknownRoute : route,
            row.TextOrNull(4) ?? "",
            model is null ? "" : unknown ? CallFilter.UnknownRoute : model,
            row.Text(6),
            row.TextOrNull(7) ?? "",
            Calls: 1,
            UnpricedCalls: UnpricedCall.Is(outcome, counted, row.TextOrNull(18), row.LongOrNull(14)) ? 1 : 0,
            InputTokens: counted ? row.Long(8) + row.Long(9) + row.Long(10) + row.Long(11) : 0,
            OutputTokens: counted ? row.Long(12) + row.Long(13) : 0,
            CostNanos: row.LongOrNull(14) ?? 0,
            One(row.Long(15)),
            One(row.Long(16)))
        {
            CachedCalls = CacheUses.Of(row.TextOrNull(21)).IsServed() ? 1 : 0,
            SavedNanos = row.LongOrNull(22) ?? 0,
            SavedTokens = (row.LongOrNull(23) ?? 0) + (row.LongOrNull(24) ?? 0),
        };
    }
}
