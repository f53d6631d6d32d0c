using Gatehouse.Api;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace Gatehouse.Configuration;

/// <summary>GET /api/providers — the providers with their recent health.</summary>
internal static class ListProviders
{
    internal sealed record Response(IReadOnlyList<ProviderView> Items);

    public static void Map(IEndpointRouteBuilder api) => api.MapGet("/providers", HandleAsync);

    /// <summary>Lists the providers with their health in the last hour, as far as the caller's teams have seen it.</summary>
    internal static async Task<Ok<Response>> HandleAsync(HttpContext http, ProviderViews views, CancellationToken ct) =>
        TypedResults.Ok(new Response(await views.ListAsync(ApiPerson.Require(http), ct)));
}
