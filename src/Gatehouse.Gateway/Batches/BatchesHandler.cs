using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Calls;
using Gatehouse.Gateway.Chat;
using Gatehouse.Gateway.Conversation;
using Gatehouse.Gateway.Limits;
using Gatehouse.Gateway.Routing;
using Microsoft.AspNetCore.Http;

namespace Gatehouse.Gateway.Batches;

/// <summary>OpenAI's <c>/v1/batches</c>: what another system or environment owns does not exist.</summary>
internal sealed class BatchesHandler(
    OwnedRequests requests, IBatchStore store, IFileStore files, BatchRunner runner, Snapshot<GatewayTable> tables, TimeProvider clock)
{
    public const string Path = "/v1/batches";

    /// <summary>How long a batch may take: the one window that the format has.</summary>
    public static readonly TimeSpan Window = TimeSpan.FromHours(24);

    private const string WindowWord = "24h";
    private const int DefaultListed = 20;
    private const int MostListed = 100;
    private const int MaxMetadata = 16;
    private const int MaxMetadataName = 64;
    private const int MaxMetadataValue = 512;

    private static readonly string[] Kept = [CallMetadata.Header, EndUsers.Header];

    /// <returns><see langword="null"/> when there is no such address.</returns>
    public Task? TryHandle(HttpContext http, string path)
    {
        if (path == Path)
        {
            return http.Request.Method switch
            {
                "POST" => requests.RunAsync(http, ChatSurface.Instance, "", CreateAsync),
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
            ("POST", "/cancel") => requests.RunAsync(http, ChatSurface.Instance, id, CancelAsync),
            _ => null,
        };
    }

    /// <summary>Headers of a client's request that hold for every item.</summary>
    public static Dictionary<string, string> HeadersOf(HttpRequest request, params IEnumerable<string> more)
    {
        var kept = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        foreach (var name in Kept.Concat(more))
        {
            if (request.Headers[name].ToString() is { Length: > 0 } value)
            {
                kept[name] = value;
            }
        }

        return kept;
    }

    private async Task CreateAsync(HttpContext http, Principal principal, string none)
    {
        using var body = await requests.ReadAsync(http);
        var root = WireJson.ParseRequest(body.Span);
        foreach (var member in root.EnumerateObject())
        {
            if (member.Name is not ("input_file_id" or "endpoint" or "completion_window" or "metadata" or "output_expires_after"))
            {
                throw new ProblemException(new Problem(
                    "unknown_parameter", 400, $"Unknown parameter: '{ParameterNames.Shown(member.Name, 80)}'.")
                {
                    Field = ParameterNames.Shown(member.Name, 80),
                });
            }
        }

        var (owner, settings, now) = (BatchOwner.Of(principal), tables.Current.Batches, clock.GetUtcNow());
        var endpoint = WireJson.RequireString(root, "", "endpoint");
        if (!BatchCaller.Endpoints.Contains(endpoint))
        {
            throw WireJson.Invalid("endpoint", $"must be one of {string.Join(", ", BatchCaller.Endpoints)}");
        }

        if (WireJson.RequireString(root, "", "completion_window") != WindowWord)
        {
            throw WireJson.Invalid("completion_window", $"must be '{WindowWord}'");
        }

        var input = WireJson.RequireString(root, "", "input_file_id");
        if (await files.FindAsync(owner, input, http.RequestAborted) is not { } file)
        {
            throw WireJson.Invalid(
                "input_file_id", "names no file here: it has expired or was deleted, or another system or environment owns it");
        }

        if (file.Purpose != StoredFile.Batch)
        {
            throw WireJson.Invalid(
                "input_file_id", $"names a file with the purpose '{file.Purpose}': send it again with the purpose '{StoredFile.Batch}'");
        }

        var batch = new Batch(
            owner, $"batch_{Guid.CreateVersion7(now):N}", BatchFormat.OpenAi, principal.KeyId, endpoint, input, MetadataOf(root), now,
            now + Window)
        {
            Headers = HeadersOf(http.Request),
            KeepOutput = KeepOf(root, settings),
        };
        await store.AddAsync(batch, http.RequestAborted);
        runner.Wake();
        OwnedRequests.Write(http, json => BatchJson.Write(json, batch));
    }

    private async Task ListAsync(HttpContext http, Principal principal, string none)
    {
        var limit = OwnedRequests.Limit(http, DefaultListed, MostListed);
        var after = http.Request.Query["after"].ToString();
        var found = await store.ListAsync(
            BatchOwner.Of(principal), BatchFormat.OpenAi, after.Length == 0 ? null : after, null, limit + 1, http.RequestAborted);
        var page = found.Take(limit).ToList();
        OwnedRequests.Write(http, json =>
        {
            json.WriteStartObject();
            json.WriteString("object", "list");
            json.WriteStartArray("data");
            page.ForEach(b => BatchJson.Write(json, b));
            json.WriteEndArray();
            json.WriteStringOrNull("first_id", page.Count > 0 ? page[0].Id : null);
            json.WriteStringOrNull("last_id", page.Count > 0 ? page[^1].Id : null);
            json.WriteBoolean("has_more", found.Count > limit);
            json.WriteEndObject();
        });
    }

    private async Task GetAsync(HttpContext http, Principal principal, string id)
    {
        var batch = await store.FindAsync(BatchOwner.Of(principal), BatchFormat.OpenAi, id, http.RequestAborted) ?? throw NotFound(id);
        OwnedRequests.Write(http, json => BatchJson.Write(json, batch));
    }

    private async Task CancelAsync(HttpContext http, Principal principal, string id)
    {
        var batch = await store.CancelAsync(BatchOwner.Of(principal), BatchFormat.OpenAi, id, http.RequestAborted) ?? throw NotFound(id);
        if (batch.Status is not (BatchStatus.Cancelling or BatchStatus.Cancelled))
        {
            throw new ProblemException(
                new Problem("invalid_request", 400, $"A batch that is {BatchJson.Word(batch.Status)} cannot be cancelled."));
        }

        runner.Cancelled(id);
        OwnedRequests.Write(http, json => BatchJson.Write(json, batch));
    }

    private static TimeSpan KeepOf(JsonElement root, BatchSettings settings)
    {
        if (!WireJson.TryGet(root, "output_expires_after", out var asked))
        {
            return settings.Keep;
        }

        if (WireJson.RequireString(asked, "output_expires_after", "anchor") != "created_at")
        {
            throw WireJson.Invalid("output_expires_after.anchor", "must be 'created_at'");
        }

        return FileUpload.Life(WireJson.LongOrZero(asked, "seconds"), "output_expires_after.seconds");
    }

    private static string? MetadataOf(JsonElement root)
    {
        if (!WireJson.TryGet(root, "metadata", out var metadata))
        {
            return null;
        }

        var pairs = WireJson.Object(metadata, "metadata").EnumerateObject().ToList();
        if (pairs.Count > MaxMetadata
            || pairs.Exists(p => p.Name.Length > MaxMetadataName || WireJson.String(p.Value, "metadata").Length > MaxMetadataValue))
        {
            throw WireJson.Invalid(
                "metadata", $"may have {MaxMetadata} pairs, with names of at most {MaxMetadataName} characters and texts of at most {MaxMetadataValue}");
        }

        return WireJson.RawText(metadata);
    }

    private static ProblemException NotFound(string id) => new(new Problem(
        "not_found", 404,
        $"There is no batch '{ParameterNames.Shown(id, 80)}' here: it was removed, or another system or environment owns it.")
    {
        Field = "id",
    });
}
