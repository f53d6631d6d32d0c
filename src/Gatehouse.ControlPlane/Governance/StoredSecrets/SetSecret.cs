using System.Text.Json.Serialization;
using Gatehouse.Api;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace Gatehouse.Governance;

/// <summary>PUT /api/secrets/{name} — stores a secret, or changes its value.</summary>
internal static class SetSecret
{
    [JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
    internal sealed record Request(string Value)
    {
        public override string ToString() => nameof(Request);
    }

    public static void Map(IEndpointRouteBuilder api) => api.MapPut("/secrets/{name}", HandleAsync).WithTags("secrets");

    /// <summary>
    /// Stores a secret, encrypted, for `${secret:NAME}` in the configuration; nothing returns its value. A changed one is used on this node
    /// when this answers, on the others within a second; calls under way end with the one before.
    /// </summary>
    internal static async Task<Ok<StoredSecret>> HandleAsync(
        string name, Request request, HttpContext http, StoredSecrets secrets, CancellationToken ct) =>
        TypedResults.Ok(await secrets.SetAsync(ApiPerson.Require(http), name, request.Value ?? "", ct));
}
