namespace Gatehouse.Observability.Ledger;

/// <summary>
/// Counts of durations in buckets that are one microsecond or 10 % wide, whichever is more: a percentile read from it is at most 5 %
/// off. Histograms add up, so that sums over any time keep their percentiles.
/// </summary>
internal sealed class LatencyHistogram
{
    /// <summary>Bumped if the bounds ever change: stored histograms load for ever.</summary>
    private const byte Version = 1;

    /// <summary>Lower bound of each bucket in microseconds, in integer arithmetic: equal on every machine.</summary>
    private static readonly long[] Bounds = MakeBounds();

    /// <summary>Buckets are taken in lots of so many: the latencies of one kind of call lie close together.</summary>
    private const int Lot = 16;

    private const int MaxStackBytes = 1024;

    private int _first;
    private long[] _counts = [];

    public long Count { get; private set; }

    /// <summary>A stored histogram of one duration.</summary>
    public static byte[] BytesOf(long micros)
    {
        var bucket = BucketOf(micros);
        return bucket < 0x80 ? [Version, (byte)bucket, 1] : [Version, (byte)(bucket | 0x80), (byte)(bucket >> 7), 1];
    }

    /// <param name="micros">Negative durations count as zero.</param>
    public void Add(long micros) => Add(BucketOf(micros), 1);

    public void Add(LatencyHistogram other)
    {
        for (var i = 0; i < other._counts.Length; i++)
        {
            if (other._counts[i] is > 0 and var count)
            {
                Add(other._first + i, count);
            }
        }
    }

    /// <param name="share">From 0 to 1; 0.95 for the 95th percentile.</param>
    /// <returns>The middle of the bucket that holds the nearest rank; <see langword="null"/> when the histogram is empty.</returns>
    public long? Percentile(double share)
    {
        var rank = Math.Clamp((long)Math.Ceiling(Count * share), 1, Math.Max(1, Count));
        for (var i = 0; i < _counts.Length; i++)
        {
            rank -= _counts[i];
            if (rank <= 0 && _counts[i] > 0)
            {
                var bucket = _first + i;
                var end = bucket + 1 < Bounds.Length ? Bounds[bucket + 1] - 1 : Bounds[bucket];
                return Bounds[bucket] + ((end - Bounds[bucket]) / 2);
            }
        }

        return null;
    }

    /// <summary>The version, then for each bucket in use its distance from the one before and its count, as LEB128.</summary>
    public byte[] ToBytes()
    {
        var bytes = new List<byte>(1 + (_counts.Length * 2)) { Version };
        var before = 0;
        for (var i = 0; i < _counts.Length; i++)
        {
            if (_counts[i] > 0)
            {
                Write(bytes, _first + i - before);
                Write(bytes, _counts[i]);
                before = _first + i;
            }
        }

        return [.. bytes];
    }

    /// <summary>Adds a stored histogram to this one.</summary>
    /// <exception cref="FormatException">The bytes are not a histogram.</exception>
    public void AddBytes(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length == 0 || bytes[0] != Version)
        {
            throw new FormatException("A stored latency histogram has an unknown version.");
        }

        bytes = bytes[1..];
        var bucket = 0L;
        while (bytes.Length > 0)
        {
            bucket += Read(ref bytes);
            var count = Read(ref bytes);
            if (bucket < 0 || bucket >= Bounds.Length)
            {
                throw new FormatException("A stored latency histogram names a bucket that does not exist.");
            }

            Add((int)bucket, count);
        }
    }

    /// <summary>Adds stored histograms, written as hexadecimal digits with commas between them.</summary>
    /// <exception cref="FormatException">They are not histograms.</exception>
    public void AddJoined(ReadOnlySpan<char> joined)
    {
        Span<byte> bytes = stackalloc byte[MaxStackBytes];
        foreach (var range in joined.Split(','))
        {
            var digits = joined[range];
            if (digits.Length > 2 * MaxStackBytes)
            {
                AddBytes(Convert.FromHexString(digits));
            }
            else if (digits.Length > 0)
            {
                Convert.FromHexString(digits, bytes, out _, out var written);
                AddBytes(bytes[..written]);
            }
        }
    }

    private static int BucketOf(long micros)
    {
        var found = Array.BinarySearch(Bounds, Math.Max(0, micros));
        return found >= 0 ? found : ~found - 1;
    }

    private static long[] MakeBounds()
    {
        var bounds = new List<long>();
        for (long bound = 0; bound < TimeSpan.FromDays(7).Ticks
            / TimeSpan.TicksPerMicrosecond; bound = Math.Max(bound + 1, bound + (bound / 10)))
        {
            bounds.Add(bound);
        }

        return [.. bounds];
    }

    private static void Write(List<byte> bytes, long value)
    {
        for (; value >= 0x80; value >>= 7)
        {
            bytes.Add((byte)(value | 0x80));
        }

        bytes.Add((byte)value);
    }

    private static long Read(ref ReadOnlySpan<byte> bytes)
    {
        var value = 0L;
        for (var shift = 0; shift < 63; shift += 7)
        {
            if (bytes.Length == 0)
            {
                break;
            }

            var next = bytes[0];
            bytes = bytes[1..];
            value |= (long)(next & 0x7F) << shift;
            if (next < 0x80)
            {
                return value;
            }
        }

        throw new FormatException("A stored latency histogram is cut off.");
    }

    private void Add(int bucket, long count)
    {
        if ((uint)(bucket - _first) >= (uint)_counts.Length)
        {
            Reach(bucket);
        }

        _counts[bucket - _first] += count;
        Count += count;
    }

    private void Reach(int bucket)
    {
        var first = bucket / Lot * Lot;
        var last = first + Lot;
        if (_counts.Length > 0)
        {
            (first, last) = (Math.Min(first, _first), Math.Max(last, _first + _counts.Length));
        }

        var counts = new long[last - first];
        _counts.CopyTo(counts, _counts.Length == 0 ? 0 : _first - first);
        (_first, _counts) = (first, counts);
    }
}
