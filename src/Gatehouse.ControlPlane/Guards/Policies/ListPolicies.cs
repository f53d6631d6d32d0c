using Gatehouse.Api;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace Gatehouse.Guards;

/// <summary>GET /api/policies — the guard policies in force.</summary>
internal static class ListPolicies
{
    public static void Map(IEndpointRouteBuilder api) => api.MapGet("/policies", Handle).WithTags("policies");

    /// <summary>Lists the guard policies in force, wherever they are written, with their rules in words.</summary>
    internal static Ok<Listing<PolicyView>> Handle(HttpContext http, PolicyLibrary library)
    {
        ApiPerson.Require(http);
        return TypedResults.Ok(new Listing<PolicyView>(library.List()));
    }
}
