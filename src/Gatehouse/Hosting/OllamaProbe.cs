using System.Net;
using System.Net.Sockets;
using System.Text.Json;

namespace Gatehouse.Hosting;

/// <summary>Asks this machine's usual Ollama port which models it has.</summary>
internal static class OllamaProbe
{
    private const long MaxAnswerBytes = 1 << 20;
    private static readonly Uri Tags = new("http://127.0.0.1:11434/api/tags");

    /// <summary>A local port that is closed refuses at once; one that hangs must not hold up the start.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(500);

    /// <returns><see langword="null"/> when no Ollama answers.</returns>
    public static Task<IReadOnlyList<string>?> FindModelsAsync(CancellationToken ct) =>
        IsListening(Tags.Port) ? AskAsync(ct) : Task.FromResult<IReadOnlyList<string>?>(null);

    /// <summary>Most machines have no Ollama, and starting an HTTP client to learn so would take a twentieth of the start.</summary>
    internal static bool IsListening(int port)
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { Blocking = false };
        try
        {
            socket.Connect(IPAddress.Loopback, port);
            return true;
        }
        catch (SocketException e)
        {
            // Refused is an outcome too, which makes a socket ready to be written to.
            return e.SocketErrorCode == SocketError.WouldBlock && socket.Poll(Patience, SelectMode.SelectWrite)
                && socket.GetSocketOption(SocketOptionLevel.Socket, SocketOptionName.Error) is 0;
        }
    }

    private static async Task<IReadOnlyList<string>?> AskAsync(CancellationToken ct)
    {
        using var http = new HttpClient(
            new SocketsHttpHandler { UseProxy = false }) { Timeout = Patience, MaxResponseContentBufferSize = MaxAnswerBytes };
        try
        {
            using var document = JsonDocument.Parse(await http.GetByteArrayAsync(Tags, ct));
            return [.. document.RootElement.GetProperty("models").EnumerateArray().Select(m => m.GetProperty("name").GetString()!)];
        }
        catch (Exception e) when (!ct.IsCancellationRequested
            && e is HttpRequestException or OperationCanceledException or JsonException or KeyNotFoundException
                or InvalidOperationException)
        {
            return null;
        }
    }
}
