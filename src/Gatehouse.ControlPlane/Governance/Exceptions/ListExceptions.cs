using Gatehouse.Api;
using Gatehouse.Contracts;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace Gatehouse.Governance;

/// <summary>GET /api/exceptions — accepted gaps in guard policies.</summary>
internal static class ListExceptions
{
    public static void Map(IEndpointRouteBuilder api) => api.MapGet("/exceptions", HandleAsync).WithTags("guard");

    /// <summary>Lists exceptions from guard policies, newest first. Those of the configuration file are in GET /api/config.</summary>
    /// <param name="system">The id of a system.</param>
    /// <param name="state">requested, approved, declined, revoked or expired.</param>
    internal static async Task<Ok<Listing<PolicyException>>> HandleAsync(
        Guid? system, string? state, HttpContext http, PolicyExceptions exceptions, CancellationToken ct) =>
        TypedResults.Ok(new Listing<PolicyException>(
            await exceptions.ListAsync(ApiPerson.Require(http), system, StateOf(state), ct)));

    private static ExceptionState? StateOf(string? word) => word is null ? null
        : Enum.GetValues<ExceptionState>().Where(s => Words.Of(s) == word).ToList() is [var known] ? known
        : throw new ProblemException(Problem.Invalid("state", "must be requested, approved, declined, revoked or expired"));
}
