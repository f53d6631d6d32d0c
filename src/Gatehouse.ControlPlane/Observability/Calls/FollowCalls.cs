using System.Text;
using System.Text.Json;
using Gatehouse.Api;
using Gatehouse.Contracts;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Routing;

namespace Gatehouse.Observability.Calls;

/// <summary>GET /api/calls/follow — each call as it ends, as server-sent events.</summary>
internal static class FollowCalls
{
    /// <summary>A comment is sent after this much silence, so that proxies keep the connection and a lost client is noticed.</summary>
    private static readonly TimeSpan Heartbeat = TimeSpan.FromSeconds(15);

    public static void Map(IEndpointRouteBuilder api) => api.MapGet("/calls/follow", HandleAsync)
        .Produces<CallSummary>(contentType: "text/event-stream").WithTags("Calls").WithCallFilter(CallFilterQuery.After);

    /// <summary>
    /// Sends each call that matches the filter as it ends, first those since the call that <c>after</c> or <c>Last-Event-ID</c> names;
    /// closes when the sign-in is revoked, and after 15 minutes: the client then connects again.
    /// </summary>
    internal static async Task HandleAsync(HttpContext http, CallQueries calls, TimeProvider clock, CancellationToken ct)
    {
        ApiPerson.Require(http);
        var filter = CallFilterQuery.Read(http.Request.Query, CallFilterQuery.After.Name);
        using var place = calls.Admit(ApiPerson.Lasting(http));
        using var over = CancellationTokenSource.CreateLinkedTokenSource(ct);
        await using var follower = calls.FollowAsync(place, filter, CallFilterQuery.ReadAfter(http.Request), over.Token)
            .GetAsyncEnumerator(over.Token);

        // Before the head is sent, so that a wrong filter is still a problem and not a broken stream.
        var next = follower.MoveNextAsync().AsTask();
        try
        {
            if (next.IsFaulted)
            {
                await next;
            }

            http.Response.ContentType = "text/event-stream";
            http.Response.Headers.CacheControl = "no-store";
            http.Response.Headers["X-Accel-Buffering"] = "no";
            http.Features.Get<IHttpResponseBodyFeature>()?.DisableBuffering();
            await http.Response.WriteAsync(": following\n\n", ct);
            await http.Response.Body.FlushAsync(ct);
            while (await HasNextAsync(next, http, clock, ct))
            {
                var json = JsonSerializer.Serialize(follower.Current, ObservabilityJson.Default.CallSummary);
                await http.Response.WriteAsync($"id: {follower.Current.Id}\ndata: {json}\n\n", Encoding.UTF8, ct);
                await http.Response.Body.FlushAsync(ct);
                next = follower.MoveNextAsync().AsTask();
            }
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested)
        {
            // The reader went away.
        }
        catch (ProblemException) when (http.Response.HasStarted)
        {
            // The team that the filter names is out of the reader's reach now: the stream ends.
        }
        finally
        {
            // An iterator may not be disposed while it runs.
            await over.CancelAsync();
            await ((Task)next).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private static async Task<bool> HasNextAsync(Task<bool> next, HttpContext http, TimeProvider clock, CancellationToken ct)
    {
        while (true)
        {
            using var silence = CancellationTokenSource.CreateLinkedTokenSource(ct);
            var first = await Task.WhenAny(next, Task.Delay(Heartbeat, clock, silence.Token));
            await silence.CancelAsync();
            if (first == next || ct.IsCancellationRequested)
            {
                return await next;
            }

            await http.Response.WriteAsync(": still here\n\n", ct);
            await http.Response.Body.FlushAsync(ct);
        }
    }
}
