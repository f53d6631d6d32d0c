using System.Text.Json.Serialization;
using Gatehouse.Api;
using Gatehouse.Contracts;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace Gatehouse.Governance;

/// <summary>POST /api/systems — registers an AI system.</summary>
internal static class CreateSystem
{
    [JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
    internal sealed record Request(string Team, string Name, string Purpose, string Owner, SystemStage Stage = SystemStage.Building);

    public static void Map(IEndpointRouteBuilder api) => api.MapPost("/systems", HandleAsync).WithTags("systems");

    /// <summary>Registers an AI system. Its owner is the person who answers for it.</summary>
    internal static async Task<Created<AiSystem>> HandleAsync(Request request, HttpContext http, Systems systems, CancellationToken ct)
    {
        var system = new NewSystem(request.Team, request.Name, request.Purpose, request.Owner, request.Stage);
        var created = await systems.CreateAsync(ApiPerson.Require(http), system, ct);
        return TypedResults.Created($"/api/systems/{created.Id}", created);
    }
}
