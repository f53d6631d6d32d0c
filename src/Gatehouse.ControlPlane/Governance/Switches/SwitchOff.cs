using System.Text.Json.Serialization;
using Gatehouse.Api;
using Gatehouse.Contracts;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace Gatehouse.Governance;

/// <summary>POST /api/switches — switches a provider, model, route, system or key off.</summary>
internal static class SwitchOff
{
    [JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
    internal sealed record Request(SwitchKind Kind, string Subject, string Reason);

    public static void Map(IEndpointRouteBuilder api) => api.MapPost("/switches", HandleAsync).WithTags("switches");

    /// <summary>
    /// Refuses the calls of a provider, model, route, system or key: on every node when this answers. The
    /// subject is a name, or the id of a system or key; callers read the reason.
    /// </summary>
    internal static async Task<Created<Switch>> HandleAsync(Request request, HttpContext http, Switches switches, CancellationToken ct) =>
        TypedResults.Created(
            (string?)null, await switches.OffAsync(ApiPerson.Require(http), request.Kind, request.Subject, request.Reason, ct));
}
