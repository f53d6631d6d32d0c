using System.Buffers;
using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using Gatehouse.Gateway.Polling;
using Gatehouse.Gateway.Tests.Calls;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging.Abstractions;

namespace Gatehouse.Gateway.Tests.Polling;

/// <summary>What a connection sends: at the end of a turn, at once, and when there is room. Of Linux, as what they test.</summary>
public sealed class PolledWriterTests : IAsyncDisposable
{
    private const int SmallBuffer = 4096;
    private const int MostLater = 32 * 1024;

    private readonly ManualClock _clock = new();
    private readonly Socket _client = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    private PolledListener? _listener;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_is_flushed_on_the_pollers_thread_is_over_at_once_and_arrives_together()
    {
        var connection = await ConnectAsync();
        var flushes = await OnPollerAsync(connection, output =>
        {
            var first = Write(output, 0, 100);
            return (First: first, Second: Write(output, 100, 200));
        });

        Assert.True(flushes.First.IsCompletedSuccessfully && flushes.Second.IsCompletedSuccessfully);
        var buffer = new byte[1000];
        Assert.Equal(300, await _client.ReceiveAsync(buffer, Ct)); // one send
        AssertBytes(buffer.AsSpan(0, 300), 0);
        await connection.DisposeAsync();
    }

    /// <summary>The writer goes on elsewhere while the poller has yet to send what came before.</summary>
    [Fact]
    public async Task Bytes_keep_their_order_where_the_writer_leaves_the_pollers_thread()
    {
        var connection = await ConnectAsync();
        var receiving = ReceiveAsync();
        var at = 0;
        for (var round = 0; round < 300; round++)
        {
            await OnPollerAsync(connection, async output =>
            {
                await Write(output, at, 700);
                var elsewhere = Task.Run(async () => await Write(output, at + 700, 5000), Ct);
                await elsewhere;
                await Write(output, at + 5700, 300);
            });
            at += 6000;
        }

        await connection.DisposeAsync();
        Assert.Equal(at, await receiving);
    }

    /// <summary>The server above advances, and writes on into what is left of the same memory.</summary>
    [Fact]
    public async Task Memory_that_is_being_written_stays_its_writers_while_the_poller_sends_what_came_before()
    {
        var connection = await ConnectAsync();
        var output = connection.Transport.Output;
        Memory<byte> memory = default;
        await OnPollerAsync(connection, _ =>
        {
            var flush = Write(output, 0, 100);
            var elsewhere = new Thread(() =>
            {
                memory = output.GetMemory(200);
                Fill(memory.Span[..100], 100);
                output.Advance(100);
            });
            elsewhere.Start();
            elsewhere.Join(); // before the end of the turn
            return flush;
        });

        var buffer = new byte[1000];
        Assert.Equal(100, await _client.ReceiveAsync(buffer, Ct)); // nothing that nobody flushed
        Assert.Equal(100, output.UnflushedBytes);
        Fill(memory.Span[100..200], 200);
        output.Advance(100);
        await output.FlushAsync(Ct);
        Assert.Equal(200, await _client.ReceiveAsync(buffer.AsMemory(100), Ct));
        AssertBytes(buffer.AsSpan(0, 300), 0);
        await connection.DisposeAsync();
    }

    [Fact]
    public async Task What_was_flushed_goes_before_the_connection_is_cut_off_in_the_same_turn()
    {
        var connection = await ConnectAsync();
        await OnPollerAsync(connection, output =>
        {
            var flush = Write(output, 0, 100);
            connection.Abort();
            return flush;
        });

        Assert.Equal(100, await RawServer.CountToEndAsync(_client));
        await connection.DisposeAsync();
    }

    [Fact]
    public async Task What_was_flushed_last_arrives_although_the_connection_is_closed_before_there_is_room()
    {
        var connection = await ConnectAsync(SmallBuffer);
        var flush = await OnPollerAsync(connection, output => Write(output, 0, MostLater));
        Assert.True(flush.IsCompletedSuccessfully);

        var closing = connection.DisposeAsync();
        Assert.False(closing.IsCompleted);

        Assert.Equal(MostLater, await ReceiveAsync());
        await closing;
    }

