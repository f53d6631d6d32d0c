using System.Buffers;
using System.Net;
using System.Net.Sockets;
using Gatehouse.Gateway.Polling;
using Microsoft.Extensions.Logging.Abstractions;

namespace Gatehouse.Gateway.Tests.Polling;

/// <summary>Of Linux, as what they test.</summary>
public sealed class PollerTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    /// <summary>A connect that failed at once gave the place of somebody else's socket away, whose events were lost then.</summary>
    [Fact]
    public async Task A_socket_that_was_never_watched_frees_nobodys_place()
    {
        var poller = new Poller(99);
        using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        using var peer = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await peer.ConnectAsync(listener.LocalEndPoint!, Ct);
        using var accepted = await listener.AcceptAsync(Ct);
        accepted.Blocking = false;
        using var watched = new TestSocket(accepted, poller);
        Assert.True(watched.TryWaitToRead());
        poller.Watch(watched);

        new TestSocket(new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp), poller).Dispose();
        await peer.SendAsync("x"u8.ToArray(), Ct);

        await watched.Readable.Task.WaitAsync(TimeSpan.FromSeconds(20), Ct);
    }

    /// <summary>The listener closed a descriptor that a thread was about to accept from, and that might be another's by then.</summary>
    [Fact]
    public async Task An_unbound_listener_keeps_its_descriptor_until_nobody_accepts_any_more()
    {
        var (listener, address) = Listen();
        var held = false;
        listener.Handle.DangerousAddRef(ref held); // as a system call does
        var accepting = listener.AcceptAsync(Ct);

        var descriptor = new FileInfo($"/proc/self/fd/{listener.Handle.DangerousGetHandle()}");
        var what = descriptor.LinkTarget;

        await listener.UnbindAsync(Ct);
        Assert.Null(await accepting);
        Assert.StartsWith("socket:", what, StringComparison.Ordinal);
        Assert.Equal(what, new FileInfo(descriptor.FullName).LinkTarget);

        listener.Handle.DangerousRelease();
        using var late = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await Assert.ThrowsAsync<SocketException>(async () => await late.ConnectAsync(address, Ct));
        Assert.Null(await listener.AcceptAsync(Ct));
    }

    /// <summary>Requests that a proxy had sent on connections which waited in the kernel's queue were lost.</summary>
    [Fact]
    public async Task Who_is_connected_when_the_listener_is_unbound_is_accepted_and_nobody_after()
    {
        var (listener, address) = Listen();
        var clients = Enumerable.Range(0, 20)
            .Select(_ => new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp)).ToList();
        await Task.WhenAll(clients.Select(c => c.ConnectAsync(address, Ct).AsTask()));

        await listener.UnbindAsync(Ct);
        var accepted = 0;
        while (await listener.AcceptAsync(Ct) is { } connection)
        {
            accepted++;
            await connection.DisposeAsync();
        }

        Assert.Equal(clients.Count, accepted);
        using var late = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await Assert.ThrowsAsync<SocketException>(async () => await late.ConnectAsync(address, Ct));
        clients.ForEach(c => c.Dispose());
    }

    /// <summary>Whoever connected between the last accept and the end of the listener was reset, with the request it had sent.</summary>
    [Fact]
    public async Task Nobody_connects_whom_the_listener_does_not_accept_before_it_ends()
    {
        const int Rounds = 4;
        const int Clients = 16;
        for (var round = 0; round < Rounds; round++)
        {
            var (listener, address) = Listen();
            var served = 0;
            var many = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            var clients = Enumerable.Range(0, Clients)
                .Select(_ => Task.Factory.StartNew(ConnectAgainAndAgain, Ct, TaskCreationOptions.LongRunning, TaskScheduler.Default))
                .ToList();
            var accepting = AcceptAsync(listener);
            await many.Task.WaitAsync(TimeSpan.FromSeconds(20), Ct);

            await listener.UnbindAsync(Ct);
            await accepting;
            await Task.WhenAll(clients);

            // Until it is refused.
            void ConnectAgainAndAgain()
            {
                var ended = new byte[1];
                while (true)
                {
                    using var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
                    try
                    {
                        client.Connect(address);
                    }
                    catch (SocketException)
                    {
                        return;
                    }

                    Assert.Equal(0, client.Receive(ended)); // where nobody had accepted it: a reset
                    if (Interlocked.Increment(ref served) == 10 * Clients)
                    {
                        many.SetResult();
                    }
                }
            }
        }

        static async Task AcceptAsync(PolledListener listener)
        {
            while (await listener.AcceptAsync(Ct) is { } connection)
            {
                await connection.DisposeAsync();
            }
        }
    }

    /// <summary>The thread that polls met a handle that was disposed a moment before, and the process ended.</summary>
    [Fact]
    public async Task Who_accepts_while_the_listener_is_unbound_gets_no_client_and_no_error()
    {
        var (listener, _) = Listen();

        listener.Handle.Dispose();

        Assert.Null(await listener.AcceptAsync(Ct));
    }

    private static (PolledListener Listener, EndPoint Address) Listen()
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        socket.Listen();
        var listener = new PolledListener(socket, MemoryPool<byte>.Shared, TimeProvider.System, NullLogger.Instance);
        return (listener, listener.EndPoint);
    }

    private sealed class TestSocket(Socket socket, Poller poller) : PolledSocket(socket.SafeHandle, poller)
    {
        public TaskCompletionSource Readable { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        protected override void OnReadable() => Readable.TrySetResult();

        protected override void OnWritable()
        {
        }
    }
}
