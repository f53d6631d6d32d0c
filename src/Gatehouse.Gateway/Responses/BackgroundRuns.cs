using System.Buffers;
using System.Collections.Concurrent;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Calls;
using Gatehouse.Gateway.Conversation;
using Gatehouse.Gateway.Providers;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Gatehouse.Gateway.Responses;

/// <summary>
/// Responses with <c>background: true</c>. Gatehouse runs them itself, with any provider: a run is an ordinary streamed call through the
/// same pipeline (so keys, limits, routes, the ledger apply to it), whose client is this process. It ends with this node: a run whose node
/// is gone is told as failed.
/// </summary>
internal sealed partial class BackgroundRuns(
    CallPipeline pipeline, IResponseStore store, TimeProvider clock, IHostApplicationLifetime lifetime, ILogger<BackgroundRuns> log)
{
    /// <summary>How often the store hears that a run goes on, and is asked whether another node wants it cancelled.</summary>
    public static readonly TimeSpan Heartbeat = TimeSpan.FromSeconds(10);

    private const int MaxRuns = 256;

    private readonly ConcurrentDictionary<(ResponseScope Scope, string Id), BackgroundRun> _runs = new();
    private int _places;

    /// <summary>The run of this id, if it is under way on this node.</summary>
    public BackgroundRun? Find(ResponseScope scope, string id) => _runs.GetValueOrDefault((scope, id));

    /// <summary>
    /// Starts a run and answers the client: with the response as it is queued, or with the run's events. Only a call that budgets and
    /// limits let through takes a place and is stored; the client of any other one gets its refusal.
    /// </summary>
    public async ValueTask StartAsync(Call call, ResponseTerms terms, ResponseThread.Expanded request)
    {
        var body = request.Body.IsEmpty ? call.Body.Memory : request.Body;
        var queued = Queued(body, terms);
        var run = new BackgroundRun(terms.Id, terms.PreviousId, queued, call.Peek.Stream, call.Table.MaxAnswerBytes);
        var http = Inner(call.Http, Streaming(body), run, out var sink);
        var scope = StoredContent.ScopeOf(call.Principal);
        var stored = new StoredResponse(scope, terms.Id, terms.PreviousId, clock.GetUtcNow(), "queued", request.Input, queued);
        run.Begin = () => Begin(run, stored);
        BodyMemory.Release(call.Body); // the run's call takes as much for its copy
        _ = Task.Run(() => RunAsync(run, stored, http, sink), CancellationToken.None);
        if (!await run.Admission.Task)
        {
            Refuse(call.Http.Response, http.Response, sink);
            return;
        }

        if (!call.Peek.Stream)
        {
            ClientAnswer.WriteWhole(call.Http.Response, StatusCodes.Status200OK, queued);
            return;
        }

        await ResponseEvents.SendAsync(call.Http, run.FollowAsync(-1, call.Aborted), clock, call.Aborted);
    }

    /// <summary>An answer that cannot be stored, since it cannot be read again.</summary>
    public void NotReadable(string id)
    {
        store.Lose();
        LostUnreadable(id);
    }

    private Problem? Begin(BackgroundRun run, StoredResponse stored)
    {
        if (Interlocked.Increment(ref _places) > MaxRuns)
        {
            Interlocked.Decrement(ref _places);
            return new Problem(
                "too_many_background_runs", 429,
                $"This node makes {MaxRuns} responses in the background already: try again when some are done.");
        }

        if (!store.TryKeep(stored))
        {
            Interlocked.Decrement(ref _places);
            return new Problem("store_full", 503, "Responses come faster than the database takes them: try again in a moment.");
        }

        _runs[(stored.Scope, run.Id)] = run;
        return null;
    }

    /// <summary>The refusal of the run's call becomes the client's, with what it says about trying again.</summary>
    private static void Refuse(HttpResponse to, HttpResponse from, BackgroundSink sink)
    {
        if (from.StatusCode == StatusCodes.Status200OK)
        {
            throw new InvalidOperationException("The call of a background response ended without an answer.");
        }

        foreach (var (name, values) in from.Headers)
        {
            to.Headers[name] = values;
        }

        ClientAnswer.WriteWhole(to, from.StatusCode, sink.Whole);
    }

    private async Task RunAsync(BackgroundRun run, StoredResponse stored, DefaultHttpContext http, BackgroundSink sink)
    {
        try
        {
            await CallAsync(run, stored, http);
            if (run.Admission.TrySetResult(false))
            {
                return;
            }

            var last = Last(run, http, sink, out var isUntold);
            run.Close(last, isUntold);
            var kept = StoredItems.Response(
                stored.Scope, stored.PreviousId, stored.CreatedAt, stored.Input, last) with { Events = run.Events() };
            if (!store.TryKeep(kept))
            {
                NotKept(run.Id);
            }
        }
#pragma warning disable CA1031 // Nobody is there to hear of it but the log.
        catch (Exception e)
#pragma warning restore CA1031
        {
            RunBroke(run.Id, e);
        }
        finally
        {
            if (_runs.TryRemove((stored.Scope, run.Id), out _))
            {
                Interlocked.Decrement(ref _places);
            }

            run.Admission.TrySetResult(false);
            run.End();
        }
    }

    private async Task CallAsync(BackgroundRun run, StoredResponse stored, DefaultHttpContext http)
    {
        http.Features.Set(new CallCuts(lifetime.ApplicationStopping));
        await using var stop = lifetime.ApplicationStopping.Register(() => _ = run.CancelAsync());
        using var beat = clock.CreateTimer(_ => _ = BeatAsync(run, stored), null, Heartbeat, Heartbeat);
        try
        {
            await pipeline.HandleAsync(http, new ResponsesSurface(store, this, clock, run));
            await http.Response.BodyWriter.FlushAsync(CancellationToken.None);
        }
#pragma warning disable CA1031 // Whatever it was, whoever asks for this response must be told that it failed.
        catch (Exception e)
#pragma warning restore CA1031
        {
            RunBroke(run.Id, e);
        }
    }

    private async Task BeatAsync(BackgroundRun run, StoredResponse stored)
    {
        try
        {
            if (run.Ended.Task.IsCompleted || !run.Admission.Task.IsCompleted)
            {
                return;
            }

            store.TryKeep(stored with { Status = "in_progress", Response = run.Response });
            if (await store.IsCancelAskedAsync(stored.Scope, run.Id, CancellationToken.None))
            {
                await run.CancelAsync();
            }
        }
        catch (ProblemException)
        {
            // The store is away: the next beat tells.
        }
    }

    /// <summary>The response as it stays, whichever way the call ended.</summary>
    /// <param name="isUntold">It has failed, and no event has said so.</param>
    private byte[] Last(BackgroundRun run, DefaultHttpContext http, BackgroundSink sink, out bool isUntold)
    {
        isUntold = false;
        var response = WireJson.ParseAnswer(run.Response);
        if (WireJson.StringOrNull(response, "status") is not ("queued" or "in_progress"))
        {
            return run.Response;
        }

        if (run.Stop.IsCancellationRequested && !lifetime.ApplicationStopping.IsCancellationRequested)
        {
            return ResponsePatch.WithStatus(response, "cancelled", null);
        }

        if (run.Error is { } told)
        {
            return ResponsePatch.WithStatus(response, "failed", new Problem(told.Code, 500, told.Message));
        }

        isUntold = true;
        var problem = lifetime.ApplicationStopping.IsCancellationRequested
            ? new Problem("server_error", 503, "Gatehouse was stopped before the response was complete: ask again.")
            : new Problem("server_error", 500, "The response could not be made; the log of Gatehouse tells more.");
        if (http.Response.StatusCode != StatusCodes.Status200OK)
        {
            var error = Providers.OpenAi.OpenAiErrorReader.Read(sink.Whole, http.Response.StatusCode);
            problem = new Problem(error.Code ?? "server_error", http.Response.StatusCode, error.Message);
        }

        return ResponsePatch.WithStatus(response, "failed", problem);
    }

    /// <summary>A request of our own with the client's key and headers, whose answer goes to the run.</summary>
    private static DefaultHttpContext Inner(HttpContext outer, byte[] body, BackgroundRun run, out BackgroundSink sink)
    {
        sink = new BackgroundSink(run);
        var http = new DefaultHttpContext { RequestAborted = run.Stop.Token };
        http.Request.Method = HttpMethods.Post;
        http.Request.Scheme = outer.Request.Scheme;
        http.Request.Path = outer.Request.Path;
        foreach (var (name, value) in outer.Request.Headers)
        {
            http.Request.Headers[name] = value;
        }

        http.Request.ContentLength = body.Length;
        http.Request.Body = new MemoryStream(body);
        http.Response.Body = sink;
        sink.IsStream = () => http.Response.ContentType == "text/event-stream";
        return http;
    }

    /// <summary>The request as the run makes it: always streamed, so that a long silence is a fault and not a long thought.</summary>
    private static byte[] Streaming(ReadOnlyMemory<byte> body)
    {
        var to = new ArrayBufferWriter<byte>(body.Length + 32);
        using (var json = JsonOut.Begin(to))
        {
            json.WriteStartObject();
            foreach (var member in WireJson.ParseRequest(body.Span).EnumerateObject())
            {
                if (member.Name is not ("background" or "stream" or "previous_response_id"))
                {
                    json.WriteRaw(member.Name, member.Value);
                }
            }

            json.WriteBoolean("stream", true);
            json.WriteEndObject();
        }

        return to.WrittenSpan.ToArray();
    }

    private byte[] Queued(ReadOnlyMemory<byte> body, ResponseTerms terms)
    {
        var root = WireJson.ParseRequest(body.Span);
        var request = new ChatRequest { Wire = WireFormat.Responses, Body = root, Model = WireJson.StringOrEmpty(root, "model") };
        var draft = new ResponseDraft(terms.Id) { CreatedAt = clock.GetUtcNow().ToUnixTimeSeconds() };
        var to = new ArrayBufferWriter<byte>();
        using (var json = JsonOut.Begin(to))
        {
            ResponseWriter.Write(json, draft, request, terms, "queued");
        }

        return to.WrittenSpan.ToArray();
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "The background response {Id} broke on a mistake of Gatehouse.")]
    private partial void RunBroke(string id, Exception e);

    [LoggerMessage(Level = LogLevel.Error, Message = "The response {Id} is not stored: the provider's answer cannot be read again.")]
    private partial void LostUnreadable(string id);

    [LoggerMessage(Level = LogLevel.Error,
        Message = "The background response {Id} could not be kept: the database takes responses too slowly.")]
    private partial void NotKept(string id);
}
