using System.Text;
using System.Text.Json;
using Gatehouse.Api;
using Gatehouse.Contracts;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Routing;

namespace Gatehouse.Guards;

/// <summary>GET /api/policies/replay — what another policy would have done with stored calls, as server-sent events.</summary>
internal static class ReplayPolicies
{
    public static void Map(IEndpointRouteBuilder api) => api.MapGet("/policies/replay", HandleAsync)
        .Produces<ReplayProgress>(contentType: "text/event-stream").WithTags("policies");

    /// <summary>
    /// Runs two policies over the stored prompts and answers of your teams and counts the calls whose verdict would change: an event with
    /// the sums after every 25 calls, the last one with `done`. Sends nothing anywhere.
    /// </summary>
    /// <param name="from">A name, for what is in force; name@3 for a revision.</param>
    /// <param name="to">The same.</param>
    /// <param name="since">Only calls that started at or after this time; a week back without it.</param>
    /// <param name="system">The id of a system: only its calls.</param>
    /// <param name="max">Most calls, newest first: 1 to 20000; default 1000.</param>
    internal static async Task HandleAsync(
        string? from, string? to, DateTimeOffset? since, Guid? system, int? max, HttpContext http, PolicyReplays replays,
        TimeProvider clock, CancellationToken ct)
    {
        var who = ApiPerson.Require(http);
        if (from is null || to is null)
        {
            throw new ProblemException(Problem.Invalid(from is null ? "from" : "to", "must name a policy, or a revision such as support@3"));
        }

        var request = new ReplayRequest(from, to, since ?? clock.GetUtcNow().AddDays(-7), system, max ?? 1000);
        await using var steps = replays.RunAsync(who, request, ct).GetAsyncEnumerator(ct);

        // Before the head is sent, so that a wrong field is still a problem and not a broken stream.
        var more = await steps.MoveNextAsync();
        http.Response.ContentType = "text/event-stream";
        http.Response.Headers.CacheControl = "no-store";
        http.Response.Headers["X-Accel-Buffering"] = "no";
        http.Features.Get<IHttpResponseBodyFeature>()?.DisableBuffering();
        for (; more; more = await steps.MoveNextAsync())
        {
            var json = JsonSerializer.Serialize(steps.Current, GuardsJson.Default.ReplayProgress);
            await http.Response.WriteAsync($"data: {json}\n\n", Encoding.UTF8, ct);
            await http.Response.Body.FlushAsync(ct);
        }
    }
}
