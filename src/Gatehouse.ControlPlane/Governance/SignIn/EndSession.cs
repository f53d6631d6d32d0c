using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace Gatehouse.Governance;

/// <summary>DELETE /api/session — signs out.</summary>
internal static class EndSession
{
    public static void Map(IEndpointRouteBuilder api) => api.MapDelete("/session", HandleAsync).WithTags("session");

    /// <summary>Signs out, in every browser where you are signed in.</summary>
    internal static async Task<NoContent> HandleAsync(HttpContext http, SignIn signIn, CancellationToken ct)
    {
        await signIn.EndSessionAsync(http, ct);
        return TypedResults.NoContent();
    }
}
