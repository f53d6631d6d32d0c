using Gatehouse.Api;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace Gatehouse.Governance;

/// <summary>DELETE /api/people/{id} — removes an account.</summary>
internal static class RemovePerson
{
    public static void Map(IEndpointRouteBuilder api) => api.MapDelete("/people/{id:guid}", HandleAsync).WithTags("people");

    /// <summary>Removes a person with their sessions and access tokens. Keys of systems that they made go on working.</summary>
    /// <param name="reason">Why; goes to the audit log.</param>
    internal static async Task<NoContent> HandleAsync(Guid id, string? reason, HttpContext http, People people, CancellationToken ct)
    {
        await people.RemoveAsync(ApiPerson.Require(http), id, reason, ct);
        return TypedResults.NoContent();
    }
}
