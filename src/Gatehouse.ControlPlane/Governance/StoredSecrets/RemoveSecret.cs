using Gatehouse.Api;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace Gatehouse.Governance;

/// <summary>DELETE /api/secrets/{name} — forgets a stored secret.</summary>
internal static class RemoveSecret
{
    public static void Map(IEndpointRouteBuilder api) => api.MapDelete("/secrets/{name}", HandleAsync).WithTags("secrets");

    /// <summary>Forgets a stored secret. One that the configuration refers to stays.</summary>
    internal static async Task<NoContent> HandleAsync(string name, HttpContext http, StoredSecrets secrets, CancellationToken ct)
    {
        await secrets.RemoveAsync(ApiPerson.Require(http), name, ct);
        return TypedResults.NoContent();
    }
}
