using System.Text.Json.Serialization;
using Gatehouse.Api;
using Gatehouse.Contracts;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace Gatehouse.Governance;

/// <summary>PUT /api/systems/{id}/environments/{environment} — what is stored, for how long, and which guard policy applies.</summary>
internal static class SetPolicy
{
    [JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
    internal sealed record Request(bool StoreContent, int RetentionDays, string? GuardPolicy = null);

    public static void Map(IEndpointRouteBuilder api) =>
        api.MapPut("/systems/{id:guid}/environments/{environment}", HandleAsync).WithTags("systems");

    /// <summary>
    /// Sets whether prompts and answers are stored, for how many days traces are kept, and the guard policy: a policy's name, <c>none</c>,
    /// or <c>default</c> for what the configuration says; without it the choice stays.
    /// </summary>
    /// <param name="environment">development, staging or production.</param>
    internal static async Task<Ok<AiSystem>> HandleAsync(
        Guid id, string environment, Request request, HttpContext http, Systems systems, CancellationToken ct)
    {
        // The framework reads enums of an address by their C# names only.
        var known = Enum.GetValues<SystemEnvironment>().Where(e => Words.Of(e) == environment).ToList();
        return known is [var found]
            ? TypedResults.Ok(await systems.SetPolicyAsync(
                ApiPerson.Require(http), id,
                new EnvironmentPolicy(found, request.StoreContent, request.RetentionDays) { GuardPolicy = request.GuardPolicy }, ct))
            : throw new ProblemException(Problem.Invalid("environment", "must be development, staging or production"));
    }
}
