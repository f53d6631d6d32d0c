using System.Text;
using Gatehouse.Api;
using Gatehouse.Console.Frame;
using Gatehouse.Contracts;
using Gatehouse.Observability;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Components;
using Microsoft.AspNetCore.Components.Web;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Logging;

namespace Gatehouse.Console.Calls;

/// <summary>GET /calls/tail — server-sent events: each new call that fits the page's filters, as a row of its table.</summary>
internal static class CallTail
{
    public static void Map(IEndpointRouteBuilder app) => app.MapGet("/calls/tail", FollowAsync);

    private static async Task FollowAsync(HttpContext http, Visit visit, CallQueries calls, ILoggerFactory logs)
    {
        var ct = http.RequestAborted;
        var filter = CallLinks.Filter(visit) with { From = null, To = null, Before = null };
        using var place = calls.Admit(ApiPerson.Lasting(http));
        http.Response.ContentType = "text/event-stream";
        http.Response.Headers.CacheControl = "no-store";
        http.Features.Get<IHttpResponseBodyFeature>()?.DisableBuffering();
        await http.Response.WriteAsync(": following\n\n", ct);
        await http.Response.Body.FlushAsync(ct);

        await using var renderer = new HtmlRenderer(http.RequestServices, logs);
        try
        {
            await foreach (var call in calls.FollowAsync(place, filter, After(http.Request), ct))
            {
                await http.Response.WriteAsync(Event(call.Id, await RenderAsync(renderer, call)), ct);
                await http.Response.Body.FlushAsync(ct);
            }
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested)
        {
            // The reader left the page.
        }
        catch (ProblemException)
        {
            // The team that the page shows is out of the reader's reach now: the stream ends.
        }
        catch (Exception e) when (AwayDatabase.IsMeant(e))
        {
            // The browser connects again, and says what it has.
        }
    }

    /// <summary>What the page has: as the browser says when it connects again, else as the page said.</summary>
    private static Guid? After(HttpRequest request) =>
        Guid.TryParse(request.Headers["Last-Event-ID"], out var last) || Guid.TryParse(request.Query["after"], out last) ? last : null;

    private static Task<string> RenderAsync(HtmlRenderer renderer, CallSummary call) => renderer.Dispatcher.InvokeAsync(async () =>
    {
        var row = await renderer.RenderComponentAsync<CallRow>(
            ParameterView.FromDictionary(new Dictionary<string, object?> { [nameof(CallRow.Call)] = call }));
        return row.ToHtmlString();
    });

    private static string Event(Guid id, string html)
    {
        var text = new StringBuilder("event: call\nid: ").Append(id).Append('\n');
        foreach (var line in html.Split('\n'))
        {
            text.Append("data: ").Append(line.TrimEnd('\r')).Append('\n');
        }

        return text.Append('\n').ToString();
    }
}
