using System.Text.Json.Serialization;
using Gatehouse.Api;
using Gatehouse.Governance;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace Gatehouse.Guards;

/// <summary>PUT /api/policies/{name} — saves the next revision of a policy that is kept in Gatehouse.</summary>
internal static class SavePolicy
{
    /// <param name="Text">The whole policy, as it would stand in a file.</param>
    /// <param name="Note">What changed, and why; goes to the audit log.</param>
    /// <param name="InForce">Put it in force at once; its own tests must pass.</param>
    [JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
    internal sealed record Request(string Text, string? Note = null, bool InForce = false)
    {
        public override string ToString() => nameof(Request);
    }

    public static void Map(IEndpointRouteBuilder api) => api.MapPut("/policies/{name}", HandleAsync).WithTags("policies");

    /// <summary>
    /// Saves the next revision of a policy. Names of built-in policies and of files are taken: nobody changes a file over the network. In
    /// force, it applies on every live node when this answers.
    /// </summary>
    internal static async Task<Ok<PolicyRevision>> HandleAsync(
        string name, Request request, HttpContext http, GuardPolicies policies, CancellationToken ct) =>
        TypedResults.Ok(await policies.SaveAsync(ApiPerson.Require(http), name, request.Text, request.Note, request.InForce, ct));
}
