using Gatehouse.Gateway.Streaming;

namespace Gatehouse.Gateway.Tests.Streaming;

public sealed class PooledBufferTests
{
    private const int Large = 300_000;

    [Fact]
    public void A_buffer_makes_room_once_for_all_that_was_announced()
    {
        using var buffer = new PooledBuffer();
        buffer.Write("begun"u8);

        buffer.Reserve(Large);
        var room = buffer.Capacity;
        buffer.Write(new byte[Large - 5]);

        Assert.Equal(Large, buffer.Length);
        Assert.StartsWith("begun", System.Text.Encoding.UTF8.GetString(buffer.Span));
        Assert.Equal(room, buffer.Capacity);
    }
}
