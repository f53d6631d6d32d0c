using System.Buffers.Binary;
using System.Security.Cryptography;
using Gatehouse.Gateway.Caching;
using Gatehouse.Gateway.Tests.Calls;

namespace Gatehouse.Gateway.Tests.Caching;

public sealed class BoundedCacheTests
{
    private const int ItemBytes = 1000 - BoundedCache<Item>.PlaceBytes;

    private readonly ManualClock _clock = new();
    private int _removed;

    [Fact]
    public void It_never_takes_more_than_it_may()
    {
        using var cache = Cache(100_000);

        for (var i = 0; i < 10_000; i++)
        {
            cache.Add(Key(i), New(i));
            Assert.InRange(cache.Bytes, 0, 100_000);
        }

        Assert.Equal(100, cache.Count);
        Assert.Equal(9_900, _removed);
    }

    [Fact]
    public void What_is_asked_for_stays_while_a_flood_of_others_passes()
    {
        using var cache = Cache(100_000);
        for (var i = 0; i < 20; i++)
        {
            cache.Add(Key(i), New(i));
            Assert.True(cache.TryFind(Key(i), Now, out _));
        }

        for (var i = 1000; i < 20_000; i++)
        {
            cache.Add(Key(i), New(i));
        }

        Assert.All(Enumerable.Range(0, 20), i => Assert.True(cache.TryFind(Key(i), Now, out var found) && found.Number == i));
    }

    [Fact]
    public void What_was_used_once_makes_room_at_last()
    {
        using var cache = Cache(100_000);
        for (var i = 0; i < 1_000; i++)
        {
            cache.Add(Key(i), New(i));
            cache.TryFind(Key(i), Now, out _);
        }

        Assert.Equal(100, cache.Count);
        Assert.True(cache.TryFind(Key(999), Now, out _));
        Assert.False(cache.TryFind(Key(0), Now, out _));
    }

    [Fact]
    public void One_that_is_too_large_is_not_kept()
    {
        using var cache = Cache(100_000);

        cache.Add(Key(1), New(1));
        cache.Add(Key(1), new Item(1, 10_001, long.MaxValue)); // what it takes the place of is not to be served either

        Assert.Equal((0, 0), (cache.Count, cache.Bytes));
    }

    [Fact]
    public void A_new_value_takes_the_place_of_the_old_one()
    {
        using var cache = Cache(100_000);
        cache.Add(Key(1), New(1));

        cache.Add(Key(1), new Item(2, 5_000, long.MaxValue));

        Assert.True(cache.TryFind(Key(1), Now, out var found));
        Assert.Equal((2, 1, 5_000 + BoundedCache<Item>.PlaceBytes, 1), (found.Number, cache.Count, cache.Bytes, _removed));
    }

    [Fact]
    public void Expired_ones_are_not_found_and_leave_within_a_minute()
    {
        using var cache = Cache(100_000);
        cache.Add(Key(1), New(1) with { ExpiresAt = Now + 1_000 });
        cache.Add(Key(2), New(2));

        Assert.False(cache.TryFind(Key(1), Now + 1_000, out _));
        _clock.Advance(TimeSpan.FromMinutes(1));

        Assert.Equal((1, 1_000), (cache.Count, cache.Bytes));
    }

    [Fact]
    public void Room_that_is_taken_away_is_given_back_at_the_next_addition()
    {
        var most = 100_000L;
        using var cache = new BoundedCache<Item>(() => most, _clock, _ => { });
        for (var i = 0; i < 100; i++)
        {
            cache.Add(Key(i), New(i));
        }

        most = 20_000;
        cache.Add(Key(1000), New(1000));

        Assert.InRange(cache.Bytes, 1, 20_000);
    }

    [Fact]
    public async Task Threads_that_add_find_and_remove_at_once_leave_true_accounts_behind()
    {
        using var cache = Cache(50_000);

        await Task.WhenAll(Enumerable.Range(0, 4).Select(t => Task.Run(() =>
        {
            var random = new Random(t);
            for (var i = 0; i < 20_000; i++)
            {
                var n = random.Next(200);
                switch (random.Next(4))
                {
                    case 0:
                        cache.Remove(Key(n));
                        break;
                    case 1:
                        cache.Add(Key(n), new Item(n, random.Next(100, 3_000), long.MaxValue));
                        break;
                    default:
                        Assert.True(!cache.TryFind(Key(n), 0, out var found) || found.Number == n);
                        break;
                }
            }
        })));

        Assert.InRange(cache.Bytes, 0, 50_000);
        for (var n = 0; n < 200; n++)
        {
            cache.Remove(Key(n));
        }

        Assert.Equal((0, 0), (cache.Count, cache.Bytes));
    }

    private long Now => _clock.GetUtcNow().ToUnixTimeMilliseconds();

    private static Item New(int number) => new(number, ItemBytes, long.MaxValue);

    private static CacheKey Key(int number)
    {
        var bytes = SHA256.HashData(BitConverter.GetBytes(number));
        return new CacheKey(BinaryPrimitives.ReadUInt64LittleEndian(bytes), 0, 0, 0);
    }

    private BoundedCache<Item> Cache(long bytes) => new(() => bytes, _clock, _ => Interlocked.Increment(ref _removed));

    internal sealed record Item(int Number, long Bytes, long ExpiresAt) : ICached;
}
