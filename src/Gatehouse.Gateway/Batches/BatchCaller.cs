using System.Globalization;
using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Calls;
using Gatehouse.Gateway.Chat;
using Gatehouse.Gateway.Completions;
using Gatehouse.Gateway.Conversation;
using Gatehouse.Gateway.Embeddings;
using Gatehouse.Gateway.Messages;
using Gatehouse.Gateway.Moderations;
using Gatehouse.Gateway.Responses;
using Gatehouse.Gateway.Streaming;
using Microsoft.AspNetCore.Http;

namespace Gatehouse.Gateway.Batches;

/// <summary>Makes an item's call: an ordinary one through the same pipeline, whose client is this process.</summary>
internal sealed class BatchCaller(CallPipeline pipeline, IResponseStore responses, BackgroundRuns runs, TimeProvider clock)
{
    public const string MessagesPath = "/v1/messages";

    private const string ChatPath = "/v1/chat/completions";
    private const string CompletionsPath = "/v1/completions";
    private const string EmbeddingsPath = "/v1/embeddings";
    private const string ModerationsPath = "/v1/moderations";

    /// <summary>What OpenAI's batches may ask for.</summary>
    public static readonly IReadOnlyList<string> Endpoints =
        [ChatPath, ResponsesHandler.Path, CompletionsPath, EmbeddingsPath, ModerationsPath];

    /// <param name="stop">Ends when this node stops and cuts the call.</param>
    /// <param name="ct">Ends then too, and when the batch is lost.</param>
    /// <exception cref="OperationCanceledException">The call was given up.</exception>
    public async Task<BatchAnswer> CallAsync(Batch batch, BatchItem item, CancellationToken stop, CancellationToken ct)
    {
        var surface = SurfaceOf(batch.Endpoint);
        var requestId = BatchWords.RequestId(batch, item);
        if (NotInBatches(item) is { } refusal)
        {
            using var body = new PooledBuffer(512);
            surface.WriteError(refusal, requestId, body);
            return new BatchAnswer(refusal.Status, requestId, body.Span.ToArray(), null, true);
        }

        using var answer = new MemoryStream();
        var http = new DefaultHttpContext { RequestAborted = ct };
        http.Features.Set(new CallCuts(stop) { IsOfBatch = true });
        http.Request.Method = HttpMethods.Post;
        http.Request.Path = batch.Endpoint;
        http.Request.ContentType = "application/json";
        http.Request.ContentLength = item.Body.Length;
        http.Request.Body = new MemoryStream(item.Body, writable: false);
        foreach (var (name, value) in batch.Headers)
        {
            http.Request.Headers[name] = value;
        }

        http.Request.Headers["x-request-id"] = requestId;
        http.Response.Body = answer;
        await pipeline.HandleAsync(http, surface, new CallOrigin(batch.KeyId, batch.Id));
        await http.Response.BodyWriter.FlushAsync(CancellationToken.None);
        if (answer.Length == 0)
        {
            ct.ThrowIfCancellationRequested();
        }

        var bytes = answer.ToArray();
        BatchWords.OnOneLine(bytes);
        var headers = http.Response.Headers;
        return new BatchAnswer(
            http.Response.StatusCode,
            requestId,
            bytes,
            int.TryParse(
                headers.RetryAfter.ToString(), NumberStyles.None, CultureInfo.InvariantCulture, out var seconds) ? TimeSpan.FromSeconds(
                    seconds) : null,
            headers["x-should-retry"] == "false");
    }

    private Surface SurfaceOf(string endpoint) => endpoint switch
    {
        ChatPath => ChatSurface.Instance,
        CompletionsPath => CompletionsSurface.Instance,
        EmbeddingsPath => new EmbeddingsSurface(),
        ModerationsPath => ModerationsSurface.Instance,
        MessagesPath => MessagesSurface.Instance,
        _ => new ResponsesSurface(responses, runs, clock),
    };

    private static Problem? NotInBatches(BatchItem item)
    {
        var body = WireJson.Parse(item.Body);
        foreach (var name in (string[])["stream", "background"])
        {
            if (WireJson.TryGet(body, name, out var asked) && asked.ValueKind == JsonValueKind.True)
            {
                return new Problem("invalid_request", 400, $"'{name}' is not for batches: leave it out.") { Field = name };
            }
        }

        return null;
    }
}
