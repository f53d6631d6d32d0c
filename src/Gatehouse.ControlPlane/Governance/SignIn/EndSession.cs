using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace Gatehouse.Governance;

/// <summary>DELETE /api/session — signs out.</summary>
internal static class EndSession
{
    public static void Map(IEndpointRouteBuilder api) => api.MapDelete("/session", (Delegate)HandleAsync).WithTags("session");

    /// <summary>Signs out of this browser.</summary>
    internal static async Task<NoContent> HandleAsync(HttpContext http)
    {
        await SignIn.EndSessionAsync(http);
        return TypedResults.NoContent();
    }
}
