using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace Gatehouse.Governance;

/// <summary>GET /api/version — which Gatehouse this is.</summary>
internal static class GetVersion
{
    internal sealed record Answer(string Version);

    public static void Map(IEndpointRouteBuilder api) => api.MapGet("/version", Handle).AllowAnonymous().WithTags("installation");

    /// <summary>Shows the version of this server.</summary>
    internal static Ok<Answer> Handle() => TypedResults.Ok(new Answer(typeof(GetVersion).Assembly.GetName().Version!.ToString(3)));
}
