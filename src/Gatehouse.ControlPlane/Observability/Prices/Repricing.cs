using System.Globalization;
using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Routing;
using Gatehouse.Observability.Calls;
using Gatehouse.Observability.Ledger;
using Gatehouse.Observability.Rollups;
using Gatehouse.Storage;

namespace Gatehouse.Observability;

/// <summary>What a re-pricing did, or would do.</summary>
/// <param name="Calls">Calls of the period with tokens that a provider counted.</param>
/// <param name="Changed">Calls whose cost is another now.</param>
/// <param name="Unpriced">Calls whose model has no price now either: they stay as they are.</param>
/// <param name="Skipped">Calls that several targets were billed for, or whose answer broke off: one price does not tell their cost.</param>
public sealed record RepriceResult(
    DateTimeOffset From, DateTimeOffset To, string PriceRevision, bool DryRun, long Calls, long Changed, long Unpriced, long Skipped,
    decimal CostBeforeUsd, decimal CostAfterUsd);

/// <summary>
/// Prices the calls of a period anew by the table in force. The ledger keeps the first figure beside the new one, the sums of traffic
/// follow, and what depends on the ledger is told.
/// </summary>
public sealed class Repricing
{
    private const int BatchRows = 500;

    private readonly Database _db;
    private readonly Snapshot<GatewayTable> _table;
    private readonly LedgerJoint _joint;
    private readonly TimeProvider _clock;

    internal Repricing(Database db, Snapshot<GatewayTable> table, LedgerJoint joint, TimeProvider clock)
    {
        _db = db;
        _table = table;
        _joint = joint;
        _clock = clock;
    }

    /// <param name="reason">Goes to the audit log.</param>
    /// <exception cref="ProblemException">The person may not, or the period is wrong.</exception>
    public async Task<RepriceResult> RunAsync(
        Person who, DateTimeOffset from, DateTimeOffset to, bool dryRun, string? reason, CancellationToken ct)
    {
        if (!who.MayEverywhere(Permission.WritePolicies))
        {
            throw new ProblemException(Problem.Forbidden(
                "Re-pricing changes the costs of all teams: it needs a role with the permission 'write_policies' that holds in every team."));
        }

        if (from >= to)
        {
            throw new ProblemException(Problem.Invalid("to", "must be after 'from'"));
        }

        var current = _table.Current;
        var sum = new Sums();
        for (var last = (Guid?)CallConditions.EarliestId(from); last is not null;)
        {
            var after = last.Value;
            last = await _db.TransactionAsync(sql => PriceBatchAsync(sql, current, from, to, after, dryRun, sum, ct), ct);
        }

        var result = new RepriceResult(
            from, to, current.Prices.Revision, dryRun, sum.Calls, sum.Changed, sum.Unpriced, sum.Skipped, Nanos.ToUsd(sum.Before),
            Nanos.ToUsd(sum.After));
        if (!dryRun)
        {
            await _joint.RepricedAsync(who, from, to, Describe(result), reason, ct);
        }

        return result;
    }

    private static string Describe(RepriceResult r) => string.Create(
        CultureInfo.InvariantCulture,
        $"{r.From.UtcDateTime:yyyy-MM-dd HH:mm} to {r.To.UtcDateTime:yyyy-MM-dd HH:mm} by {r.PriceRevision}: {r.Changed} of {r.Calls} calls, {r.CostBeforeUsd:0.#########} USD -> {r.CostAfterUsd:0.#########} USD");

    /// <returns>The last call looked at, or <see langword="null"/> when there are no more.</returns>
    private async Task<Guid?> PriceBatchAsync(
        Transaction sql, GatewayTable table, DateTimeOffset from, DateTimeOffset to, Guid after, bool dryRun, Sums sum,
        CancellationToken ct)
    {
        // First of all, as whoever drains calls does: what waits for the sums must not hold what they wait for.
        await sql.LockAsync(ShapeStore.Table, ct);
        var shapes = new Dictionary<(long, string), long>();
        var rows = await sql.QueryAsync(
            $"""
            SELECT id, team_id, system_id, environment, node, route, provider, model, outcome, error_code, started_at, uncached_input_tokens,
                cache_read_tokens, cache_write_tokens, cache_write_long_tokens, output_tokens, reasoning_tokens, cost_nanos,
                earlier_targets, audio_input_tokens, image_input_tokens, audio_output_tokens, service_tier, shape, is_other
            FROM observability_ledger
            WHERE id > {after} AND started_at >= {from} AND started_at < {to} AND uncached_input_tokens IS NOT NULL AND provider IS NOT NULL
            ORDER BY id LIMIT {BatchRows}
            """,
            row => new Row(
                row.Id(0), row.Id(1), row.Id(2), row.Text(3), row.Text(4), row.Text(5), row.Text(6), row.TextOrNull(7) ?? "", row.Text(8),
                row.TextOrNull(9) ?? "", row.Long(10),
                StoredUsage.Read(row, 11, 19)!.Value, row.LongOrNull(17), IsSkipped(row), row.TextOrNull(22), row.Long(23), row.Bool(24)),
            ct);
        var changed = new List<long>();
        foreach (var row in rows)
        {
            sum.Calls++;
            sum.Before += row.Cost ?? 0;
            var cost = row.Cost;
            if (row.IsSkipped)
            {
                sum.Skipped++;
            }
            else if (table.Prices.TryFind(row.Provider, KindOf(table, row.Provider), row.Model, out var found))
            {
                var price = found.Served(row.ServiceTier);
                cost = price.CostNanos(row.Usage);
                if (cost != row.Cost)
                {
                    sum.Changed++;
                    if (!dryRun)
                    {
                        changed.Add(row.StartedAtMicros);
                        await ChangeAsync(sql, row, cost.Value, price, table.Prices.Revision, shapes, ct);
                    }
                }
            }
            else
            {
                sum.Unpriced++;
            }

            sum.After += cost ?? 0;
        }

        await ClosedBuckets.ReopenAsync(sql, changed, ct);
        return rows.Count < BatchRows ? null : rows[^1].Id;
    }

