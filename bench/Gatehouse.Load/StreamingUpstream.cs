using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Gatehouse.Load;

/// <summary>A provider that answers every request with a stream of chat chunks, the first at once, the others after a pause each.</summary>
internal sealed class StreamingUpstream(int chunks, TimeSpan pause)
{
    private static readonly byte[] Head = Encoding.ASCII.GetBytes(
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");

    private static readonly byte[] Piece = Chunk(
        Event("""{"content":"Another piece of the answer, as long as such pieces mostly are."}""", "null"));

    private static readonly byte[] Last =
    [
        .. Chunk(Event("{}", "\"stop\"")),
        .. Chunk("data: [DONE]\n\n"),
        .. "0\r\n\r\n"u8,
    ];

    public async Task RunAsync(int port)
    {
        using var listener = new TcpListener(IPAddress.Loopback, port);
        listener.Start(1024);
        while (true)
        {
            _ = ServeAsync(await listener.AcceptSocketAsync());
        }
    }

    private async Task ServeAsync(Socket socket)
    {
        using var connection = socket;
        socket.NoDelay = true;
        var buffer = new byte[64 << 10];
        try
        {
            for (var received = 0; ;)
            {
                var read = await socket.ReceiveAsync(buffer.AsMemory(received));
                if (read == 0)
                {
                    return;
                }

                received += read;
                if (!IsWhole(buffer.AsSpan(0, received)))
                {
                    continue;
                }

                received = 0;
                await socket.SendAsync(Head);
                for (var i = 0; i < chunks; i++)
                {
                    await socket.SendAsync(Piece);
                    await Task.Delay(pause, TimeProvider.System);
                }

                await socket.SendAsync(Last);
            }
        }
        catch (SocketException)
        {
            // The client has what it wanted.
        }
    }

    /// <summary>Requests have a length and come one at a time.</summary>
    private static bool IsWhole(ReadOnlySpan<byte> request)
    {
        var end = request.IndexOf("\r\n\r\n"u8);
        if (end < 0)
        {
            return false;
        }

        var head = Encoding.ASCII.GetString(request[..(end + 2)]);
        var at = head.IndexOf("Content-Length:", StringComparison.OrdinalIgnoreCase) + 15;
        var length = int.Parse(head.AsSpan(at, head.IndexOf('\r', at) - at), System.Globalization.CultureInfo.InvariantCulture);
        return request.Length >= end + 4 + length;
    }

    private static string Event(string delta, string finish) =>
        $$"""data: {"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1790000000,"model":"bench-model","choices":[{"index":0,"delta":{{delta}},"finish_reason":{{finish}}}]}""" + "\n\n";

    private static byte[] Chunk(string text) => Encoding.ASCII.GetBytes($"{text.Length:x}\r\n{text}\r\n");
}
