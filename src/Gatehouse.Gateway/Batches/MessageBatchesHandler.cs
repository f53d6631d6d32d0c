using System.Buffers;
using System.Globalization;
using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Conversation;
using Gatehouse.Gateway.Messages;
using Gatehouse.Gateway.Routing;
using Microsoft.AspNetCore.Http;

namespace Gatehouse.Gateway.Batches;

/// <summary>Anthropic's <c>/v1/messages/batches</c>: what another system or environment owns does not exist.</summary>
internal sealed class MessageBatchesHandler(
    OwnedRequests requests, IBatchStore store, IFileStore files, BatchRunner runner, Snapshot<GatewayTable> tables, TimeProvider clock)
{
    public const string Path = "/v1/messages/batches";

    private const int DefaultListed = 20;
    private const int MostListed = 1000;
    private const int MaxCustomIdChars = 64;

    private static readonly SearchValues<char> IdChars =
        SearchValues.Create("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");

    /// <returns><see langword="null"/> when there is no such address.</returns>
    public Task? TryHandle(HttpContext http, string path)
    {
        if (path == Path)
        {
            return http.Request.Method switch
            {
                "POST" => requests.RunAsync(http, MessagesSurface.Instance, "", CreateAsync),
                "GET" => requests.RunAsync(http, MessagesSurface.Instance, "", ListAsync),
                _ => null,
            };
        }

        var rest = path[(Path.Length + 1)..];
        var slash = rest.IndexOf('/', StringComparison.Ordinal);
        var (id, what) = slash < 0 ? (rest, "") : (rest[..slash], rest[slash..]);
        return (http.Request.Method, what) switch
        {
            ("GET", "") => requests.RunAsync(http, MessagesSurface.Instance, id, GetAsync),
            ("DELETE", "") => requests.RunAsync(http, MessagesSurface.Instance, id, DeleteAsync),
            ("POST", "/cancel") => requests.RunAsync(http, MessagesSurface.Instance, id, CancelAsync),
            ("GET", "/results") => requests.RunAsync(http, MessagesSurface.Instance, id, ResultsAsync),
            _ => null,
        };
    }

    private async Task CreateAsync(HttpContext http, Principal principal, string none)
    {
        using var body = await requests.ReadAsync(http);
        var asked = WireJson.RequireArray(WireJson.ParseRequest(body.Span), "", "requests");
        var (owner, settings, now) = (BatchOwner.Of(principal), tables.Current.Batches, clock.GetUtcNow());
        var id = $"msgbatch_{Guid.CreateVersion7(now):N}";
        var lines = Lines(asked, settings, out var total);
        var input = new StoredFile(owner, id, StoredFile.Inner, id, lines.WrittenCount, now, now + BatchesHandler.Window + settings.Keep);
        var batch = new Batch(
            owner, id, BatchFormat.Anthropic, principal.KeyId, BatchCaller.MessagesPath, id, null, now, now + BatchesHandler.Window)
        {
            Status = BatchStatus.InProgress,
            InProgressAt = now,
            Counts = new(total, 0, 0, 0, 0),
            Headers = BatchesHandler.HeadersOf(http.Request, "anthropic-version", "anthropic-beta"),
            KeepOutput = settings.Keep,
        };
        await files.BeginAsync(input, http.RequestAborted);
        try
        {
            var (rest, number) = (lines.WrittenMemory, 0);
            for (; !rest.IsEmpty; rest = rest[Math.Min(rest.Length, IFileStore.MaxChunkBytes)..])
            {
                await files.AppendAsync(
                    owner, id, number++, rest[..Math.Min(rest.Length, IFileStore.MaxChunkBytes)].ToArray(), settings.QuotaBytes,
                    http.RequestAborted);
            }

            await files.CompleteAsync(input, http.RequestAborted);
            await store.AddAsync(batch, http.RequestAborted);
        }
        catch
        {
            await files.AbandonAsync(owner, id, CancellationToken.None);
            throw;
        }

        runner.Wake();
        OwnedRequests.Write(http, json => Write(json, http, batch));
    }

    private async Task ListAsync(HttpContext http, Principal principal, string none)
    {
        var limit = OwnedRequests.Limit(http, DefaultListed, MostListed);
        var (after, before) = (http.Request.Query["after_id"].ToString(), http.Request.Query["before_id"].ToString());
        var found = await store.ListAsync(
            BatchOwner.Of(principal), BatchFormat.Anthropic, after.Length == 0 ? null : after, before.Length == 0 ? null : before,
            limit + 1, http.RequestAborted);
        var page = (before.Length == 0 ? found.Take(limit) : found.TakeLast(limit)).ToList();
        OwnedRequests.Write(http, json =>
        {
            json.WriteStartObject();
            json.WriteStartArray("data");
            page.ForEach(b => Write(json, http, b));
            json.WriteEndArray();
            json.WriteBoolean("has_more", found.Count > limit);
            json.WriteStringOrNull("first_id", page.Count > 0 ? page[0].Id : null);
            json.WriteStringOrNull("last_id", page.Count > 0 ? page[^1].Id : null);
            json.WriteEndObject();
        });
    }

    private async Task GetAsync(HttpContext http, Principal principal, string id)
    {
        var batch = await FindAsync(http, principal, id);
        OwnedRequests.Write(http, json => Write(json, http, batch));
    }

    private async Task CancelAsync(HttpContext http, Principal principal, string id)
    {
        var batch = await store.CancelAsync(BatchOwner.Of(principal), BatchFormat.Anthropic, id, http.RequestAborted) ?? throw NotFound(id);
        if (batch.EndedAt is not null)
        {
            throw Refused($"The message batch '{id}' has ended: there is nothing left to cancel.");
        }

        runner.Cancelled(id);
        OwnedRequests.Write(http, json => Write(json, http, batch));
    }

    private async Task DeleteAsync(HttpContext http, Principal principal, string id)
    {
        var batch = await FindAsync(http, principal, id);
        if (batch.EndedAt is null)
        {
            throw Refused($"The message batch '{id}' has not ended: cancel it first.");
        }

        await store.DeleteAsync(batch, http.RequestAborted);
        OwnedRequests.Write(http, json =>
        {
            json.WriteStartObject();
            json.WriteString("id", id);
            json.WriteString("type", "message_batch_deleted");
            json.WriteEndObject();
        });
    }

    private async Task ResultsAsync(HttpContext http, Principal principal, string id)
    {
        var batch = await FindAsync(http, principal, id);
        if (batch.EndedAt is null)
        {
            throw Refused($"The message batch '{id}' has not ended: its results are not there yet.");
        }

        http.Response.ContentType = "application/x-jsonl";
        await foreach (var line in store.ReadResultsAsync(batch, http.RequestAborted))
        {
            await http.Response.Body.WriteAsync(line, http.RequestAborted);
        }
    }

    /// <summary>The requests as the batch's own file has them, a line each.</summary>
    /// <exception cref="ProblemException">One of them cannot be in a batch.</exception>
    private static ArrayBufferWriter<byte> Lines(JsonElement asked, BatchSettings settings, out int total)
    {
        total = asked.GetArrayLength();
        if (total == 0 || total > settings.MaxItems)
        {
            throw WireJson.Invalid("requests", string.Create(
                CultureInfo.InvariantCulture,
                $"must have 1 to {settings.MaxItems} requests, the limit of this installation (batches.max_items)"));
        }

        var (lines, ids) = (new ArrayBufferWriter<byte>(), new HashSet<string>(StringComparer.Ordinal));
        foreach (var request in asked.EnumerateArray())
        {
            var path = string.Create(CultureInfo.InvariantCulture, $"requests.{ids.Count}");
            var customId = WireJson.RequireString(request, path, "custom_id");
            if (customId.Length > MaxCustomIdChars || customId.AsSpan().ContainsAnyExcept(IdChars))
            {
                throw WireJson.Invalid($"{path}.custom_id", $"must be 1 to {MaxCustomIdChars} letters, digits, hyphens and underscores");
            }

            if (!ids.Add(customId))
            {
                throw WireJson.Invalid($"{path}.custom_id", $"must be unique in the batch: '{customId}' appears twice");
            }

            var line = new ArrayBufferWriter<byte>();
            using (var json = JsonOut.Begin(line))
            {
                json.WriteStartObject();
                json.WriteString("custom_id", customId);
                json.WriteRaw("params", WireJson.RequireObject(request, path, "params"));
                json.WriteEndObject();
            }

            var bytes = line.WrittenSpan.ToArray();
            BatchWords.OnOneLine(bytes);
            lines.Write(bytes);
            lines.Write("\n"u8);
        }

        return lines;
    }

    private void Write(Utf8JsonWriter json, HttpContext http, Batch b)
    {
        json.WriteStartObject();
        json.WriteString("id", b.Id);
        json.WriteString("type", "message_batch");
        json.WriteString(
            "processing_status", b.EndedAt is not null ? "ended" : b.Status == BatchStatus.Cancelling ? "canceling" : "in_progress");
        json.WriteStartObject("request_counts");
        json.WriteNumber("processing", b.Counts.Total - b.Counts.Done);
        json.WriteNumber("succeeded", b.Counts.Succeeded);
        json.WriteNumber("errored", b.Counts.Errored);
        json.WriteNumber("canceled", b.Counts.Cancelled);
        json.WriteNumber("expired", b.Counts.Expired);
        json.WriteEndObject();
        WriteTime(json, "created_at", b.CreatedAt);
        WriteTime(json, "expires_at", b.ExpiresAt);
        WriteTime(json, "cancel_initiated_at", b.CancellingAt);
        WriteTime(json, "ended_at", b.EndedAt);
        json.WriteNull("archived_at");
        json.WriteStringOrNull("results_url", b.EndedAt is null ? null : AddressOf(http, b));
        json.WriteEndObject();
    }

    /// <summary>As clients reach it: SDKs ask for just this address.</summary>
    private string AddressOf(HttpContext http, Batch b)
    {
        var origin = tables.Current.PublicUrl is { } url ? url.ToString().TrimEnd('/') : $"{http.Request.Scheme}://{http.Request.Host}";
        return $"{origin}{Path}/{b.Id}/results";
    }

    private static void WriteTime(Utf8JsonWriter json, string name, DateTimeOffset? at) =>
        json.WriteStringOrNull(name, at?.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ss.ffffffZ", CultureInfo.InvariantCulture));

    private async Task<Batch> FindAsync(HttpContext http, Principal principal, string id) =>
        await store.FindAsync(BatchOwner.Of(principal), BatchFormat.Anthropic, id, http.RequestAborted) ?? throw NotFound(id);

    private static ProblemException Refused(string why) => new(new Problem("invalid_request", 400, why));

    private static ProblemException NotFound(string id) => new(new Problem(
        "not_found", 404,
        $"There is no message batch '{ParameterNames.Shown(id, 80)}' here: it was removed, or another system or environment owns it."));
}
