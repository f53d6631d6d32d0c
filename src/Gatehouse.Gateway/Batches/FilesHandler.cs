using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Chat;
using Gatehouse.Gateway.Conversation;
using Gatehouse.Gateway.Routing;
using Microsoft.AspNetCore.Http;
using Microsoft.Net.Http.Headers;

namespace Gatehouse.Gateway.Batches;

/// <summary>OpenAI's <c>/v1/files</c>: what another system or environment owns does not exist.</summary>
internal sealed class FilesHandler(OwnedRequests requests, IFileStore store, Snapshot<GatewayTable> tables, TimeProvider clock)
{
    public const string Path = "/v1/files";

    private const int MostListed = 10_000;

    /// <returns><see langword="null"/> when there is no such address.</returns>
    public Task? TryHandle(HttpContext http, string path)
    {
        if (path == Path)
        {
            return http.Request.Method switch
            {
                "POST" => requests.RunAsync(http, ChatSurface.Instance, "", UploadAsync),
                "GET" => requests.RunAsync(http, ChatSurface.Instance, "", ListAsync),
                _ => null,
            };
        }

        var rest = path[(Path.Length + 1)..];
        var slash = rest.IndexOf('/', StringComparison.Ordinal);
        var (id, what) = slash < 0 ? (rest, "") : (rest[..slash], rest[slash..]);
        return (http.Request.Method, what) switch
        {
            ("GET", "") => requests.RunAsync(http, ChatSurface.Instance, id, GetAsync),
            ("DELETE", "") => requests.RunAsync(http, ChatSurface.Instance, id, DeleteAsync),
            ("GET", "/content") => requests.RunAsync(http, ChatSurface.Instance, id, ReadAsync),
            _ => null,
        };
    }

    private async Task UploadAsync(HttpContext http, Principal principal, string id)
    {
        var file = await new FileUpload(store, tables.Current.Batches, clock).ReceiveAsync(http, BatchOwner.Of(principal));
        OwnedRequests.Write(http, json => Write(json, file));
    }

    private async Task ListAsync(HttpContext http, Principal principal, string id)
    {
        var query = http.Request.Query;
        var order = query["order"].ToString();
        if (order is not ("" or "asc" or "desc"))
        {
            throw WireJson.Invalid("order", "must be 'asc' or 'desc'");
        }

        var limit = OwnedRequests.Limit(http, MostListed, MostListed);
        var (purpose, after) = (query["purpose"].ToString(), query["after"].ToString());
        var found = await store.ListAsync(
            BatchOwner.Of(principal), purpose.Length == 0 ? null : purpose, after.Length == 0 ? null : after, order == "asc", limit + 1,
            http.RequestAborted);
        var page = found.Take(limit).ToList();
        OwnedRequests.Write(http, json =>
        {
            json.WriteStartObject();
            json.WriteString("object", "list");
            json.WriteStartArray("data");
            page.ForEach(f => Write(json, f));
            json.WriteEndArray();
            json.WriteStringOrNull("first_id", page.Count > 0 ? page[0].Id : null);
            json.WriteStringOrNull("last_id", page.Count > 0 ? page[^1].Id : null);
            json.WriteBoolean("has_more", found.Count > limit);
            json.WriteEndObject();
        });
    }

    private async Task GetAsync(HttpContext http, Principal principal, string id)
    {
        var file = await FindAsync(http, principal, id);
        OwnedRequests.Write(http, json => Write(json, file));
    }

    private async Task DeleteAsync(HttpContext http, Principal principal, string id)
    {
        if (!await store.DeleteAsync(BatchOwner.Of(principal), id, http.RequestAborted))
        {
            throw NotFound(id);
        }

        OwnedRequests.Write(http, json =>
        {
            json.WriteStartObject();
            json.WriteString("id", id);
            json.WriteString("object", "file");
            json.WriteBoolean("deleted", true);
            json.WriteEndObject();
        });
    }

    private async Task ReadAsync(HttpContext http, Principal principal, string id)
    {
        var file = await FindAsync(http, principal, id);
        var response = http.Response;
        response.ContentType = "application/octet-stream";
        response.ContentLength = file.Bytes;
        var disposition = new ContentDispositionHeaderValue("attachment");
        disposition.SetHttpFileName(file.Name);
        response.Headers.ContentDisposition = disposition.ToString();
        await foreach (var chunk in store.ReadAsync(file.Owner, id, http.RequestAborted))
        {
            await response.Body.WriteAsync(chunk, http.RequestAborted);
        }
    }

    private async Task<StoredFile> FindAsync(HttpContext http, Principal principal, string id) =>
        await store.FindAsync(BatchOwner.Of(principal), id, http.RequestAborted) ?? throw NotFound(id);

    private static ProblemException NotFound(string id) => new(new Problem(
        "not_found", 404,
        $"There is no file '{ParameterNames.Shown(id, 80)}' here: it has expired or was deleted, or another system or environment owns it.")
    {
        Field = "id",
    });

    private static void Write(Utf8JsonWriter json, StoredFile file)
    {
        json.WriteStartObject();
        json.WriteString("id", file.Id);
        json.WriteString("object", "file");
        json.WriteNumber("bytes", file.Bytes);
        json.WriteNumber("created_at", file.CreatedAt.ToUnixTimeSeconds());
        json.WriteNumber("expires_at", file.ExpiresAt.ToUnixTimeSeconds());
        json.WriteString("filename", file.Name);
        json.WriteString("purpose", file.Purpose);
        json.WriteString("status", "processed");
        json.WriteNull("status_details");
        json.WriteEndObject();
    }
}
