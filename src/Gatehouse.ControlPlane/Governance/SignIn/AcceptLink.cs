using System.Text.Json.Serialization;
using Gatehouse.Contracts;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace Gatehouse.Governance;

/// <summary>POST /api/session/welcome — accepts a one-time link.</summary>
internal static class AcceptLink
{
    [JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
    internal sealed record Request(string Token, string Password, string? Name = null, string? Email = null)
    {
        public override string ToString() => nameof(Request);
    }

    public static void Map(IEndpointRouteBuilder api) => api.MapPost("/session/welcome", HandleAsync).AllowAnonymous().WithTags("session");

    /// <summary>Sets the password of an invited person, or makes the first administrator, and signs in.</summary>
    internal static async Task<Ok<Person>> HandleAsync(Request request, HttpContext http, SignIn signIn, CancellationToken ct)
    {
        var person = await signIn.AcceptLinkAsync(request.Token, request.Name, request.Email, request.Password, ct);
        await signIn.StartSessionAsync(http, person, ct);
        return TypedResults.Ok(person);
    }
}
