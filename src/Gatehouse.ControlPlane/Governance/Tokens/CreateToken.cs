using System.Text.Json.Serialization;
using Gatehouse.Api;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace Gatehouse.Governance;

/// <summary>POST /api/tokens — makes an access token and shows its secret this once.</summary>
internal static class CreateToken
{
    private const int DefaultDays = 90;

    [JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
    internal sealed record Request(string Name, DateTimeOffset? ExpiresAt = null, int? ExpiresInDays = null);

    public static void Map(IEndpointRouteBuilder api) => api.MapPost("/tokens", HandleAsync).WithTags("tokens");

    /// <summary>Makes an access token for the command line or the API, with your own roles. Default: it expires after 90 days.</summary>
    internal static async Task<Created<CreatedToken>> HandleAsync(
        Request request, HttpContext http, AccessTokens tokens, TimeProvider clock, CancellationToken ct)
    {
        var days = request.ExpiresAt is null ? request.ExpiresInDays ?? DefaultDays : request.ExpiresInDays;
        var expires = Expiry.From(request.ExpiresAt, days, clock);
        var created = await tokens.CreateAsync(ApiPerson.Require(http), request.Name, expires, ct);
        http.Response.Headers.CacheControl = "no-store";
        return TypedResults.Created((string?)null, created);
    }
}
