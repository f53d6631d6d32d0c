using System.Globalization;
using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Calls;
using Gatehouse.Gateway.Chat;
using Gatehouse.Gateway.Conversation;
using Gatehouse.Gateway.Routing;
using Gatehouse.Gateway.Scheduling;
using Gatehouse.Gateway.Streaming;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Gatehouse.Gateway.Responses;

/// <summary>
/// Everything under <c>/v1/responses</c>: POST makes a response; GET, DELETE, <c>/cancel</c> and <c>/input_items</c> are about a stored
/// one. What another system or environment owns does not exist.
/// </summary>
internal sealed partial class ResponsesHandler(
    CallPipeline pipeline, IResponseStore store, BackgroundRuns runs, Snapshot<GatewayTable> tables, TimeProvider clock,
    ILogger<ResponsesHandler> log)
{
    public const string Path = "/v1/responses";

    private const int DefaultItems = 20;
    private const int MostItems = 100;
    private static readonly TimeSpan Poll = TimeSpan.FromSeconds(1);

    public Task CreateAsync(HttpContext http) => pipeline.HandleAsync(http, new ResponsesSurface(store, runs, clock));

    /// <summary>POST /v1/responses/input_tokens.</summary>
    private Task CountAsync(HttpContext http) => pipeline.HandleAsync(http, new TokenCountSurface(
        new ResponsesSurface(store, runs, clock, isCount: true), "/responses/input_tokens", "response.input_tokens",
        ResponsesRequestReader.Read));

    /// <param name="rest">What follows <see cref="Path"/> and a slash.</param>
    /// <returns><see langword="null"/> when there is no such address.</returns>
    public Task? TryHandle(HttpContext http, string rest)
    {
        var slash = rest.IndexOf('/', StringComparison.Ordinal);
        var (id, what) = slash < 0 ? (rest, "") : (rest[..slash], rest[slash..]);
        return (http.Request.Method, what) switch
        {
            ("POST", "") when id == "input_tokens" => CountAsync(http),
            ("GET", "") => PoolContext.RunAsync(AnswerAsync, new Asked(http, id, GetAsync)),
            ("DELETE", "") => PoolContext.RunAsync(AnswerAsync, new Asked(http, id, DeleteAsync)),
            ("POST", "/cancel") => PoolContext.RunAsync(AnswerAsync, new Asked(http, id, CancelAsync)),
            ("GET", "/input_items") => PoolContext.RunAsync(AnswerAsync, new Asked(http, id, ListItemsAsync)),
            _ => null,
        };
    }

    private async Task AnswerAsync(Asked asked)
    {
        var http = asked.Http;
        var requestId = RequestIds.For(http.Request, Guid.CreateVersion7());
        ClientAnswer.Identify(http.Response, requestId, null);
        var problem = Authentication.Check(tables.Current, http.Request, clock.GetUtcNow(), out var principal);
        try
        {
            if (problem is null)
            {
                problem = principal!.StoreContent ? null : StoredContent.NotStored(null, "keep the answers yourself", principal);
            }

            if (problem is null)
            {
                await asked.Answer(http, StoredContent.ScopeOf(principal!), asked.Id);
                return;
            }
        }
        catch (ProblemException e)
        {
            problem = e.Problem;
        }
        catch (OperationCanceledException) when (http.RequestAborted.IsCancellationRequested)
        {
            return;
        }
#pragma warning disable CA1031 // A mistake of ours still gets an answer in the caller's format.
        catch (Exception e)
#pragma warning restore CA1031
        {
            Broke(requestId, e);
            problem = new Problem("internal_error", 500, "Gatehouse made a mistake; its log tells more under this request id.");
        }

        using var body = new PooledBuffer(512);
        ChatErrors.Write(problem, requestId, body);
        ClientAnswer.WriteWhole(http.Response, problem.Status, body.Span);
    }

    private async Task GetAsync(HttpContext http, ResponseScope scope, string id)
    {
        var run = runs.Find(scope, id);
        if (http.Request.Query["stream"] != "true")
        {
            var response = run is null ? (await FindAsync(http, scope, id)).Response : run.Response;
            ClientAnswer.WriteWhole(http.Response, StatusCodes.Status200OK, response.Span);
            return;
        }

        var after = Number(http, "starting_after", -1, int.MaxValue) ?? -1;
        if (run is { KeepsEvents: true })
        {
            await ResponseEvents.SendAsync(http, run.FollowAsync(after, http.RequestAborted), clock, http.RequestAborted);
            return;
        }

        var stored = await FindAsync(http, scope, id);
        if (stored is { IsRunning: false, Events.IsEmpty: true } || run is not null)
        {
            throw new ProblemException(new Problem(
                "not_streamed", 400,
                "Only a response that was asked for with 'background' and 'stream' can be streamed again: ask without 'stream'.")
            {
                Field = "stream",
            });
        }

        await ResponseEvents.SendAsync(http, FollowAsync(http, stored, after), clock, http.RequestAborted);
    }

    /// <summary>The events of a run on another node, once it has ended; at once when it has.</summary>
    private async IAsyncEnumerable<byte[]> FollowAsync(HttpContext http, StoredResponse found, int after)
    {
        var stored = found;
        while (stored is { IsRunning: true })
        {
            await Task.Delay(Poll, clock, http.RequestAborted);
            stored = await store.FindAsync(stored.Scope, stored.Id, http.RequestAborted);
        }

        foreach (var e in ResponseEvents.Split(stored?.Events ?? default, after))
        {
            yield return e;
        }
    }

    private async Task DeleteAsync(HttpContext http, ResponseScope scope, string id)
    {
        if (runs.Find(scope, id) is { } run)
        {
            await run.CancelAsync();
            await run.Ended.Task.WaitAsync(http.RequestAborted);
        }

        if (!await store.DeleteAsync(scope, id, http.RequestAborted))
        {
            throw new ProblemException(NotFound(id));
        }

        Write(http, json =>
        {
            json.WriteStartObject();
            json.WriteString("id", id);
            json.WriteString("object", "response");
            json.WriteBoolean("deleted", true);
            json.WriteEndObject();
        });
    }

    private async Task CancelAsync(HttpContext http, ResponseScope scope, string id)
    {
        var run = runs.Find(scope, id);
        if (run is not null)
        {
            await run.CancelAsync();
            await run.Ended.Task.WaitAsync(http.RequestAborted);
        }

        var stored = await FindAsync(http, scope, id);
        if (stored.IsRunning)
        {
            await store.CancelAsync(scope, id, http.RequestAborted);
        }
        else if (run is null && WireJson.TryGet(WireJson.ParseAnswer(stored.Response.Span), "background", out var background)
            && background.ValueKind == JsonValueKind.False)
        {
            throw new ProblemException(new Problem(
                "not_in_background", 400,
                "Only a response that was asked for with 'background' can be cancelled: end the request of any other one."));
        }

        ClientAnswer.WriteWhole(http.Response, StatusCodes.Status200OK, stored.Response.Span);
    }

    private async Task ListItemsAsync(HttpContext http, ResponseScope scope, string id)
    {
        var order = http.Request.Query["order"].ToString();
        if (order is not ("" or "asc" or "desc"))
        {
            throw WireJson.Invalid("order", "must be 'asc' or 'desc'");
        }

        var limit = Number(http, "limit", 1, MostItems) ?? DefaultItems;
        var thread = await store.FindThreadAsync(scope, id, ResponseThread.MostStored(tables.Current.MaxBodyBytes), http.RequestAborted);
        if (thread is not [.., var last])
        {
            throw new ProblemException(NotFound(id));
        }

        var items = StoredItems.OfThread([.. thread.SkipLast(1)]).Concat(WireJson.Parse(last.Input.Span).EnumerateArray()).ToList();
        if (order != "asc")
        {
            items.Reverse();
        }

        var after = http.Request.Query["after"].ToString();
        var start = after.Length == 0 ? 0 : items.FindIndex(i => WireJson.StringOrNull(i, "id") == after) + 1;
        if (after.Length > 0 && start == 0)
        {
            throw WireJson.Invalid("after", "names no item of this response");
        }

        var page = items.Skip(start).Take(limit).ToList();
        Write(http, json =>
        {
            json.WriteStartObject();
            json.WriteString("object", "list");
            json.WriteStartArray("data");
            page.ForEach(json.WriteRaw);
            json.WriteEndArray();
            json.WriteStringOrNull("first_id", page.Count > 0 ? WireJson.StringOrNull(page[0], "id") : null);
            json.WriteStringOrNull("last_id", page.Count > 0 ? WireJson.StringOrNull(page[^1], "id") : null);
            json.WriteBoolean("has_more", start + page.Count < items.Count);
            json.WriteEndObject();
        });
    }

    private async ValueTask<StoredResponse> FindAsync(HttpContext http, ResponseScope scope, string id) =>
        await store.FindAsync(scope, id, http.RequestAborted) ?? throw new ProblemException(NotFound(id));

    private static Problem NotFound(string id) => new(
        "not_found", 404,
        $"There is no response '{ParameterNames.Shown(id, 80)}' here: it was not stored, has expired or was deleted, or another system or environment owns it.");

    private static int? Number(HttpContext http, string name, int least, int most)
    {
        var text = http.Request.Query[name].ToString();
        return text.Length == 0 ? null
            : int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= least && number <= most
                ? number
            : throw WireJson.Invalid(
                name, string.Create(CultureInfo.InvariantCulture, $"must be a whole number from {Math.Max(least, 0)} to {most}"));
    }

    private static void Write(HttpContext http, Action<Utf8JsonWriter> write)
    {
        using var body = new PooledBuffer();
        using (var json = JsonOut.Begin(body))
        {
            write(json);
        }

        ClientAnswer.WriteWhole(http.Response, StatusCodes.Status200OK, body.Span);
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "Request {RequestId} about a stored response broke on a mistake of Gatehouse.")]
    private partial void Broke(string requestId, Exception e);

    private sealed record Asked(HttpContext Http, string Id, Func<HttpContext, ResponseScope, string, Task> Answer);
}
