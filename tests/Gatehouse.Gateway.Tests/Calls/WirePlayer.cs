using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Gatehouse.Gateway.Tests.Calls;

/// <summary>A provider on a loopback port that plays what a test wrote down, byte by byte, faults included.</summary>
internal sealed class WirePlayer : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly Func<Exchange, Task>[] _plays;
    private readonly ConcurrentBag<Task> _connections = [];
    private readonly CancellationTokenSource _stopping = new();
    private readonly Task _accepting;
    private int _played;

    /// <param name="plays">One for each request in their order; the last one for all that follow.</param>
    public WirePlayer(params Func<Exchange, Task>[] plays)
    {
        _plays = plays;
        _listener.Start();
        _accepting = AcceptAsync();
    }

    public Uri BaseUrl => new($"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}/v1");

    public ConcurrentQueue<Exchange> Exchanges { get; } = [];

    public Exchange Last => Exchanges.Last();

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        _listener.Stop();
        await _accepting;
        await Task.WhenAll(_connections);
        _stopping.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                _connections.Add(ServeAsync(await _listener.AcceptSocketAsync(_stopping.Token)));
            }
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or InvalidOperationException)
        {
            // the test is over
        }
    }

    private async Task ServeAsync(Socket socket)
    {
        using var owned = socket;
        socket.NoDelay = true;
        try
        {
            while (await Exchange.ReadAsync(socket, _stopping.Token) is { } exchange)
            {
                Exchanges.Enqueue(exchange);
                await _plays[Math.Min(Interlocked.Increment(ref _played) - 1, _plays.Length - 1)](exchange);
                if (exchange.IsClosed)
                {
                    return;
                }
            }
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // the gateway hung up, or the test is over
        }
    }
}

/// <summary>One request that the gateway sent, and the means to answer it.</summary>
internal sealed class Exchange
{
    private readonly Socket _socket;
    private readonly CancellationToken _stopping;

    private Exchange(Socket socket, string head, string body, CancellationToken stopping)
    {
        _socket = socket;
        _stopping = stopping;
        Head = head;
        Body = body;
    }

    /// <summary>Request line and headers as they came.</summary>
    public string Head { get; }

    public string Body { get; }

    public bool IsClosed { get; private set; }

    public string? Header(string name) => Head.Split("\r\n")
        .Where(l => l.StartsWith(name + ":", StringComparison.OrdinalIgnoreCase))
        .Select(l => l[(name.Length + 1)..].Trim())
        .FirstOrDefault();

    public static async Task<Exchange?> ReadAsync(Socket socket, CancellationToken ct)
    {
        var bytes = new List<byte>();
        var buffer = new byte[4096];
        while (true)
        {
            var text = Encoding.Latin1.GetString([.. bytes]);
            var end = text.IndexOf("\r\n\r\n", StringComparison.Ordinal);
            if (end >= 0)
            {
                var head = text[..end];
                var line = head.Split("\r\n").Single(l => l.StartsWith("Content-Length:", StringComparison.OrdinalIgnoreCase));
                var length = int.Parse(line["Content-Length:".Length..]);
                if (bytes.Count >= end + 4 + length)
                {
                    return new Exchange(socket, head, Encoding.UTF8.GetString([.. bytes[(end + 4)..]]), ct);
                }
            }

            var read = await socket.ReceiveAsync(buffer, ct);
            if (read == 0)
            {
                return null;
            }

            bytes.AddRange(buffer[..read]);
        }
    }

    public async Task SendAsync(string text) => await _socket.SendAsync(Encoding.UTF8.GetBytes(text), _stopping);

    public async Task SendAsync(ReadOnlyMemory<byte> bytes) => await _socket.SendAsync(bytes, _stopping);

    public Task AnswerAsync(int status, string body, params string[] headers)
    {
        var extra = string.Concat(headers.Select(h => h + "\r\n"));
        return SendAsync(
            $"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {Encoding.UTF8.GetByteCount(body)}\r\n{extra}\r\n{body}");
    }

    public Task BeginStreamAsync(params string[] headers) =>
        SendAsync($"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n{string.Concat(headers.Select(h => h + "\r\n"))}\r\n");

    public Task EventsAsync(string text) => SendAsync($"{Encoding.UTF8.GetByteCount(text):x}\r\n{text}\r\n");

    public async Task StreamAsync(ReadOnlyMemory<byte> bytes)
    {
        await BeginStreamAsync();
        await SendAsync($"{bytes.Length:x}\r\n");
        await SendAsync(bytes);
        await SendAsync("\r\n");
        await EndStreamAsync();
    }

    public Task EndStreamAsync() => SendAsync("0\r\n\r\n");

    public async Task StreamAsync(string events)
    {
        await BeginStreamAsync();
        await EventsAsync(events);
        await EndStreamAsync();
    }

    public void Close()
    {
        IsClosed = true;
        _socket.Dispose();
    }

    /// <summary>The connection dies with a reset, as when a process is killed.</summary>
    public void Reset()
    {
        _socket.LingerState = new LingerOption(true, 0);
        Close();
    }

    /// <summary>Completes when the gateway closed the connection.</summary>
    public async Task ClosedByGatewayAsync()
    {
        IsClosed = true;
        try
        {
            while (await _socket.ReceiveAsync(new byte[256], _stopping) > 0)
            {
            }
        }
        catch (SocketException)
        {
            // a reset is closed too
        }
    }
}
