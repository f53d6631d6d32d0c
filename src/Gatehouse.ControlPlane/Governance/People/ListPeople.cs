using Gatehouse.Api;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace Gatehouse.Governance;

/// <summary>GET /api/people — the people whose roles you administer.</summary>
internal static class ListPeople
{
    public static void Map(IEndpointRouteBuilder api) => api.MapGet("/people", HandleAsync).WithTags("people");

    /// <summary>Lists people with their roles in the teams that you administer.</summary>
    internal static async Task<Ok<Listing<PersonEntry>>> HandleAsync(HttpContext http, People people, CancellationToken ct) =>
        TypedResults.Ok(new Listing<PersonEntry>(await people.ListAsync(ApiPerson.Require(http), ct)));
}
