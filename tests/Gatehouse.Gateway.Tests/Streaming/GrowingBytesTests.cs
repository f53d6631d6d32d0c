using System.Runtime.InteropServices;
using System.Text;
using Gatehouse.Gateway.Streaming;

namespace Gatehouse.Gateway.Tests.Streaming;

public sealed class GrowingBytesTests
{
    private const int Large = GrowingBytes.MostPooled * 2;

    [Fact]
    public void What_was_written_stays_while_it_grows_out_of_the_pool_and_further()
    {
        var written = new byte[Large * 3];
        new Random(1).NextBytes(written);
        using var buffer = new PooledBuffer();

        for (var at = 0; at < written.Length;)
        {
            var next = Math.Min(at == 0 ? 1 : at, written.Length - at);
            buffer.Write(written.AsSpan(at, next));
            at += next;
        }

        Assert.True(buffer.Span.SequenceEqual(written));
        Assert.True(buffer.Memory.Span.SequenceEqual(written));
        Assert.False(MemoryMarshal.TryGetArray(buffer.Memory, out _)); // none of the collected heap
    }

    [Fact]
    public void A_small_one_is_an_array_of_the_pool()
    {
        using var buffer = new PooledBuffer();
        buffer.Write(new byte[GrowingBytes.MostPooled]);

        Assert.True(MemoryMarshal.TryGetArray(buffer.Memory, out _));
    }

    [Fact]
    public void Memory_that_was_kept_beyond_its_owner_is_no_one_elses()
    {
        var buffer = new PooledBuffer(Large);
        buffer.Write("all of it"u8);
        var kept = buffer.Memory;

        buffer.Dispose();

        Assert.Throws<ObjectDisposedException>(() => kept.Span.Length);
        Assert.Throws<ObjectDisposedException>(() => kept.Pin());
        Assert.Equal(0, buffer.Memory.Length);
        buffer.Dispose();
    }

    [Fact]
    public void What_the_system_still_writes_to_does_not_grow_and_goes_back_with_its_last_pin()
    {
        var block = new LargeBlock(Large);
        using (block.Pin(Large - 1))
        {
            Assert.Throws<InvalidOperationException>(() => block.Grow(Large * 2));
            ((IDisposable)block).Dispose();
            Assert.Throws<ObjectDisposedException>(() => block.GetSpan().Length);
        }

        for (var i = 0; i < 1000; i++)
        {
            Assert.Throws<ObjectDisposedException>(() => block.Pin());
        }

        Assert.InRange(LargeBlock.Taken, 0, long.MaxValue); // who finds nothing gives nothing back
    }

    [Fact]
    public void Events_of_megabytes_come_through_the_parser()
    {
        var data = string.Concat(Enumerable.Repeat("0123456789", Large / 5));
        using var parser = new SseParser();
        var sent = Encoding.ASCII.GetBytes($"event: a\ndata: {data}\n\ndata: {data}!\n\n");
        var events = new List<string>();
        foreach (var part in sent.Chunk(100_000))
        {
            parser.Append(part);
            while (parser.TryRead(out var e))
            {
                events.Add(Encoding.ASCII.GetString(e.Data));
            }
        }

        Assert.Equal([data, data + "!"], events);
    }
}
