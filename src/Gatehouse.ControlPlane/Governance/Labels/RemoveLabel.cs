using Gatehouse.Api;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace Gatehouse.Governance;

/// <summary>DELETE /api/guard/labels/{id} — deletes a label and its text.</summary>
internal static class RemoveLabel
{
    public static void Map(IEndpointRouteBuilder api) => api.MapDelete("/guard/labels/{id:guid}", HandleAsync).WithTags("guard");

    /// <summary>Deletes a label and its text.</summary>
    internal static async Task<NoContent> HandleAsync(Guid id, HttpContext http, Labels labels, CancellationToken ct)
    {
        await labels.RemoveAsync(ApiPerson.Require(http), id, ct);
        return TypedResults.NoContent();
    }
}
