using System.Text.Json.Serialization;
using Gatehouse.Api;
using Gatehouse.Contracts;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace Gatehouse.Governance;

/// <summary>POST /api/systems/{id}/keys — makes a key and shows its secret this once.</summary>
internal static class CreateKey
{
    [JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
    internal sealed record Request(
        SystemEnvironment Environment, string Name, DateTimeOffset? ExpiresAt = null, int? ExpiresInDays = null);

    public static void Map(IEndpointRouteBuilder api) => api.MapPost("/systems/{id:guid}/keys", HandleAsync).WithTags("keys");

    /// <summary>Makes a key of a system in one environment. The answer holds the secret, which nothing shows again.</summary>
    internal static async Task<Created<CreatedKey>> HandleAsync(
        Guid id, Request request, HttpContext http, Keys keys, TimeProvider clock, CancellationToken ct)
    {
        var expires = Expiry.From(request.ExpiresAt, request.ExpiresInDays, clock);
        var created = await keys.CreateAsync(ApiPerson.Require(http), id, new NewKey(request.Environment, request.Name, expires), ct);
        http.Response.Headers.CacheControl = "no-store";
        return TypedResults.Created((string?)null, created);
    }
}
