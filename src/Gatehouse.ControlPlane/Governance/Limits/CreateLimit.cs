using System.Text.Json.Serialization;
using Gatehouse.Api;
using Gatehouse.Contracts;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace Gatehouse.Governance;

/// <summary>POST /api/limits — makes a limit.</summary>
internal static class CreateLimit
{
    [JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
    internal sealed record Request(
        string Name,
        string? Team = null,
        Guid? System = null,
        Guid? Key = null,
        string? Route = null,
        string? EndUser = null,
        long? RequestsPerMinute = null,
        long? TokensPerMinute = null,
        long? Concurrency = null);

    public static void Map(IEndpointRouteBuilder api) => api.MapPost("/limits", HandleAsync).WithTags("limits");

    /// <summary>Makes a limit for the calls that fit every part that is given: team (a name), system, key, route, end user.</summary>
    internal static async Task<Created<RateLimitEntry>> HandleAsync(
        Request request, HttpContext http, RateLimits limits, CancellationToken ct) =>
        TypedResults.Created((string?)null, await limits.CreateAsync(
            ApiPerson.Require(http),
            new NewRateLimit(
                request.Name,
                new NamedScope(request.Team, request.System, request.Key, request.Route, request.EndUser),
                request.RequestsPerMinute,
                request.TokensPerMinute,
                request.Concurrency),
            ct));
}
