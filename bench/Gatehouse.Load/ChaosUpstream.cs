using System.Globalization;
using System.IO.Compression;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Gatehouse.Load;

/// <summary>
/// A provider on whose socket everything goes wrong that can: the model that is asked for says what. It knows no HTTP but what it needs for
/// that.
/// </summary>
internal sealed class ChaosUpstream : IAsyncDisposable
{
    /// <summary>What it does to the model of this name, and whether a client can have an answer all the same.</summary>
    public static readonly IReadOnlyDictionary<string, bool> Kinds = new Dictionary<string, bool>
    {
        ["good"] = true,
        ["one-byte-chunks"] = true,
        ["reset-before"] = false,
        ["reset-within"] = false,
        ["close-before"] = false,
        ["half-open"] = false,
        ["slow-head"] = false,
        ["slow-body"] = true,
        ["length-too-long"] = false,
        ["length-too-short"] = false,
        ["endless-head"] = false,
        ["gzip-bomb"] = false,
        ["huge"] = false,
        ["huge-chunked"] = false,
        ["stream"] = true,
        ["stream-one-byte-chunks"] = true,
        ["stream-reset"] = false,
        ["stream-close"] = false,
        ["stream-half-open"] = false,
        ["stream-endless-line"] = false,
        ["stream-gzip-bomb"] = false,
    };

    private const int HugeBytes = 100 << 20;
    private static readonly TimeSpan SlowDrip = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan Drip = TimeSpan.FromMilliseconds(4);

    private static readonly byte[] Answer = Encoding.ASCII.GetBytes(
        """{"id":"chatcmpl-chaos","object":"chat.completion","created":1790000000,"model":"chaos","choices":[{"index":0,"message":{"role":"assistant","content":"An answer."},"finish_reason":"stop"}],"usage":{"prompt_tokens":10,"completion_tokens":3,"total_tokens":13}}""");

    private static readonly byte[] FirstEvent = Encoding.ASCII.GetBytes(
        """data: {"id":"chatcmpl-chaos","object":"chat.completion.chunk","created":1790000000,"model":"chaos","choices":[{"index":0,"delta":{"content":"An "},"finish_reason":null}]}""" + "\n\n");

    private static readonly byte[] LastEvents = Encoding.ASCII.GetBytes(
        """data: {"id":"chatcmpl-chaos","object":"chat.completion.chunk","created":1790000000,"model":"chaos","choices":[{"index":0,"delta":{"content":"answer."},"finish_reason":"stop"}],"usage":{"prompt_tokens":10,"completion_tokens":3,"total_tokens":13}}""" + "\n\ndata: [DONE]\n\n");

    private static readonly Lazy<byte[]> Bomb = new(MakeBomb);

    private static readonly byte[] Spaces = Enumerable.Repeat((byte)' ', 64 << 10).ToArray();

    private readonly TcpListener _listener;
    private readonly CancellationTokenSource _over = new();
    private readonly Task _accepting;
    private int _open;

