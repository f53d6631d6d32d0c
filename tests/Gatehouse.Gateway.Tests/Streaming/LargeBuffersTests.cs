using Gatehouse.Gateway.Streaming;

namespace Gatehouse.Gateway.Tests.Streaming;

public sealed class LargeBuffersTests
{
    private const int Large = 300_000;

    [Fact]
    public void A_buffer_makes_room_once_for_all_that_was_announced()
    {
        using var buffer = new PooledBuffer();
        buffer.Write("begun"u8);

        buffer.Reserve(Large);
        var room = buffer.GetMemory().Length;
        buffer.Write(new byte[Large - 5]);

        Assert.Equal(Large, buffer.Length);
        Assert.StartsWith("begun", System.Text.Encoding.UTF8.GetString(buffer.Span));
        Assert.Equal(room - (Large - 5), buffer.GetMemory().Length); // it did not grow again
    }

    [Fact]
    public void An_array_that_comes_back_after_its_pool_was_given_up_is_used_again()
    {
        var array = LargeBuffers.Rent(Large);
        while (!LargeBuffers.Trim()) // other tests may want some meanwhile
        {
        }

        LargeBuffers.Return(array);

        Assert.Equal(array.Length, LargeBuffers.Rent(Large).Length);
    }

    [Fact]
    public void Small_arrays_are_the_shared_pools()
    {
        var array = LargeBuffers.Rent(4096);

        Assert.Equal(4096, array.Length);
        LargeBuffers.Return(array);
    }
}
