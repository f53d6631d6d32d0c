using System.Net;
using System.Net.Http.Headers;
using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;
using Gatehouse.Commands;
using Gatehouse.Contracts;

namespace Gatehouse.Client;

/// <summary>
/// The REST API as commands use it: bytes for <c>--json</c>, records for tables, problems as <see cref="ProblemException"/>.
/// </summary>
internal sealed class ApiClient : IDisposable
{
    private readonly HttpClient _http;

    private ApiClient(Connection connection)
    {
        Connection = connection;
        _http = new HttpClient { BaseAddress = connection.Url, Timeout = Timeout.InfiniteTimeSpan };
        _http.DefaultRequestHeaders.UserAgent.Add(new ProductInfoHeaderValue("gatehouse-cli", "1"));
        if (connection.Token is { } token)
        {
            _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
        }
    }

    public Connection Connection { get; }

    public static ApiClient Open(Connection connection) => new(connection);

    public Task<byte[]> GetAsync(string path, CancellationToken ct) => SendAsync(HttpMethod.Get, path, null, ct);

    /// <summary>All pages of a listing as one, up to a number of rows.</summary>
    /// <param name="path">With a query.</param>
    /// <param name="rows">The name of its list.</param>
    public async Task<byte[]> GetAllAsync(string path, string rows, int most, CancellationToken ct)
    {
        var all = (JsonObject)JsonNode.Parse(await GetAsync(path, ct))!;
        while (all["next"] is JsonValue next && all[rows] is JsonArray got && got.Count < most)
        {
            var page = (JsonObject)JsonNode.Parse(await GetAsync($"{path}&before={Uri.EscapeDataString(next.ToString())}", ct))!;
            var more = (JsonArray)page[rows]!;
            foreach (var (name, value) in page.Where(p => p.Key != rows))
            {
                all[name] = value?.DeepClone();
            }

            if (more.Count > most - got.Count)
            {
                all["next"] = more[most - got.Count - 1]!["id"]?.DeepClone(); // what is left out begins there
            }

            foreach (var row in more.Take(most - got.Count))
            {
                got.Add(row!.DeepClone());
            }
        }

        return Encoding.UTF8.GetBytes(all.ToJsonString());
    }

    public async Task<T> GetAsync<T>(string path, JsonTypeInfo<T> type, CancellationToken ct) => Read(await GetAsync(path, ct), type);

    public Task<byte[]> PostAsync<T>(string path, T body, JsonTypeInfo<T> type, CancellationToken ct) =>
        SendAsync(HttpMethod.Post, path, JsonContent(body, type), ct);

    public Task<byte[]> PutAsync<T>(string path, T body, JsonTypeInfo<T> type, CancellationToken ct) =>
        SendAsync(HttpMethod.Put, path, JsonContent(body, type), ct);

    public Task<byte[]> PatchAsync<T>(string path, T body, JsonTypeInfo<T> type, CancellationToken ct) =>
        SendAsync(HttpMethod.Patch, path, JsonContent(body, type), ct);

    public Task<byte[]> DeleteAsync(string path, CancellationToken ct) => SendAsync(HttpMethod.Delete, path, null, ct);

    /// <summary>The data of each server-sent event until the server ends the stream.</summary>
    public async IAsyncEnumerable<byte[]> FollowAsync(string path, [EnumeratorCancellation] CancellationToken ct)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        using var response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, ct);
        await ThrowUnlessSuccessAsync(response, ct);
        await using var body = await response.Content.ReadAsStreamAsync(ct);
        await foreach (var item in SseParser.Create(body, static (_, data) => data.ToArray()).EnumerateAsync(ct))
        {
            yield return item.Data;
        }
    }

    public static T Read<T>(ReadOnlySpan<byte> json, JsonTypeInfo<T> type) =>
        JsonSerializer.Deserialize(json, type)
        ?? throw new CommandException(
            ExitCodes.Usage, "unexpected_answer", "The server answered null. Is it a Gatehouse of another version?");

    public void Dispose() => _http.Dispose();

    private static ByteArrayContent JsonContent<T>(T body, JsonTypeInfo<T> type) =>
        new(JsonSerializer.SerializeToUtf8Bytes(body, type)) { Headers = { ContentType = new MediaTypeHeaderValue("application/json") } };

    private async Task<byte[]> SendAsync(HttpMethod method, string path, HttpContent? body, CancellationToken ct)
    {
        using var request = new HttpRequestMessage(method, path) { Content = body };
        using var response = await _http.SendAsync(request, ct);
        await ThrowUnlessSuccessAsync(response, ct);
        return await response.Content.ReadAsByteArrayAsync(ct);
    }

    private async Task ThrowUnlessSuccessAsync(HttpResponseMessage response, CancellationToken ct)
    {
        if (response.IsSuccessStatusCode)
        {
            return;
        }

        if (response.StatusCode == HttpStatusCode.Unauthorized && Connection.Token is null)
        {
            throw new CommandException(ExitCodes.Unreachable, "no_token",
                $"No access token is known for {Connection.Url}. Pass --token, set GATEHOUSE_TOKEN, or run in the directory of the server's data.");
        }

        var text = await response.Content.ReadAsByteArrayAsync(ct);
        throw new ProblemException(ReadProblem(text, (int)response.StatusCode));
    }

    private static Problem ReadProblem(byte[] body, int status)
    {
        try
        {
            if (JsonSerializer.Deserialize(body, ClientJson.Default.ProblemBody) is { } problem)
            {
                return new Problem(
                    problem.Code ?? "http_error", status, problem.Detail ?? problem.Title ?? $"The server answered {status}.");
            }
        }
        catch (JsonException)
        {
            // A proxy in between answers HTML: the status is all there is to say.
        }

        return new Problem("http_error", status, $"The server answered {status}.");
    }
}

/// <summary>An <c>application/problem+json</c> body.</summary>
internal sealed record ProblemBody(string? Title, string? Detail, string? Code);
