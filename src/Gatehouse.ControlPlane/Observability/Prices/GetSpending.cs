using System.Globalization;
using Gatehouse.Api;
using Gatehouse.Contracts;
using Gatehouse.Observability.Calls;
using Gatehouse.Observability.Rollups;
using Gatehouse.Storage;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Gatehouse.Observability;

/// <summary>What one model of one provider took on one day of UTC.</summary>
/// <param name="Model">As the provider names it in its answers.</param>
/// <param name="UnpricedCalls">Calls that are not in <paramref name="CostUsd"/>.</param>
public sealed record DaySpending(
    DateOnly Day, string Provider, string Model, long Calls, long InputTokens, long OutputTokens, decimal CostUsd, long UnpricedCalls);

/// <summary>The answer of <c>GET /api/prices/spending</c>.</summary>
internal sealed record DaySpendingList(IReadOnlyList<DaySpending> Items);

/// <summary>GET /api/prices/spending — tokens and cost by day and model, to hold against a provider's figures.</summary>
internal static class GetSpending
{
    private const int MostDays = 1000;

    public static void Map(IEndpointRouteBuilder api) =>
        api.MapGet("/prices/spending", HandleAsync).Produces<DaySpendingList>().WithTags("prices");

    /// <summary>Sums what the ledger holds by day (UTC), provider and model, of the teams that you may see.</summary>
    /// <param name="from">The first day, as 2026-11-01.</param>
    /// <param name="to">The last day.</param>
    /// <param name="provider">Only this provider.</param>
    internal static async Task<IResult> HandleAsync(
        string from, string to, string? provider, HttpContext http, Database db, TimeProvider clock, CancellationToken ct)
    {
        var who = ApiPerson.Require(http);
        var filter = new CallFilter(From: Day("from", from), To: Day("to", to).AddDays(1), Provider: provider);
        if (filter.To - filter.From > TimeSpan.FromDays(MostDays))
        {
            throw CallFilterQuery.Invalid("to", $"must be within {MostDays} days of 'from'");
        }

        var (first, until) = (filter.From!.Value, filter.To!.Value);
        var sums = new Dictionary<(DateOnly Day, string Provider, string Model), Spent>();
        var closed = await new ClosedBuckets(db, clock).FindAsync([SpendingSums.Step], first, until, ct);
        foreach (var (bucket, by, model, spent) in await OfClosedAsync(db, who, filter, ct))
        {
            if (closed.Contains((SpendingSums.Step, bucket)))
            {
                Add(DateTimeOffset.UnixEpoch.AddMicroseconds(bucket), by, model, spent);
            }
        }

        Dictionary<long, SpentShape>? shapes = null;
        foreach (var (begin, end) in Open(first, until, clock.GetUtcNow().AddDays(1), closed))
        {
            shapes ??= (await db.ScanAsync(
                SpendingSums.Shapes(CallConditions.OfShapes(who, filter).Build()), SpendingSums.ReadShape, ct)).ToDictionary(s => s.Number);
            var calls = await db.ScanAsync(SpendingSums.Calls(begin, end), SpendingSums.ReadCalls, ct);
            foreach (var (key, spent) in SpendingSums.Add(calls, shapes, s => (s.Provider, s.Model)))
            {
                Add(begin, key.Provider, key.Model, spent);
            }
        }

        return TypedResults.Json(
            new DaySpendingList([
                .. sums.OrderBy(s => s.Key.Day).ThenBy(s => s.Key.Provider, StringComparer.Ordinal)
                    .ThenBy(s => s.Key.Model, StringComparer.Ordinal).Select(s => new DaySpending(
                        s.Key.Day, s.Key.Provider, s.Key.Model, s.Value.Calls, s.Value.Input, s.Value.Output, Nanos.ToUsd(s.Value.Nanos),
                        s.Value.Unpriced)),
            ]),
            ObservabilityJson.Default.DaySpendingList);

        void Add(DateTimeOffset at, string of, string model, Spent spent)
        {
            var key = (DateOnly.FromDateTime(at.UtcDateTime), of, model);
            sums[key] = sums.GetValueOrDefault(key) + spent;
        }
    }

    private static Task<List<(long Bucket, string Provider, string Model, Spent Sum)>> OfClosedAsync(
        Database db, Person who, CallFilter filter, CancellationToken ct)
    {
        var sql = new SqlText().Add($"""
            SELECT bucket_at, provider, model, CAST(SUM(calls) AS BIGINT), CAST(SUM(input_tokens) AS BIGINT),
                CAST(SUM(output_tokens) AS BIGINT), CAST(SUM(cost_nanos) AS BIGINT), CAST(SUM(unpriced_calls) AS BIGINT)
            FROM observability_spending WHERE bucket_at >= {filter.From!.Value} AND bucket_at < {filter.To!.Value}
            """);
        sql.AddTeams(who, filter);
        if (filter.Provider is { } provider)
        {
            sql.Add($" AND provider = {provider}");
        }

        return db.ScanAsync(
            sql.Add($" GROUP BY bucket_at, provider, model").Build(),
            row => (row.Long(0), row.Text(1), row.Text(2),
                new Spent(row.Long(3), row.Long(4), row.Long(5), row.Long(6), row.Long(7))),
            ct);
    }

    /// <summary>What is not added up yet, cut at midnights.</summary>
    private static IEnumerable<(DateTimeOffset From, DateTimeOffset To)> Open(
        DateTimeOffset from, DateTimeOffset to, DateTimeOffset latest, HashSet<(long Seconds, long AtMicros)> closed)
    {
        DateTimeOffset? begin = null;
        for (var at = from; at < to && at < latest; at = at.AddSeconds(SpendingSums.Seconds))
        {
            var isClosed = closed.Contains((SpendingSums.Step, (at - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond));
            if (begin is { } first && (isClosed || at.TimeOfDay == TimeSpan.Zero))
            {
                yield return (first, at);
                begin = null;
            }

            begin = isClosed ? null : begin ?? at;
        }

        if (begin is { } last)
        {
            yield return (last, to);
        }
    }

    private static DateTimeOffset Day(string field, string text) =>
        DateOnly.TryParseExact(text, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out var day)
            ? new DateTimeOffset(day.ToDateTime(TimeOnly.MinValue), TimeSpan.Zero)
            : throw CallFilterQuery.Invalid(field, "must be a day, as 2026-11-01");
}
