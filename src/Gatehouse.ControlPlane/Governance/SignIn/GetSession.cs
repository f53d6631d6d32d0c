using Gatehouse.Api;
using Gatehouse.Contracts;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace Gatehouse.Governance;

/// <summary>GET /api/session — the browser's session and the token that its changes need.</summary>
internal static class GetSession
{
    /// <param name="Person"><see langword="null"/> when nobody is signed in.</param>
    /// <param name="CsrfToken">To be sent as <c>x-csrf-token</c> with every change.</param>
    internal sealed record Answer(Person? Person, string CsrfToken);

    public static void Map(IEndpointRouteBuilder api) => api.MapGet("/session", Handle).AllowAnonymous().WithTags("session");

    /// <summary>Shows who is signed in in this browser, if anybody, with the token that changes from it must carry.</summary>
    internal static Ok<Answer> Handle(HttpContext http, Microsoft.AspNetCore.Antiforgery.IAntiforgery antiforgery) =>
        TypedResults.Ok(new Answer(ApiPerson.Find(http), antiforgery.GetAndStoreTokens(http).RequestToken!));
}
