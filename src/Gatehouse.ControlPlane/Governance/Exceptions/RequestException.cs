using System.Text.Json.Serialization;
using Gatehouse.Api;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace Gatehouse.Governance;

/// <summary>POST /api/exceptions — asks for an exception from the guard policy of a system.</summary>
internal static class RequestException
{
    /// <param name="Detector">Such as pii; all without it.</param>
    /// <param name="Types">Such as EMAIL_ADDRESS; all without them.</param>
    /// <param name="Until">When it ends; at most a year from now.</param>
    [JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
    internal sealed record Request(
        Guid System, DateTimeOffset Until, string Reason, string? Detector = null, IReadOnlyList<string>? Types = null);

    public static void Map(IEndpointRouteBuilder api) => api.MapPost("/exceptions", HandleAsync).WithTags("guard");

    /// <summary>
    /// Asks that what the policy would do about findings of these types is only flagged for this system. Nothing changes until another
    /// person approves it.
    /// </summary>
    internal static async Task<Created<PolicyException>> HandleAsync(
        Request request, HttpContext http, PolicyExceptions exceptions, CancellationToken ct) =>
        TypedResults.Created((string?)null, await exceptions.RequestAsync(
            ApiPerson.Require(http),
            new NewException(request.System, request.Detector, request.Types ?? [], request.Until, request.Reason),
            ct));
}
