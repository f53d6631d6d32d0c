using Gatehouse.Api;
using Gatehouse.Contracts;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace Gatehouse.Governance;

/// <summary>GET /api/reviews/{id} — a question to a person, with its context.</summary>
internal static class GetReview
{
    public static void Map(IEndpointRouteBuilder api) => api.MapGet("/reviews/{id:guid}", HandleAsync).WithTags("reviews");

    /// <summary>Shows a review. Its texts, with the findings marked, are shown to roles that may read stored content.</summary>
    internal static async Task<Ok<ReviewDetail>> HandleAsync(Guid id, HttpContext http, Reviews reviews, CancellationToken ct) =>
        TypedResults.Ok(await reviews.GetAsync(ApiPerson.Require(http), id, ct));
}
