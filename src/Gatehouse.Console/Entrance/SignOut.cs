using Gatehouse.Console.Frame;
using Gatehouse.Governance;
using Microsoft.AspNetCore.Antiforgery;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Gatehouse.Console.Entrance;

/// <summary>POST /sign-out — ends the sessions of the person.</summary>
internal static class SignOut
{
    public static void Map(IEndpointRouteBuilder app) => app.MapPost("/sign-out", HandleAsync)
        .AllowAnonymous().WithMetadata(new ProblemPages.Form()).ExcludeFromDescription();

    private static async Task<IResult> HandleAsync(HttpContext http, SignIn signIn, IAntiforgery antiforgery, CancellationToken ct)
    {
        // The form has no field of its own to bind, so nothing checks its token for us.
        await antiforgery.ValidateRequestAsync(http);
        await signIn.EndSessionAsync(http, ct);
        return Results.LocalRedirect("/sign-in");
    }
}
