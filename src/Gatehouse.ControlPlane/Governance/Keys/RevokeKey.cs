using Gatehouse.Api;
using Gatehouse.Contracts;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace Gatehouse.Governance;

/// <summary>DELETE /api/keys/{id} — revokes a key.</summary>
internal static class RevokeKey
{
    public static void Map(IEndpointRouteBuilder api) => api.MapDelete("/keys/{id:guid}", HandleAsync).WithTags("keys");

    /// <summary>Revokes a key: every live node refuses it when this answers. It stays in lists.</summary>
    /// <param name="reason">Why; goes to the audit log.</param>
    internal static async Task<Ok<ApiKey>> HandleAsync(Guid id, string? reason, HttpContext http, Keys keys, CancellationToken ct) =>
        TypedResults.Ok(await keys.RevokeAsync(ApiPerson.Require(http), id, reason, ct));
}
