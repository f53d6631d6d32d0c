using Gatehouse.Api;
using Gatehouse.Contracts;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace Gatehouse.Guards;

/// <summary>GET /api/guard/plug-ins — how the guards outside of the process fare.</summary>
internal static class ListPlugIns
{
    public static void Map(IEndpointRouteBuilder api) => api.MapGet("/guard/plug-ins", Handle).WithTags("guard");

    /// <summary>
    /// Lists the models and webhooks that rules of policies asked on this node in the last hour, slowest first: how often, how long it took
    /// and how often there was no verdict. For those who may read the settings of the whole installation.
    /// </summary>
    internal static Ok<Listing<PlugInStanding>> Handle(HttpContext http, PlugInStandings standings)
    {
        var who = ApiPerson.Require(http);
        return TypedResults.Ok(new Listing<PlugInStanding>(standings.List(who)));
    }
}
