using System.Text.Json.Serialization;
using Gatehouse.Api;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace Gatehouse.Guards;

/// <summary>POST /api/policies/check — what is wrong with a policy, without taking it.</summary>
internal static class CheckPolicy
{
    /// <param name="Text">The whole policy.</param>
    /// <param name="Name">The name that it must have.</param>
    [JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
    internal sealed record Request(string Text, string? Name = null)
    {
        public override string ToString() => nameof(Request);
    }

    public static void Map(IEndpointRouteBuilder api) => api.MapPost("/policies/check", Handle).WithTags("policies");

    /// <summary>
    /// Reads a text as a policy: everything that is wrong with line and column, what its tests give, its rules in words, and what it does
    /// differently from the policy of its name that is in force.
    /// </summary>
    internal static Ok<PolicyCheck> Handle(Request request, HttpContext http, PolicyLibrary library) =>
        TypedResults.Ok(library.Check(ApiPerson.Require(http), request.Text, request.Name));
}
