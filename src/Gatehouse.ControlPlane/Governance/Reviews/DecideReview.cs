using System.Text.Json.Serialization;
using Gatehouse.Api;
using Gatehouse.Contracts;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace Gatehouse.Governance;

/// <summary>POST /api/reviews/{id}/decision — a person decides about a call.</summary>
internal static class DecideReview
{
    /// <summary>What is to become of the call.</summary>
    internal enum Decision
    {
        Approve,
        Deny,
    }

    [JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
    internal sealed record Request(Decision Decision, string? Note = null, ReviewLabel? Label = null);

    public static void Map(IEndpointRouteBuilder api) => api.MapPost("/reviews/{id:guid}/decision", HandleAsync).WithTags("reviews");

    /// <summary>
    /// Decides a review. A call that waits goes on, or is refused, within a second. The label says whether the rule was right to ask, and
    /// helps to make the rules better.
    /// </summary>
    internal static async Task<Ok<Review>> HandleAsync(Guid id, Request request, HttpContext http, Reviews reviews, CancellationToken ct) =>
        TypedResults.Ok(await reviews.DecideAsync(
            ApiPerson.Require(http), id, request.Decision == Decision.Approve, request.Note, request.Label, ct));
}
