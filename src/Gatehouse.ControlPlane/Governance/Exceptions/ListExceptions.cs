using Gatehouse.Api;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace Gatehouse.Governance;

/// <summary>GET /api/exceptions — accepted gaps in guard policies.</summary>
internal static class ListExceptions
{
    private const int DefaultLimit = 100;

    public static void Map(IEndpointRouteBuilder api) => api.MapGet("/exceptions", HandleAsync).WithTags("guard");

    /// <summary>Lists exceptions from guard policies, newest first. Those of the configuration file are in GET /api/config.</summary>
    /// <param name="system">The id of a system.</param>
    /// <param name="state">requested, approved, declined, revoked or expired.</param>
    /// <param name="before">The <c>next</c> of the page before.</param>
    /// <param name="limit">1 to 500; default 100.</param>
    internal static async Task<Ok<Listing<PolicyException>>> HandleAsync(
        Guid? system, string? state, Guid? before, int? limit, HttpContext http, PolicyExceptions exceptions, CancellationToken ct)
    {
        var asked = limit ?? DefaultLimit;
        var items = await exceptions.ListAsync(
            ApiPerson.Require(http), system, Words.Read<ExceptionState>("state", state), before, asked, ct);
        return TypedResults.Ok(new Listing<PolicyException>(items, items.Count == asked ? items[^1].Id.ToString() : null));
    }
}
