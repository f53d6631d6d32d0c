using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace Gatehouse.EndToEnd.Tests;

/// <summary>A way to a server that can be held up, as a frozen machine does, and cut, as a dead one is.</summary>
internal sealed class TcpGate : IAsyncDisposable
{
    private readonly string _host;
    private readonly int _port;
    private readonly ConcurrentDictionary<Socket, bool> _sockets = new();
    private readonly List<Task> _running = [];
    private readonly IPEndPoint _at;
    private volatile TaskCompletionSource _open = Opened();
    private Socket _listener;

    public TcpGate(string host, int port)
    {
        (_host, _port) = (host, port);
        _listener = Listen(new IPEndPoint(IPAddress.Loopback, 0));
        _at = (IPEndPoint)_listener.LocalEndPoint!;
        _running.Add(AcceptAsync(_listener));
    }

    public int Port => _at.Port;

    /// <summary>Connections stay, and nothing passes any more.</summary>
    public void Freeze() => _open = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>What was held up passes, and all that comes.</summary>
    public void Thaw() => _open.TrySetResult();

    /// <summary>Connections end, and new ones are refused.</summary>
    public void Cut()
    {
        _listener.Dispose();
        foreach (var socket in _sockets.Keys)
        {
            socket.Dispose();
        }

        _open.TrySetResult();
    }

    public void Restore()
    {
        _open = Opened();
        _listener = Listen(_at);
        _running.Add(AcceptAsync(_listener));
    }

    public async ValueTask DisposeAsync()
    {
        Cut();
        await Task.WhenAll(_running);
    }

    private static Socket Listen(IPEndPoint at)
    {
        var listener = new Socket(at.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        listener.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.ReuseAddress, true);
        listener.Bind(at);
        listener.Listen();
        return listener;
    }

    private static TaskCompletionSource Opened()
    {
        var opened = new TaskCompletionSource();
        opened.SetResult();
        return opened;
    }

    private async Task AcceptAsync(Socket listener)
    {
        var passing = new List<Task>();
        try
        {
            while (true)
            {
                passing.Add(PassAsync(await listener.AcceptAsync()));
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            await Task.WhenAll(passing);
        }
    }

    private async Task PassAsync(Socket client)
    {
        using var server = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        using (client)
        {
            client.NoDelay = true;
            _sockets[client] = _sockets[server] = true;
            try
            {
                await server.ConnectAsync(_host, _port);
                await Task.WhenAny(PumpAsync(client, server), PumpAsync(server, client));
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                // Cut.
            }

            _sockets.TryRemove(client, out _);
            _sockets.TryRemove(server, out _);
        }
    }

    private async Task PumpAsync(Socket from, Socket to)
    {
        var buffer = new byte[16 << 10];
        try
        {
            while (await from.ReceiveAsync(buffer) is > 0 and var read)
            {
                await _open.Task;
                await to.SendAsync(buffer.AsMemory(0, read));
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // Cut, or one side has gone.
        }
    }
}