    [Fact]
    public async Task A_client_that_takes_nothing_keeps_its_connection_for_half_a_minute()
    {
        var connection = await ConnectAsync(SmallBuffer);
        await OnPollerAsync(connection, output => Write(output, 0, MostLater));

        var closing = connection.DisposeAsync().AsTask();
        Assert.Equal(1, await _client.ReceiveAsync(new byte[1], SocketFlags.Peek, Ct)); // the kernel has what it takes
        Assert.False(closing.IsCompleted);
        _clock.Advance(TimeSpan.FromSeconds(31));

        await closing.WaitAsync(TimeSpan.FromSeconds(20), Ct);
        Assert.InRange(await ReceiveAsync(), 1, MostLater - 1); // what the kernel had taken
    }

    [Fact]
    public async Task A_flush_without_room_waits_can_be_given_up_and_loses_nothing()
    {
        var connection = await ConnectAsync(SmallBuffer);
        var output = connection.Transport.Output;
        using var source = CancellationTokenSource.CreateLinkedTokenSource(Ct);

        var cancelled = Write(output, 0, 500_000, source.Token);
        Assert.False(cancelled.IsCompleted);
        await source.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await cancelled);

        var ended = Write(output, 500_000, 100);
        Assert.False(ended.IsCompleted);
        output.CancelPendingFlush();
        Assert.True((await ended).IsCanceled);

        output.CancelPendingFlush(); // nobody waits: the next
        Assert.True((await Write(output, 500_100, 100)).IsCanceled);

        var waiting = Write(output, 500_200, 100);
        Assert.False(waiting.IsCompleted);
        var receiving = ReceiveAsync();
        Assert.False((await waiting).IsCanceled);
        await connection.DisposeAsync();
        Assert.Equal(500_300, await receiving);
    }

    [Fact]
    public async Task A_flush_to_a_client_that_has_gone_ends()
    {
        var connection = await ConnectAsync(SmallBuffer);
        var waiting = Write(connection.Transport.Output, 0, 500_000);
        Assert.False(waiting.IsCompleted);

        _client.LingerState = new LingerOption(true, 0);
        _client.Dispose();

        Assert.True((await waiting).IsCompleted);
        await connection.DisposeAsync();
    }

    public async ValueTask DisposeAsync()
    {
        _client.Dispose();
        await _listener!.DisposeAsync();
    }

    private async Task<ConnectionContext> ConnectAsync(int? buffer = null)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        if (buffer is { } bytes)
        {
            (socket.SendBufferSize, _client.ReceiveBufferSize) = (bytes, bytes);
        }

        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        socket.Listen();
        _listener = new PolledListener(socket, MemoryPool<byte>.Shared, _clock, NullLogger.Instance);
        await _client.ConnectAsync(_listener.EndPoint, Ct);
        return (await _listener.AcceptAsync(Ct))!;
    }

    /// <summary>Runs something where calls run.</summary>
    private async Task<T> OnPollerAsync<T>(ConnectionContext connection, Func<PipeWriter, T> action)
    {
        var done = RunAsync();
        await _client.SendAsync("x"u8.ToArray(), Ct);
        return await done;

        async Task<T> RunAsync()
        {
            var read = await connection.Transport.Input.ReadAsync(Ct);
            Assert.NotNull(Poller.Current);
            connection.Transport.Input.AdvanceTo(read.Buffer.End);
            return action(connection.Transport.Output);
        }
    }

    private Task OnPollerAsync(ConnectionContext connection, Func<PipeWriter, Task> action) =>
        OnPollerAsync<Task>(connection, action).Unwrap();

    private static Task<FlushResult> Write(PipeWriter output, int from, int count, CancellationToken? ct = null)
    {
        for (var left = count; left > 0;)
        {
            var memory = output.GetSpan();
            var part = Math.Min(left, memory.Length);
            Fill(memory[..part], from + count - left);
            output.Advance(part);
            left -= part;
        }

        return output.FlushAsync(ct ?? Ct).AsTask();
    }

    private static void Fill(Span<byte> bytes, int from)
    {
        for (var i = 0; i < bytes.Length; i++)
        {
            bytes[i] = (byte)((from + i) % 251);
        }
    }

    /// <returns>How many bytes came until the end; all of them as they were written.</returns>
    private async Task<int> ReceiveAsync()
    {
        var buffer = new byte[64 * 1024];
        for (var count = 0; ;)
        {
            var read = await _client.ReceiveAsync(buffer, Ct);
            if (read == 0)
            {
                return count;
            }

            AssertBytes(buffer.AsSpan(0, read), count);
            count += read;
        }
    }

    private static void AssertBytes(ReadOnlySpan<byte> bytes, int from)
    {
        for (var i = 0; i < bytes.Length; i++)
        {
            if (bytes[i] != (from + i) % 251)
            {
                Assert.Fail($"Byte {from + i} is another.");
            }
        }
    }
}
