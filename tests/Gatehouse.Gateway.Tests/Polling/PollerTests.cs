using System.Net;
using System.Net.Sockets;
using Gatehouse.Gateway.Polling;

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

    private sealed class TestSocket(Socket socket, Poller poller)
        : PolledSocket(new SocketHandle((int)socket.Handle, isOwner: false), poller)
    {
        public TaskCompletionSource Readable { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        protected override void OnReadable() => Readable.TrySetResult();

        protected override void OnWritable()
        {
        }
    }
}
