using System.Text.Json.Serialization;
using Gatehouse.Api;
using Gatehouse.Contracts;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace Gatehouse.Governance;

/// <summary>POST /api/people — invites a person by a one-time link.</summary>
internal static class InvitePerson
{
    [JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
    internal sealed record Request(string Email, string Name, IReadOnlyList<Membership> Memberships);

    public static void Map(IEndpointRouteBuilder api) => api.MapPost("/people", HandleAsync).WithTags("people");

    /// <summary>Invites a person. The answer holds the path of a link that works once, within seven days, to set a password.</summary>
    internal static async Task<Created<Invitation>> HandleAsync(Request request, HttpContext http, People people, CancellationToken ct)
    {
        var person = new NewPerson(request.Email, request.Name, request.Memberships);
        var invitation = await people.InviteAsync(ApiPerson.Require(http), person, ct);
        http.Response.Headers.CacheControl = "no-store";
        return TypedResults.Created((string?)null, invitation);
    }
}
