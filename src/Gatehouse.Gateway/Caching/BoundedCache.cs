using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;

namespace Gatehouse.Gateway.Caching;

/// <summary>Something that takes room in a cache.</summary>
internal interface ICached
{
    /// <summary>What it takes, in bytes.</summary>
    long Bytes { get; }

    /// <summary>Unix milliseconds from which on it is of no use.</summary>
    long ExpiresAt { get; }
}

/// <summary>
/// A cache of so many bytes. Two queues, after S3-FIFO (Yang et al., SOSP 2023): what is new passes a small one, a tenth of the room; what
/// was asked for meanwhile goes on to the main one, where each further use earns another round. A flood of answers that nobody asks for
/// again, of one tenant for example, drives out nothing but itself.
/// <list type="number">
/// <item>Finding takes no lock. Whoever adds evicts; when another thread does already, it does it for both.</item>
/// <item>Each key has one place in one queue; a new value for a key takes the old one's place.</item>
/// <item>A removed place holds no value, and leaves its queue within a minute.</item>
/// </list>
/// </summary>
internal sealed class BoundedCache<T> : IDisposable
    where T : class, ICached
{
    /// <summary>Of one place: key, dictionary and queue.</summary>
    public const int PlaceBytes = 200;

    private const int SmallShare = 10;
    private const byte MostUses = 3;
    private static readonly TimeSpan SweepInterval = TimeSpan.FromMinutes(1);

    private readonly ConcurrentDictionary<CacheKey, Place> _places = new();
    private readonly ConcurrentQueue<Place> _small = new();
    private readonly ConcurrentQueue<Place> _main = new();
    private readonly Lock _evicting = new();
    private readonly Func<long> _maxBytes;
    private readonly Action<T> _removed;
    private readonly TimeProvider _clock;
    private readonly ITimer _sweeper;
    private long _bytes;
    private long _smallBytes;

    /// <param name="maxBytes">Asked at each addition.</param>
    /// <param name="removed">Gets each value that is no longer found, on whatever thread removed it.</param>
    public BoundedCache(Func<long> maxBytes, TimeProvider clock, Action<T> removed)
    {
        _maxBytes = maxBytes;
        _clock = clock;
        _removed = removed;
        _sweeper = clock.CreateTimer(static cache => ((BoundedCache<T>)cache!).Sweep(), this, SweepInterval, SweepInterval);
    }

    /// <summary>What everything kept takes.</summary>
    public long Bytes => Volatile.Read(ref _bytes);

    public int Count => _places.Count;

    /// <summary>Finds what has not expired. Takes no lock and allocates nothing.</summary>
    public bool TryFind(in CacheKey key, long now, [NotNullWhen(true)] out T? value)
    {
        if (_places.TryGetValue(key, out var place) && place.Value is { } found && found.ExpiresAt > now)
        {
            if (place.Uses < MostUses)
            {
                place.Uses++; // a count lost between threads is no loss
            }

            value = found;
            return true;
        }

        value = null;
        return false;
    }

    /// <summary>
    /// Keeps a value in place of the one that the key had. One that is larger than a tenth of all there is room for is not kept.
    /// </summary>
    public void Add(in CacheKey key, T value)
    {
        if (value.Bytes + PlaceBytes > _maxBytes() / SmallShare)
        {
            Remove(key);
            return;
        }

        while (true)
        {
            var place = new Place(key, value);
            if (_places.TryAdd(key, place))
            {
                Interlocked.Add(ref _bytes, value.Bytes + PlaceBytes);
                Interlocked.Add(ref _smallBytes, value.Bytes + PlaceBytes);
                _small.Enqueue(place);
                break;
            }

            if (_places.TryGetValue(key, out var taken) && TryReplace(taken, value))
            {
                break;
            }
        }

        Evict();
    }

    public void Remove(in CacheKey key)
    {
        if (_places.TryGetValue(key, out var place))
        {
            Remove(place);
        }
    }

    public void Dispose() => _sweeper.Dispose();

    private bool TryReplace(Place place, T value)
    {
        T removed;
        lock (place)
        {
            if (place.Value is not { } old)
            {
                return false; // it was removed meanwhile
            }

            removed = old;
            place.Value = value;
            RecountLocked(place, value.Bytes - old.Bytes);
        }

        _removed(removed);
        return true;
    }

    private void Remove(Place place)
    {
        T removed;
        lock (place)
        {
            if (place.Value is not { } old)
            {
                return;
            }

            removed = old;
            _places.TryRemove(new KeyValuePair<CacheKey, Place>(place.Key, place));
            place.Value = null;
            RecountLocked(place, -(old.Bytes + PlaceBytes));
        }

        _removed(removed);
    }

    private void RecountLocked(Place place, long change)
    {
        Interlocked.Add(ref _bytes, change);
        if (!place.IsMain)
        {
            Interlocked.Add(ref _smallBytes, change);
        }
    }

    /// <summary>Whoever leaves looks once more, for what was added by those who found the lock taken.</summary>
    private void Evict()
    {
        var isDone = false;
        while (!isDone && Bytes > _maxBytes() && _evicting.TryEnter())
        {
            try
            {
                isDone = !TryEvictLocked();
            }
            finally
            {
                _evicting.Exit();
            }
        }
    }

    /// <returns><see langword="false"/> when nothing is queued: what is counted too much is about to be queued by a thread that then
    /// evicts.</returns>
    private bool TryEvictLocked()
    {
        var (most, now) = (_maxBytes(), _clock.GetUtcNow().ToUnixTimeMilliseconds());
        while (Bytes > most)
        {
            var fromSmall = Volatile.Read(ref _smallBytes) > most / SmallShare || _main.IsEmpty;
            if (!(fromSmall ? _small : _main).TryDequeue(out var place))
            {
                if (fromSmall ? !_main.TryDequeue(out place) : !_small.TryDequeue(out place))
                {
                    return false;
                }

                fromSmall = !fromSmall;
            }

            if (place.Value is not { } value)
            {
                continue;
            }

            if (place.Uses == 0 || value.ExpiresAt <= now)
            {
                Remove(place);
            }
            else if (fromSmall)
            {
                Promote(place);
            }
            else
            {
                place.Uses--;
                _main.Enqueue(place);
            }
        }

        return true;
    }

    private void Promote(Place place)
    {
        lock (place)
        {
            if (place.Value is { } value)
            {
                place.IsMain = true;
                place.Uses = 0;
                Interlocked.Add(ref _smallBytes, -(value.Bytes + PlaceBytes));
            }
        }

        _main.Enqueue(place);
    }

    /// <summary>What has expired is not kept in memory either.</summary>
    private void Sweep()
    {
        var now = _clock.GetUtcNow().ToUnixTimeMilliseconds();
        foreach (var (_, place) in _places)
        {
            if (place.Value is { } value && value.ExpiresAt <= now)
            {
                Remove(place);
            }
        }

        if (_evicting.TryEnter())
        {
            try
            {
                CompactLocked(_small);
                CompactLocked(_main);
            }
            finally
            {
                _evicting.Exit();
            }
        }
    }

    /// <summary>Places without a value leave the queue; the others go round it once and keep their order.</summary>
    private static void CompactLocked(ConcurrentQueue<Place> queue)
    {
        for (var left = queue.Count; left > 0 && queue.TryDequeue(out var place); left--)
        {
            if (place.Value is not null)
            {
                queue.Enqueue(place);
            }
        }
    }

    /// <summary>Where a key's value is. Locked only by who changes it, for a few instructions.</summary>
    private sealed class Place(CacheKey key, T value)
    {
        private volatile T? _value = value;

        public CacheKey Key { get; } = key;

        /// <summary><see langword="null"/> once it is removed.</summary>
        public T? Value
        {
            get => _value;
            set => _value = value;
        }

        public byte Uses { get; set; }

        public bool IsMain { get; set; }
    }
}
