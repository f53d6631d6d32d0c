using System.Buffers;

namespace Gatehouse.Guardrails;

/// <summary>
/// Findings of one text in pooled memory. Rent, use on one thread, dispose; a rented list that stays empty allocates nothing.
/// </summary>
public sealed class FindingList : IDisposable
{
    [ThreadStatic]
    private static FindingList? _spare;

    private Finding[] _items = [];
    private int _count;

    private FindingList()
    {
    }

    public int Count => _count;

    public ReadOnlySpan<Finding> Items => _items.AsSpan(0, _count);

    public ref readonly Finding this[int index] => ref _items.AsSpan(0, _count)[index];

    /// <summary>An empty list; the thread's last disposed one when there is one.</summary>
    public static FindingList Rent()
    {
        var list = _spare ?? new FindingList();
        _spare = null;
        return list;
    }

    public void Add(in Finding finding)
    {
        if (_count == _items.Length)
        {
            Grow();
        }

        _items[_count++] = finding;
    }

    public void Clear() => _count = 0;

    internal void Set(int index, in Finding finding) => _items.AsSpan(0, _count)[index] = finding;

    /// <summary>Drops what was added after the list had <paramref name="count"/> findings.</summary>
    public void Truncate(int count)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, _count);
        _count = count;
    }

    /// <summary>Orders by start, then the longer first, then the surer first.</summary>
    public void Sort() => _items.AsSpan(0, _count).Sort(static (a, b) =>
        a.Start != b.Start ? a.Start.CompareTo(b.Start) : a.Length != b.Length ? b.Length.CompareTo(a.Length) : b.Score.CompareTo(a.Score));

    /// <summary>Sorts, and of findings from <paramref name="from"/> on that overlap keeps the surest, then the longest.</summary>
    public void ResolveOverlaps(int from = 0)
    {
        var items = _items.AsSpan(from, _count - from);
        if (items.Length < 2)
        {
            return;
        }

        items.Sort(static (a, b) => a.Start != b.Start ? a.Start.CompareTo(b.Start) : b.Length.CompareTo(a.Length));
        var kept = 0;
        for (var i = 0; i < items.Length; i++)
        {
            var next = items[i];
            if (kept > 0 && items[kept - 1].Overlaps(next))
            {
                // Kept findings do not overlap each other, so only the last ones can overlap the next, which starts no earlier.
                if (Stronger(next, items[kept - 1]))
                {
                    items[kept - 1] = next;
                }

                continue;
            }

            items[kept++] = next;
        }

        _count = from + kept;
    }

    public void Dispose()
    {
        _count = 0;
        _spare = this;
    }

    private static bool Stronger(in Finding a, in Finding b) => a.Score > b.Score || (a.Score == b.Score && a.Length > b.Length);

    private void Grow()
    {
        var larger = ArrayPool<Finding>.Shared.Rent(Math.Max(16, _items.Length * 2));
        _items.AsSpan(0, _count).CopyTo(larger);
        if (_items.Length > 0)
        {
            ArrayPool<Finding>.Shared.Return(_items, clearArray: true);
        }

        _items = larger;
    }
}
