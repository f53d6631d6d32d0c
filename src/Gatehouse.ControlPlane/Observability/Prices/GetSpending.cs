using System.Globalization;
using Gatehouse.Api;
using Gatehouse.Contracts;
using Gatehouse.Observability.Calls;
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
        string from, string to, string? provider, HttpContext http, Database db, CancellationToken ct)
    {
        var who = ApiPerson.Require(http);
        var filter = new CallFilter(From: Day("from", from), To: Day("to", to).AddDays(1), Provider: provider);
        if (filter.To - filter.From > TimeSpan.FromDays(MostDays))
        {
            throw CallFilterQuery.Invalid("to", $"must be within {MostDays} days of 'from'");
        }

        var shapes = (await db.ScanAsync(
            $"""
            SELECT number, provider, CASE WHEN answered_model <> '' THEN answered_model ELSE model END, outcome = 'ok' OR answered_model <> ''
            FROM observability_call_shape WHERE provider <> ''{CallConditions.OfShapes(who, filter).Build()}
            """,
            row => (Number: row.Long(0), Provider: row.Text(1), Model: row.Text(2), IsAnswered: row.Bool(3)),
            ct)).ToDictionary(s => s.Number);
        var days = new List<DaySpending>();
        for (var day = filter.From!.Value; day < filter.To!.Value; day = day.AddDays(1))
        {
            days.AddRange(await OfDayAsync(day));
        }

        return TypedResults.Json(new DaySpendingList(days), ObservabilityJson.Default.DaySpendingList);

        // A day is a short statement, and what calls share is added to their sums here: a month would be sorted on the disk.
        async Task<IEnumerable<DaySpending>> OfDayAsync(DateTimeOffset day)
        {
            var sums = await db.ScanAsync(
                $"""
                SELECT shape, COUNT(*),
                    CAST(COALESCE(SUM(uncached_input_tokens + cache_read_tokens + cache_write_tokens + cache_write_long_tokens
                        + COALESCE(audio_input_tokens, 0) + COALESCE(image_input_tokens, 0)), 0) AS BIGINT),
                    CAST(COALESCE(SUM(output_tokens + reasoning_tokens + COALESCE(audio_output_tokens, 0)), 0) AS BIGINT),
                    CAST(COALESCE(SUM(cost_nanos), 0) AS BIGINT),
                    CAST(SUM(CASE WHEN cost_nanos IS NULL THEN 1 ELSE 0 END) AS BIGINT),
                    CAST(SUM(CASE WHEN cost_nanos IS NULL AND uncached_input_tokens IS NOT NULL THEN 1 ELSE 0 END) AS BIGINT)
                FROM observability_call
                WHERE id >= {CallConditions.EarliestId(day)} AND id <= {CallConditions.LatestId(day.AddDays(1))}
                    AND started_at >= {day} AND started_at < {day.AddDays(1)}
                GROUP BY shape
                """,
                row => (Shape: row.Long(0), Calls: row.Long(1), Input: row.Long(2), Output: row.Long(3), Nanos: row.Long(4),
                    Unpriced: row.Long(5), Counted: row.Long(6)),
                ct);
            return sums.Where(s => shapes.ContainsKey(s.Shape)).GroupBy(s => (shapes[s.Shape].Provider, shapes[s.Shape].Model))
                .Select(g => new DaySpending(
                    DateOnly.FromDateTime(day.UtcDateTime), g.Key.Provider, g.Key.Model, g.Sum(s => s.Calls), g.Sum(s => s.Input),
                    g.Sum(s => s.Output), Nanos.ToUsd(g.Sum(s => s.Nanos)),
                    g.Sum(s => shapes[s.Shape].IsAnswered ? s.Unpriced : s.Counted)))
                .OrderBy(s => s.Provider, StringComparer.Ordinal).ThenBy(s => s.Model, StringComparer.Ordinal);
        }
    }

    private static DateTimeOffset Day(string field, string text) =>
        DateOnly.TryParseExact(text, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out var day)
            ? new DateTimeOffset(day.ToDateTime(TimeOnly.MinValue), TimeSpan.Zero)
            : throw CallFilterQuery.Invalid(field, "must be a day, as 2026-11-01");
}
