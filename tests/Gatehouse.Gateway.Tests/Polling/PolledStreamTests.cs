using System.Net;
using System.Net.Sockets;
using Gatehouse.Gateway.Polling;

namespace Gatehouse.Gateway.Tests.Polling;

/// <summary>Of Linux, as what they test.</summary>
public sealed class PolledStreamTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_port_that_nobody_listens_on_refuses_and_the_next_address_is_tried()
    {
        using var listener = Listen();
        var port = ((IPEndPoint)listener.LocalEndPoint!).Port;

        await using var stream = await PolledStream.ConnectAsync([IPAddress.Parse("127.0.0.2"), IPAddress.Loopback], port, Ct);

        var e = await Assert.ThrowsAsync<SocketException>(
            async () => await PolledStream.ConnectAsync([IPAddress.Parse("127.0.0.2")], port, Ct));
        Assert.Equal(SocketError.ConnectionRefused, e.SocketErrorCode);
    }

    [Fact]
    public async Task A_read_that_is_cancelled_writes_nothing_any_more_and_the_next_gets_the_bytes()
    {
        var (stream, peer) = await PairAsync();
        await using var _ = stream;
        using var __ = peer;
        using var cancel = new CancellationTokenSource();
        var first = new byte[4];
        var pending = stream.ReadAsync(first, cancel.Token);

        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await pending);
        await peer.SendAsync("late"u8.ToArray(), Ct);
        var second = new byte[8];
        var read = await stream.ReadAsync(second, Ct);

        Assert.Equal(new byte[4], first);
        Assert.Equal("late"u8, second.AsSpan(0, read));
    }

    [Fact]
    public async Task A_token_that_was_cancelled_late_does_not_touch_the_next_read()
    {
        var (stream, peer) = await PairAsync();
        await using var _ = stream;
        using var __ = peer;
        using var cancel = new CancellationTokenSource();
        var into = new byte[1];
        var pending = stream.ReadAsync(into, cancel.Token);
        await peer.SendAsync("a"u8.ToArray(), Ct);
        Assert.Equal(1, await pending);

        var next = stream.ReadAsync(into, Ct);
        await cancel.CancelAsync();
        await peer.SendAsync("b"u8.ToArray(), Ct);

        Assert.Equal(1, await next);
        Assert.Equal((byte)'b', into[0]);
    }

    [Fact]
    public async Task Bytes_that_nobody_asked_for_show_and_so_does_an_end()
    {
        var (stream, peer) = await PairAsync();
        await using var _ = stream;
        Assert.False(stream.HasInput());

        await peer.SendAsync("x"u8.ToArray(), Ct);
        while (!stream.HasInput())
        {
            await Task.Yield();
        }

        Assert.Equal(1, await stream.ReadAsync(new byte[10], Ct));
        Assert.False(stream.HasInput());
        peer.Dispose();
        while (!stream.HasInput())
        {
            await Task.Yield();
        }

        Assert.Equal(0, await stream.ReadAsync(new byte[10], Ct));
    }

    [Fact]
    public async Task An_orderly_end_is_the_end_and_a_reset_is_an_error()
    {
        foreach (var isReset in new[] { false, true })
        {
            var (stream, peer) = await PairAsync();
            await using var _ = stream;
            var pending = stream.ReadAsync(new byte[10], Ct);

            peer.LingerState = new LingerOption(isReset, 0);
            peer.Dispose();

            if (isReset)
            {
                await Assert.ThrowsAsync<IOException>(async () => await pending);
            }
            else
            {
                Assert.Equal(0, await pending);
            }

            Assert.Equal(0, await stream.ReadAsync(new byte[10], Ct)); // and the end it stays
        }
    }

    [Fact]
    public async Task A_peer_that_does_not_read_holds_the_writer_back()
    {
        var (stream, peer) = await PairAsync();
        await using var _ = stream;
        using var __ = peer;
        var sent = new byte[64 << 20];
        new Random(7).NextBytes(sent);

        var writing = stream.WriteAsync(sent, Ct).AsTask();
        Assert.False(writing.IsCompleted);
        var received = new byte[sent.Length];
        for (var at = 0; at < received.Length;)
        {
            at += await peer.ReceiveAsync(received.AsMemory(at), Ct);
        }

        await writing;
        Assert.True(sent.AsSpan().SequenceEqual(received));
    }

    /// <summary>A write behind one that was sent at the end of a turn listened to its token twice, and gave up listening once.</summary>
    [Fact]
    public async Task The_token_of_a_write_that_waited_ends_no_later_one()
    {
        var (stream, peer) = await PairAsync();
        await using var _ = stream;
        using var __ = peer;
        using var earlier = new CancellationTokenSource();
        var onPoller = WriteOnPollerAsync();
        await peer.SendAsync(new byte[1], Ct);
        await onPoller;
        Assert.Equal(1, await peer.ReceiveAsync(new byte[1], Ct));

        await WriteManyAsync(earlier.Token, static () => { });
        await WriteManyAsync(Ct, earlier.Cancel);

        async Task WriteOnPollerAsync()
        {
            Assert.Equal(1, await stream.ReadAsync(new byte[1], Ct));
            Assert.NotNull(Poller.Current);
            var writing = stream.WriteAsync(new byte[1], Ct);
            Assert.False(writing.IsCompleted); // it goes at the end of the turn
            await writing;
        }

        async Task WriteManyAsync(CancellationToken ct, Action meanwhile)
        {
            var writing = Task.Run(async () => await stream.WriteAsync(new byte[64 << 20], ct), Ct);
            var received = new byte[1 << 20];
            var count = await peer.ReceiveAsync(received, Ct);
            meanwhile();
            while (count < 64 << 20)
            {
                count += await peer.ReceiveAsync(received, Ct);
            }

            await writing;
        }
    }

    [Fact]
    public async Task A_writer_whose_peer_has_gone_gets_an_error()
    {
        var (stream, peer) = await PairAsync();
        await using var _ = stream;
        peer.LingerState = new LingerOption(true, 0);
        var writing = stream.WriteAsync(new byte[64 << 20], Ct);

        peer.Dispose();

        await Assert.ThrowsAsync<IOException>(async () => await writing);
    }

    [Fact]
    public async Task Disposal_ends_what_waits()
    {
        var (stream, peer) = await PairAsync();
        using var _ = peer;
        var reading = stream.ReadAsync(new byte[10], Ct);

        await stream.DisposeAsync();

        Assert.True(await reading.AsTask().ContinueWith(static t => t.IsFaulted || t.Result == 0, TaskScheduler.Default));
        Assert.Equal(0, await peer.ReceiveAsync(new byte[1], Ct));
    }

    /// <summary>A read that keeps finding bytes gives way to other sockets of its thread, and loses none.</summary>
    [Fact]
    public async Task Bytes_that_come_faster_than_they_are_read_all_arrive()
    {
        var (stream, peer) = await PairAsync();
        await using var _ = stream;
        using var __ = peer;
        var sent = new byte[1 << 20];
        new Random(8).NextBytes(sent);
        var sending = Task.Run(() => peer.SendAsync(sent, Ct), Ct);

        var received = await ReadInPiecesAsync(stream, sent.Length);

        await sending;
        Assert.True(sent.AsSpan().SequenceEqual(received));
    }

    /// <summary>On the thread that polls, once the first read has waited.</summary>
    private static async Task<byte[]> ReadInPiecesAsync(PolledStream stream, int bytes)
    {
        var received = new byte[bytes];
        for (var at = 0; at < bytes;)
        {
            at += await stream.ReadAsync(received.AsMemory(at, Math.Min(100, bytes - at)), Ct).ConfigureAwait(false);
        }

        return received;
    }

    private static Socket Listen()
    {
        var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        return listener;
    }

    private static async Task<(PolledStream Stream, Socket Peer)> PairAsync()
    {
        using var listener = Listen();
        var accepting = listener.AcceptAsync(Ct);
        var stream = await PolledStream.ConnectAsync([IPAddress.Loopback], ((IPEndPoint)listener.LocalEndPoint!).Port, Ct);
        return (stream, await accepting);
    }
}