    public ChaosUpstream(int port)
    {
        _listener = new TcpListener(IPAddress.Loopback, port);
        _listener.Start(1024);
        _accepting = AcceptAsync();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>Connections that the other end has not closed.</summary>
    public int Open => Volatile.Read(ref _open);

    /// <summary>Ends when it is disposed.</summary>
    public Task RunAsync() => _accepting;

    public async ValueTask DisposeAsync()
    {
        await _over.CancelAsync();
        await _accepting;
        _listener.Stop();
        _over.Dispose();
    }

    private async Task AcceptAsync()
    {
        var served = new List<Task>();
        try
        {
            while (true)
            {
                served.Add(ServeAsync(await _listener.AcceptSocketAsync(_over.Token)));
                served.RemoveAll(static t => t.IsCompleted);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            await Task.WhenAll(served);
        }
    }

    private async Task ServeAsync(Socket socket)
    {
        using var connection = socket;
        socket.NoDelay = true;
        Interlocked.Increment(ref _open);
        try
        {
            var buffer = new byte[256 << 10];
            for (var received = 0; await socket.ReceiveAsync(buffer.AsMemory(received), _over.Token) is > 0 and var read;)
            {
                received += read;
                if (!IsWhole(buffer.AsSpan(0, received)))
                {
                    continue;
                }

                var kind = KindOf(buffer.AsSpan(0, received));
                received = 0;
                if (!await AnswerAsync(socket, kind))
                {
                    return;
                }
            }
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException)
        {
            // The other end has had enough.
        }
        finally
        {
            Interlocked.Decrement(ref _open);
        }
    }

    /// <returns>Whether the connection may serve another request.</returns>
    private async Task<bool> AnswerAsync(Socket socket, string kind)
    {
        const string Stream = "Content-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
        switch (kind)
        {
            case "good":
                await SendAsync(socket, Head($"Content-Length: {Answer.Length}\r\n\r\n"), Answer);
                return true;
            case "one-byte-chunks":
                await SendAsync(socket, Head("Transfer-Encoding: chunked\r\n\r\n"));
                foreach (var b in Answer)
                {
                    await SendAsync(socket, Chunk([b]));
                }

                await SendAsync(socket, "0\r\n\r\n"u8.ToArray());
                return true;
            case "reset-before":
                Reset(socket);
                return false;
            case "reset-within":
                await SendAsync(socket, Head($"Content-Length: {Answer.Length}\r\n\r\n"), Answer[..40]);
                Reset(socket);
                return false;
            case "close-before":
                return false;
            case "half-open":
                return await UntilClosedAsync(socket);
            case "slow-head":
                await DripAsync(socket, Head($"Content-Length: {Answer.Length}\r\n\r\n"), SlowDrip);
                return false;
            case "slow-body":
                await SendAsync(socket, Head($"Content-Length: {Answer.Length}\r\n\r\n"));
                await DripAsync(socket, Answer, Drip);
                return true;
            case "length-too-long":
                await SendAsync(socket, Head($"Content-Length: {Answer.Length + 10}\r\n\r\n"), Answer);
                return false;
            case "length-too-short":
                await SendAsync(socket, Head($"Content-Length: {Answer.Length - 10}\r\n\r\n"), Answer);
                return false;
            case "endless-head":
                await SendAsync(socket, "HTTP/1.1 200 OK\r\nX: "u8.ToArray());
                return await FloodAsync(socket, HugeBytes);
            case "gzip-bomb":
                var bomb = Bomb.Value;
                await SendAsync(socket, Head($"Content-Encoding: gzip\r\nContent-Length: {bomb.Length}\r\n\r\n"), bomb);
                return true;
            case "huge":
                await SendAsync(socket, Head($"Content-Length: {HugeBytes + Answer.Length}\r\n\r\n"));
                await FloodAsync(socket, HugeBytes);
                await SendAsync(socket, Answer);
                return true;
            case "huge-chunked":
                await SendAsync(socket, Head("Transfer-Encoding: chunked\r\n\r\n"));
                for (var sent = 0; sent < HugeBytes; sent += Spaces.Length)
                {
                    await SendAsync(socket, Chunk(Spaces));
                }

                await SendAsync(socket, Chunk(Answer), "0\r\n\r\n"u8.ToArray());
                return true;
            case "stream":
                await SendAsync(socket, Head(Stream), Chunk(FirstEvent), Chunk(LastEvents), "0\r\n\r\n"u8.ToArray());
                return true;
            case "stream-one-byte-chunks":
                await SendAsync(socket, Head(Stream));
                foreach (var b in (byte[])[.. FirstEvent, .. LastEvents])
                {
                    await SendAsync(socket, Chunk([b]));
                }

                await SendAsync(socket, "0\r\n\r\n"u8.ToArray());
                return true;
            case "stream-reset":
                await SendAsync(socket, Head(Stream), Chunk(FirstEvent));
                Reset(socket);
                return false;
            case "stream-close":
                await SendAsync(socket, Head(Stream), Chunk(FirstEvent));
                return false;
            case "stream-half-open":
                await SendAsync(socket, Head(Stream), Chunk(FirstEvent));
                return await UntilClosedAsync(socket);
            case "stream-endless-line":
                await SendAsync(socket, Head(Stream), Chunk(FirstEvent), Chunk("data: {\"x\":\""u8.ToArray()));
                for (var sent = 0; sent < HugeBytes; sent += Spaces.Length)
                {
                    await SendAsync(socket, Chunk(Spaces));
                }

                return false;
            case "stream-gzip-bomb":
                await SendAsync(socket, Head("Content-Encoding: gzip\r\n" + Stream), Chunk(Bomb.Value), "0\r\n\r\n"u8.ToArray());
                return true;
            default:
                await SendAsync(socket, Encoding.ASCII.GetBytes("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"));
                return true;
        }
    }

    /// <summary>What a linger of no time makes of a close.</summary>
    private static void Reset(Socket socket) => socket.LingerState = new LingerOption(true, 0);

    private async Task SendAsync(Socket socket, params byte[][] parts)
    {
        foreach (var part in parts)
        {
            for (var sent = 0; sent < part.Length;)
            {
                sent += await socket.SendAsync(part.AsMemory(sent), _over.Token);
            }
        }
    }

    private async Task<bool> FloodAsync(Socket socket, int bytes)
    {
        for (var sent = 0; sent < bytes; sent += Spaces.Length)
        {
            await SendAsync(socket, Spaces);
        }

        return false;
    }

    private async Task DripAsync(Socket socket, byte[] bytes, TimeSpan every)
    {
        using var timer = new PeriodicTimer(every);
        foreach (var b in bytes)
        {
            await SendAsync(socket, [b]);
            await timer.WaitForNextTickAsync(_over.Token);
        }
    }

    private async Task<bool> UntilClosedAsync(Socket socket)
    {
        var nothing = new byte[1];
        while (await socket.ReceiveAsync(nothing, _over.Token) > 0)
        {
        }

        return false;
    }

    private static byte[] Head(string headers) =>
        Encoding.ASCII.GetBytes($"HTTP/1.1 200 OK\r\n{(headers.Contains("Content-Type", StringComparison.Ordinal) ? "" : "Content-Type: application/json\r\n")}{headers}");

    private static byte[] Chunk(byte[] bytes) => [.. Encoding.ASCII.GetBytes($"{bytes.Length:x}\r\n"), .. bytes, .. "\r\n"u8];

    /// <summary>A few hundred kilobytes that become 300 MB.</summary>
    private static byte[] MakeBomb()
    {
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.SmallestSize))
        {
            for (var i = 0; i < 3 * HugeBytes / Spaces.Length; i++)
            {
                gzip.Write(Spaces);
            }
        }

        return packed.ToArray();
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
        return request.Length >= end + 4 + int.Parse(head.AsSpan(at, head.IndexOf('\r', at) - at), CultureInfo.InvariantCulture);
    }

    private static string KindOf(ReadOnlySpan<byte> request)
    {
        var from = request.IndexOf("\"model\":\""u8) + 9;
        return Encoding.ASCII.GetString(request.Slice(from, request[from..].IndexOf((byte)'"')));
    }
}
