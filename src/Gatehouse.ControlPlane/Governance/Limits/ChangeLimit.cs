using System.Text.Json.Serialization;
using Gatehouse.Api;
using Gatehouse.Contracts;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace Gatehouse.Governance;

/// <summary>PATCH /api/limits/{id} — changes what is given.</summary>
internal static class ChangeLimit
{
    [JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
    internal sealed record Request(
        long? RequestsPerMinute = null, long? TokensPerMinute = null, long? Concurrency = null, string? Reason = null);

    public static void Map(IEndpointRouteBuilder api) => api.MapPatch("/limits/{id:guid}", HandleAsync).WithTags("limits");

    /// <summary>Changes the parts that are given and leaves the others; 0 takes a part away.</summary>
    internal static async Task<Ok<RateLimitEntry>> HandleAsync(
        Guid id, Request request, HttpContext http, RateLimits limits, CancellationToken ct) =>
        TypedResults.Ok(await limits.ChangeAsync(
            ApiPerson.Require(http), id,
            new RateLimitChange(request.RequestsPerMinute, request.TokensPerMinute, request.Concurrency, request.Reason), ct));
}
