using Gatehouse.Api;
using Gatehouse.Contracts;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace Gatehouse.Governance;

/// <summary>GET /api/me — who you are.</summary>
internal static class GetMe
{
    public static void Map(IEndpointRouteBuilder api) => api.MapGet("/me", Handle).WithTags("session");

    /// <summary>Shows who you are and your roles.</summary>
    internal static Ok<Person> Handle(HttpContext http) => TypedResults.Ok(ApiPerson.Require(http));
}