    private async Task ChangeAsync(
        Transaction sql, Row row, long cost, Price price, string revision, Dictionary<(long, string), long> shapes, CancellationToken ct)
    {
        var delta = cost - (row.Cost ?? 0);
        var shape = await ShapeOfAsync(sql, row.Shape, price, revision, shapes, ct);
        await sql.ExecuteAsync(
            $"""
            UPDATE observability_call
            SET first_cost_nanos = CASE WHEN repriced_at IS NULL THEN cost_nanos ELSE first_cost_nanos END, repriced_at = {_clock.GetUtcNow()},
                cost_nanos = {cost}, charged_nanos = charged_nanos + {delta}, shape = {shape},
                outside_shape = CASE WHEN outside_shape IS NULL THEN NULL ELSE {shape} END
            WHERE id = {row.Id}
            """,
            ct);
        foreach (var step in (long[])[60, 3600])
        {
            var micros = step * 1_000_000;
            await sql.ExecuteAsync(
                $"""
                UPDATE observability_traffic
                SET cost_nanos = cost_nanos + {delta}, unpriced_calls = unpriced_calls - {(row.Cost is null ? 1 : 0)}
                WHERE team_id = {row.TeamId} AND step_seconds = {step} AND bucket_at = {row.StartedAtMicros - (row.StartedAtMicros % micros)}
                    AND system_id = {row.SystemId} AND environment = {row.Environment} AND route = {row.SummedRoute} AND provider = {row.Provider}
                    AND model = {row.SummedModel} AND outcome = {row.Outcome} AND error_code = {row.ErrorCode} AND node = {row.Node}
                """,
                ct);
        }
    }

    /// <returns>The shape that is as this one but for the price: one row for all calls of the batch that need it.</returns>
    private static async Task<long> ShapeOfAsync(
        Transaction sql, long shape, Price price, string revision, Dictionary<(long, string), long> shapes, CancellationToken ct)
    {
        var text = JsonSerializer.Serialize(price, StoredJson.Default.Price);
        if (!shapes.TryGetValue((shape, text), out var priced))
        {
            priced = await ShapeStore.LastNumberLockedAsync(sql, ct) + 1;
            await sql.ExecuteAsync(
                $"""
                INSERT INTO observability_call_shape (number, node, team_id, system_id, key_id, environment, surface, route, provider, model,
                    answered_model, streamed, status, outcome, error_code, finish_reason, service_tier, attempts, price_revision, price,
                    configuration_revision, cache, guard_verdict, is_other)
                SELECT {priced}, node, team_id, system_id, key_id, environment, surface, route, provider, model,
                    answered_model, streamed, status, outcome, error_code, finish_reason, service_tier, attempts, {revision}, {text},
                    configuration_revision, cache, guard_verdict, is_other
                FROM observability_call_shape WHERE number = {shape}
                """,
                ct);
            shapes.Add((shape, text), priced);
        }

        return priced;
    }

    private static string KindOf(GatewayTable table, string provider)
    {
        foreach (var route in table.Routes.Routes)
        {
            foreach (var target in route.Targets)
            {
                if (target.Provider.Name == provider)
                {
                    return target.Provider.Settings.Kind;
                }
            }
        }

        return provider;
    }

    /// <summary>Several targets were billed for the call, or its answer broke off.</summary>
    private static bool IsSkipped(Storage.Row row) =>
        (row.IsNull(17) && row.Text(8) != "ok")
        || (row.TextOrNull(18) is { } earlier
            && JsonSerializer.Deserialize(earlier, StoredJson.Default.TargetTokensList)!.Any(static t => t.HasTokens));

    private sealed record Row(
        Guid Id, Guid TeamId, Guid SystemId, string Environment, string Node, string Route, string Provider, string Model, string Outcome,
        string ErrorCode, long StartedAtMicros, TokenUsage Usage, long? Cost, bool IsSkipped, string? ServiceTier, long Shape, bool IsOther)
    {
        public string SummedRoute => IsOther ? CallFilter.OtherNames : Route;

        public string SummedModel => CallerNames.Summed(Model, Route, isUnknown: false, IsOther);
    }

    private sealed class Sums
    {
        public long Calls { get; set; }

        public long Changed { get; set; }

        public long Unpriced { get; set; }

        public long Skipped { get; set; }

        public long Before { get; set; }

        public long After { get; set; }
    }
}
