using Gatehouse.Api;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Gatehouse.Observability.Guard;

/// <summary>GET /api/guard/activity — what the guards found, over time.</summary>
internal static class GetGuardActivity
{
    public static void Map(IEndpointRouteBuilder api) =>
        api.MapGet("/guard/activity", HandleAsync).Produces<GuardActivityList>().WithTags("Guards").WithCallFilter();

    /// <summary>
    /// Sums findings by hour (by day where more than a week is asked for), system, policy, side, detector, type, rule and action. Of the
    /// filter of /api/calls, from, to, team, system and environment apply. Shadow rows are what would have happened.
    /// </summary>
    internal static async Task<IResult> HandleAsync(HttpContext http, GuardActivityQueries activity, CancellationToken ct)
    {
        var who = ApiPerson.Require(http);
        var items = await activity.ListAsync(who, CallFilterQuery.Read(http.Request.Query), ct);
        return TypedResults.Json(new GuardActivityList(items), ObservabilityJson.Default.GuardActivityList);
    }
}
