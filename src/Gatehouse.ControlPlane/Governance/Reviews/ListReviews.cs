using Gatehouse.Api;
using Gatehouse.Contracts;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace Gatehouse.Governance;

/// <summary>GET /api/reviews — the queue of questions to people.</summary>
internal static class ListReviews
{
    private const int DefaultLimit = 50;

    public static void Map(IEndpointRouteBuilder api) => api.MapGet("/reviews", HandleAsync).WithTags("reviews");

    /// <summary>Lists reviews of calls, newest first, of the teams that you may read. None shows the text of a call.</summary>
    /// <param name="state">waiting, open, approved, denied, timed_out, withdrawn or abandoned.</param>
    /// <param name="undecided">Only those that can still be decided.</param>
    /// <param name="before">The <c>next</c> of the page before.</param>
    /// <param name="limit">1 to 500; default 50.</param>
    internal static async Task<Ok<Listing<Review>>> HandleAsync(
        Guid? team, Guid? system, string? environment, string? state, bool? undecided, Guid? call, Guid? before, int? limit,
        HttpContext http, Reviews reviews, CancellationToken ct)
    {
        var filter = new ReviewFilter(
            team, system, Words.Read<SystemEnvironment>("environment", environment), Words.Read<ReviewState>("state", state),
            undecided == true, call, before, limit ?? DefaultLimit);
        var found = await reviews.ListAsync(ApiPerson.Require(http), filter, ct);
        return TypedResults.Ok(new Listing<Review>(found, found.Count == filter.Limit ? found[^1].Id.ToString() : null));
    }
}
