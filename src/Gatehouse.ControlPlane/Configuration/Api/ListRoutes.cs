using Gatehouse.Api;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace Gatehouse.Configuration;

/// <summary>GET /api/routes — the model names that clients may ask for.</summary>
internal static class ListRoutes
{
    internal sealed record Response(IReadOnlyList<RouteView> Items);

    public static void Map(IEndpointRouteBuilder api) => api.MapGet("/routes", Handle);

    /// <summary>Lists the routes and their targets.</summary>
    internal static Ok<Response> Handle(HttpContext http, RouteViews views) =>
        TypedResults.Ok(new Response(views.List(ApiPerson.Require(http))));
}
