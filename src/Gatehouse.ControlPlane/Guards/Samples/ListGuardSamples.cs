using Gatehouse.Api;
using Gatehouse.Contracts;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace Gatehouse.Guards;

/// <summary>GET /api/guard/samples — calls in which guards found something.</summary>
internal static class ListGuardSamples
{
    private const int DefaultLimit = 10;
    private const int MaxLimit = 30;

    public static void Map(IEndpointRouteBuilder api) => api.MapGet("/guard/samples", HandleAsync).WithTags("guard");

    /// <summary>
    /// Shows the newest calls in which guards found something: type, place and score, and pieces of the text with the findings marked where
    /// it is stored and you may read it.
    /// </summary>
    /// <param name="system">The id of a system.</param>
    /// <param name="detector">Such as pii.</param>
    /// <param name="type">Such as EMAIL_ADDRESS.</param>
    /// <param name="from">Only calls that started at or after this time; a week back without it.</param>
    /// <param name="limit">1 to 30; default 10.</param>
    internal static async Task<Ok<Listing<GuardSample>>> HandleAsync(
        Guid? system, string? detector, string? type, DateTimeOffset? from, int? limit, HttpContext http, GuardSamples samples,
        TimeProvider clock, CancellationToken ct)
    {
        if (limit is < 1 or > MaxLimit)
        {
            throw new ProblemException(Problem.Invalid("limit", $"must be between 1 and {MaxLimit}"));
        }

        var filter = new CallFilter(From: from ?? clock.GetUtcNow().AddDays(-7), SystemId: system);
        return TypedResults.Ok(new Listing<GuardSample>(
            await samples.ListAsync(ApiPerson.Require(http), filter, detector, type, limit ?? DefaultLimit, ct)));
    }
}
