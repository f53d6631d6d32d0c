using Gatehouse.Api;
using Gatehouse.Contracts;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace Gatehouse.Governance;

/// <summary>PUT /api/systems/{id}/environments/{environment} — what is stored, and for how long.</summary>
internal static class SetPolicy
{
    internal sealed record Request(bool StoreContent, int RetentionDays);

    public static void Map(IEndpointRouteBuilder api) =>
        api.MapPut("/systems/{id:guid}/environments/{environment}", HandleAsync).WithTags("systems");

    /// <summary>Sets whether prompts and answers are stored, and for how many days traces are kept.</summary>
    internal static async Task<Ok<AiSystem>> HandleAsync(
        Guid id, SystemEnvironment environment, Request request, HttpContext http, Systems systems, CancellationToken ct) =>
        TypedResults.Ok(await systems.SetPolicyAsync(
            ApiPerson.Require(http), id, new EnvironmentPolicy(environment, request.StoreContent, request.RetentionDays), ct));
}
