using System.Text.Json.Serialization;
using Gatehouse.Api;
using Gatehouse.Contracts;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace Gatehouse.Governance;

/// <summary>PUT /api/people/{id}/memberships — replaces a person's roles.</summary>
internal static class SetMemberships
{
    [JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
    internal sealed record Request(IReadOnlyList<Membership> Memberships);

    public static void Map(IEndpointRouteBuilder api) => api.MapPut("/people/{id:guid}/memberships", HandleAsync).WithTags("people");

    /// <summary>Replaces a person's roles in the teams that you administer; a membership without a team holds in all of them.</summary>
    internal static async Task<Ok<PersonEntry>> HandleAsync(
        Guid id, Request request, HttpContext http, People people, CancellationToken ct) =>
        TypedResults.Ok(await people.SetMembershipsAsync(ApiPerson.Require(http), id, request.Memberships, ct));
}
