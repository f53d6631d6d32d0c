using Gatehouse.Api;
using Gatehouse.Contracts;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace Gatehouse.Guards;

/// <summary>GET /api/policies/diff — what one policy does that another does not.</summary>
internal static class DiffPolicies
{
    /// <param name="Items">Sentences; empty when both do the same.</param>
    internal sealed record Response(string From, string To, IReadOnlyList<string> Items);

    public static void Map(IEndpointRouteBuilder api) => api.MapGet("/policies/diff", HandleAsync).WithTags("policies");

    /// <summary>Says in words what one policy or revision does that another does not.</summary>
    /// <param name="from">A name, for what is in force; name@3 for a revision.</param>
    /// <param name="to">The same.</param>
    internal static async Task<Ok<Response>> HandleAsync(
        string? from, string? to, HttpContext http, PolicyLibrary library, CancellationToken ct)
    {
        var who = ApiPerson.Require(http);
        if (from is null || to is null)
        {
            throw new ProblemException(Problem.Invalid(from is null ? "from" : "to", "must name a policy, or a revision such as support@3"));
        }

        return TypedResults.Ok(new Response(from, to, await library.DifferenceAsync(who, from, to, ct)));
    }
}
