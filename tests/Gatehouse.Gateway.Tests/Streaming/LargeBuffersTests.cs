using System.Runtime.CompilerServices;
using Gatehouse.Gateway.Streaming;

namespace Gatehouse.Gateway.Tests.Streaming;

public sealed class LargeBuffersTests
{
    private const int Large = 300_000;

    private readonly LargeBuffers.Shelf _shelf = new(Large);

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

    [Theory]
    [InlineData(1)]
    [InlineData((128 << 10) - 1)]
    [InlineData(128 << 10)]
    [InlineData((128 << 10) + 1)]
    [InlineData(256 << 10)]
    [InlineData((256 << 10) + 1)]
    [InlineData(64 << 20)]
    [InlineData((64 << 20) + 1)]
    public void An_array_has_room_for_what_was_asked_and_not_much_more(int bytes)
    {
        var array = LargeBuffers.Rent(bytes);

        Assert.InRange(array.Length, bytes, Math.Max(16, 2 * (long)bytes));
        LargeBuffers.Return(array);
    }

    [Fact]
    public void An_array_that_came_back_is_used_again()
    {
        var array = _shelf.Rent();
        _shelf.Return(array);

        Assert.Same(array, _shelf.Rent());
    }

    [Fact]
    public void What_lay_unused_between_two_looks_goes_and_what_was_used_stays()
    {
        var (often, rarely) = (_shelf.Rent(), Lost(_shelf));
        _shelf.Return(often);
        Assert.Equal(0, _shelf.Trim()); // both lie there for the first time
        Assert.Same(often, _shelf.Rent());
        _shelf.Return(often);

        Assert.Equal(Large, _shelf.Trim());
        Assert.Equal(Large, _shelf.Trim()); // nobody came since
        Assert.Equal(0, _shelf.Trim());
        Assert.NotSame(often, _shelf.Rent());
        GC.Collect();
        Assert.False(rarely.IsAlive);
    }

    /// <summary>Returns an array that nobody here holds on to.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static WeakReference Lost(LargeBuffers.Shelf shelf)
    {
        var array = shelf.Rent();
        shelf.Return(array);
        return new WeakReference(array);
    }
}
