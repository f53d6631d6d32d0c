using Gatehouse.Api;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace Gatehouse.Governance;

/// <summary>GET /api/guard/labels — what people said about the guards' findings.</summary>
internal static class ListLabels
{
    private const int DefaultLimit = 100;

    public static void Map(IEndpointRouteBuilder api) => api.MapGet("/guard/labels", HandleAsync).WithTags("guard");

    /// <summary>Lists labels, newest first, of your teams; with their texts where you may read stored texts.</summary>
    /// <param name="system">The id of a system.</param>
    /// <param name="detector">Such as pii.</param>
    /// <param name="verdict">right, false_positive or missed.</param>
    /// <param name="before">The <c>next</c> of the page before.</param>
    /// <param name="limit">1 to 500; default 100.</param>
    internal static async Task<Ok<Listing<Label>>> HandleAsync(
        Guid? system, string? detector, string? verdict, Guid? before, int? limit, HttpContext http, Labels labels, CancellationToken ct)
    {
        var filter = new LabelFilter(system, detector, Words.Read<LabelVerdict>("verdict", verdict), before, limit ?? DefaultLimit);
        var items = await labels.ListAsync(ApiPerson.Require(http), filter, ct);
        return TypedResults.Ok(new Listing<Label>(items, items.Count == filter.Limit ? items[^1].Id.ToString() : null));
    }
}
