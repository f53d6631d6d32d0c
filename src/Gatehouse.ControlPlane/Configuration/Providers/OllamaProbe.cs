using System.Text.Json;

namespace Gatehouse.Configuration;

/// <summary>Asks an Ollama on this machine for its models.</summary>
public static class OllamaProbe
{
    private const int MaxAnswerBytes = 4 << 20;
    private static readonly Uri Tags = new("http://127.0.0.1:11434/api/tags");
    private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(300);

    /// <returns>Names such as <c>llama3.2:latest</c>, or <see langword="null"/> when no Ollama answers within 300 ms.</returns>
    public static async Task<IReadOnlyList<string>?> FindModelsAsync(CancellationToken ct)
    {
        using var handler = new SocketsHttpHandler { UseProxy = false, AllowAutoRedirect = false };
        using var client = new HttpClient(handler) { Timeout = Patience, MaxResponseContentBufferSize = MaxAnswerBytes };
        try
        {
            return ReadModels(await client.GetByteArrayAsync(Tags, ct));
        }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException && !ct.IsCancellationRequested)
        {
            return null;
        }
    }

    /// <returns><see langword="null"/> when the answer is not Ollama's.</returns>
    internal static IReadOnlyList<string>? ReadModels(ReadOnlyMemory<byte> json)
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            return document.RootElement.ValueKind == JsonValueKind.Object
                && document.RootElement.TryGetProperty("models", out var models)
                && models.ValueKind == JsonValueKind.Array
                ? [.. models.EnumerateArray().Select(NameOf).OfType<string>()]
                : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static string? NameOf(JsonElement model) =>
        model.ValueKind == JsonValueKind.Object && model.TryGetProperty("name", out var name) && name.ValueKind == JsonValueKind.String ? name.GetString() : null;
}
