using System.Net.Http.Headers;
using System.Net.ServerSentEvents;
using System.Text;
using System.Text.Json;
using Gatehouse.Contracts;

namespace Gatehouse.Client;

/// <summary>An answer of the gateway as a client saw it.</summary>
/// <param name="InputTokens"><see langword="null"/> when the provider reported none.</param>
internal sealed record GatewayAnswer(
    string RequestId, string? Model, string Text, string? FinishReason, long? InputTokens, long? OutputTokens, TimeSpan FirstByte,
    TimeSpan Duration);

/// <summary>The gateway as any client of OpenAI's wire format sees it.</summary>
internal sealed class GatewayClient : IDisposable
{
    private readonly HttpClient _http;

    public GatewayClient(Uri url, string key)
    {
        _http = new HttpClient { BaseAddress = url, Timeout = Timeout.InfiniteTimeSpan };
        _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);
    }

    /// <summary>The first model that is a name and not a pattern.</summary>
    public async Task<string> FirstModelAsync(CancellationToken ct)
    {
        using var response = await _http.GetAsync("v1/models", ct);
        var body = await response.Content.ReadAsByteArrayAsync(ct);
        ThrowUnlessSuccess(response, body);
        using var document = JsonDocument.Parse(body);
        foreach (var model in document.RootElement.GetProperty("data").EnumerateArray())
        {
            if (model.GetProperty("id").GetString() is { } id && !id.EndsWith('*'))
            {
                return id;
            }
        }

        throw new ProblemException(Problem.Invalid("route", "must be given: no route has a name of its own"));
    }

    /// <summary>Streams one answer.</summary>
    /// <param name="echo">Gets the text as it arrives; <see langword="null"/> for none.</param>
    public async Task<GatewayAnswer> AskAsync(
        string model, string? instructions, string prompt, int? maxTokens, TextWriter? echo, CancellationToken ct)
    {
        var clock = TimeProvider.System;
        var start = clock.GetTimestamp();
        using var request = new HttpRequestMessage(HttpMethod.Post, "v1/chat/completions")
        {
            Content = new ByteArrayContent(Body(model, instructions, prompt, maxTokens))
            {
                Headers = { ContentType = new MediaTypeHeaderValue("application/json") },
            },
        };
        using var response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, ct);
        if (!response.IsSuccessStatusCode)
        {
            ThrowUnlessSuccess(response, await response.Content.ReadAsByteArrayAsync(ct));
        }

        var requestId = response.Headers.TryGetValues("x-request-id", out var ids) ? ids.First() : "";
        var reader = new ChunkReader();
        TimeSpan? firstByte = null;
        await using var body = await response.Content.ReadAsStreamAsync(ct);
        await foreach (var item in SseParser.Create(body, static (_, data) => data.ToArray()).EnumerateAsync(ct))
        {
            firstByte ??= clock.GetElapsedTime(start);
            if (item.Data.AsSpan().SequenceEqual("[DONE]"u8))
            {
                break;
            }

            if (reader.Read(item.Data) is { Length: > 0 } text && echo is not null)
            {
                await echo.WriteAsync(text.AsMemory(), ct);
                await echo.FlushAsync(ct);
            }
        }

        var duration = clock.GetElapsedTime(start);
        return new GatewayAnswer(
            requestId, reader.Model, reader.Text.ToString(), reader.FinishReason, reader.InputTokens, reader.OutputTokens,
            firstByte ?? duration, duration);
    }

    public void Dispose() => _http.Dispose();

    private static byte[] Body(string model, string? instructions, string prompt, int? maxTokens)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("model", model);
            json.WriteBoolean("stream", true);
            json.WriteStartObject("stream_options");
            json.WriteBoolean("include_usage", true);
            json.WriteEndObject();
            if (maxTokens is { } limit)
            {
                json.WriteNumber("max_tokens", limit);
            }

            json.WriteStartArray("messages");
            if (instructions is not null)
            {
                WriteMessage(json, "system", instructions);
            }

            WriteMessage(json, "user", prompt);
            json.WriteEndArray();
            json.WriteEndObject();
        }

        return buffer.ToArray();
    }

    private static void WriteMessage(Utf8JsonWriter json, string role, string content)
    {
        json.WriteStartObject();
        json.WriteString("role", role);
        json.WriteString("content", content);
        json.WriteEndObject();
    }

    private static void ThrowUnlessSuccess(HttpResponseMessage response, byte[] body)
    {
        if (response.IsSuccessStatusCode)
        {
            return;
        }

        var status = (int)response.StatusCode;
        try
        {
            using var document = JsonDocument.Parse(body);
            throw new ProblemException(ChunkReader.ReadError(document.RootElement, status));
        }
        catch (JsonException)
        {
            throw new ProblemException(new Problem("http_error", status, $"The server answered {status}: {Encoding.UTF8.GetString(body)}"));
        }
    }

    /// <summary>Adds up the chunks of one stream.</summary>
    private sealed class ChunkReader
    {
        public StringBuilder Text { get; } = new();

        public string? Model { get; private set; }

        public string? FinishReason { get; private set; }

        public long? InputTokens { get; private set; }

        public long? OutputTokens { get; private set; }

        /// <returns>The chunk's text.</returns>
        public string? Read(byte[] chunk)
        {
            using var document = JsonDocument.Parse(chunk);
            var root = document.RootElement;
            if (root.TryGetProperty("error", out _))
            {
                throw new ProblemException(ReadError(root, 502));
            }

            Model = root.TryGetProperty("model", out var model) ? model.GetString() : Model;
            if (root.TryGetProperty("usage", out var usage) && usage.ValueKind == JsonValueKind.Object)
            {
                InputTokens = usage.GetProperty("prompt_tokens").GetInt64();
                OutputTokens = usage.GetProperty("completion_tokens").GetInt64();
            }

            if (!root.TryGetProperty("choices", out var choices) || choices.GetArrayLength() == 0)
            {
                return null;
            }

            var choice = choices[0];
            FinishReason = choice.TryGetProperty("finish_reason", out var finish) ? finish.GetString() ?? FinishReason : FinishReason;
            var text = choice.TryGetProperty("delta", out var delta) && delta.TryGetProperty("content", out var content)
                ? content.GetString()
                : null;
            Text.Append(text);
            return text;
        }

        public static Problem ReadError(JsonElement root, int status)
        {
            var error = root.ValueKind == JsonValueKind.Object && root.TryGetProperty("error", out var found) ? found : default;
            return error.ValueKind == JsonValueKind.Object
                ? new Problem(
                    Text(error, "code") ?? Text(error, "type") ?? "http_error", status,
                    Text(error, "message") ?? $"The server answered {status}.")
                : new Problem("http_error", status, $"The server answered {status}.");

            static string? Text(JsonElement error, string name) =>
                error.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
        }
    }
}
