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
        var sql = new SqlText().Add($"""
            SELECT started_at / 86400000000, provider, COALESCE(answered_model, model, ''), COUNT(*),
                CAST(COALESCE(SUM(uncached_input_tokens + cache_read_tokens + cache_write_tokens + cache_write_long_tokens
                    + COALESCE(audio_input_tokens, 0) + COALESCE(image_input_tokens, 0)), 0) AS BIGINT),
                CAST(COALESCE(SUM(output_tokens + reasoning_tokens + COALESCE(audio_output_tokens, 0)), 0) AS BIGINT),
                CAST(COALESCE(SUM(cost_nanos), 0) AS BIGINT),
                CAST(SUM(CASE WHEN cost_nanos IS NULL AND (outcome = 'ok' OR uncached_input_tokens IS NOT NULL OR answered_model IS NOT NULL)
                    THEN 1 ELSE 0 END) AS BIGINT)
            FROM observability_ledger
            """).AddConditions(db, who, filter, IdRange.All).Add($" AND provider IS NOT NULL GROUP BY 1, 2, 3 ORDER BY 1, 2, 3");
        var days = await db.QueryAsync(
            sql.Build(),
            row => new DaySpending(
                DateOnly.FromDateTime(DateTime.UnixEpoch.AddDays(row.Long(0))), row.Text(1), row.Text(2), row.Long(3), row.Long(4),
                row.Long(5),
                Nanos.ToUsd(row.Long(6)), row.Long(7)),
            ct);
        return TypedResults.Json(new DaySpendingList(days), ObservabilityJson.Default.DaySpendingList);
    }

    private static DateTimeOffset Day(string field, string text) =>
        DateOnly.TryParseExact(text, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out var day)
            ? new DateTimeOffset(day.ToDateTime(TimeOnly.MinValue), TimeSpan.Zero)
            : throw CallFilterQuery.Invalid(field, "must be a day, as 2026-11-01");
}
