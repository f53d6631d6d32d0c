using Gatehouse.Api;
using Gatehouse.Contracts;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace Gatehouse.Governance;

/// <summary>GET /api/switches — what is switched off.</summary>
internal static class ListSwitches
{
    public static void Map(IEndpointRouteBuilder api) => api.MapGet("/switches", HandleAsync).WithTags("switches");

    /// <summary>Lists the kill switches that are thrown: those of everybody, and those of systems and keys that you may see.</summary>
    internal static async Task<Ok<Listing<Switch>>> HandleAsync(HttpContext http, Switches switches, CancellationToken ct) =>
        TypedResults.Ok(new Listing<Switch>(await switches.ListAsync(ApiPerson.Require(http), ct)));
}
