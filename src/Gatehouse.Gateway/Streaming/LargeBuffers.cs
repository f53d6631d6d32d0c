using System.Buffers;
using System.Numerics;

namespace Gatehouse.Gateway.Streaming;

/// <summary>
/// Where large arrays come from: a pool of their own, that lets go of those which nobody has needed for a while. The shared one keeps some
/// of each size for each thread and processor, for as long as there is no collection of the oldest generation, which calls do not cause.
/// </summary>
public static class LargeBuffers
{
    /// <summary>Up to here the shared pool does: these are many, and not worth giving back.</summary>
    private const int SmallBytes = 128 << 10;

    private const int MaxBytes = 64 << 20;

    private static readonly Shelf[] Shelves =
        [.. Enumerable.Range(1, BitOperations.Log2(MaxBytes / SmallBytes)).Select(static n => new Shelf(SmallBytes << n))];

    /// <returns>At least so many bytes; to be given to <see cref="Return"/>.</returns>
    public static byte[] Rent(int bytes) =>
        bytes <= SmallBytes ? ArrayPool<byte>.Shared.Rent(bytes)
        : bytes <= MaxBytes ? ShelfOf(bytes).Rent()
        : GC.AllocateUninitializedArray<byte>(bytes);

    public static void Return(byte[] array)
    {
        if (array.Length <= SmallBytes)
        {
            ArrayPool<byte>.Shared.Return(array);
        }
        else if (array.Length <= MaxBytes)
        {
            ShelfOf(array.Length).Return(array);
        }
    }

    /// <summary>To be called once in a while: lets go of those of each size that lay unused all the time since.</summary>
    /// <returns>How many bytes there are to collect.</returns>
    public static long Trim() => Shelves.Sum(static s => s.Trim());

    private static Shelf ShelfOf(int bytes) => Shelves[BitOperations.Log2((uint)(bytes - 1) / SmallBytes)];

    /// <summary>The free arrays of one size. The lock is held for a few instructions, by large calls alone.</summary>
    internal sealed class Shelf(int bytes)
    {
        private const int KeptBytes = 64 << 20;

        private readonly Lock _lock = new();
        private readonly Stack<byte[]> _free = [];
        private int _unused; // so many lay here all the time since the last look

        public byte[] Rent()
        {
            lock (_lock)
            {
                if (_free.TryPop(out var array))
                {
                    _unused = Math.Min(_unused, _free.Count);
                    return array;
                }
            }

            return GC.AllocateUninitializedArray<byte>(bytes);
        }

        public void Return(byte[] array)
        {
            lock (_lock)
            {
                if ((long)(_free.Count + 1) * bytes <= KeptBytes)
                {
                    _free.Push(array);
                }
            }
        }

        public long Trim()
        {
            lock (_lock)
            {
                var gone = _unused;
                for (var i = 0; i < gone; i++)
                {
                    _free.Pop();
                }

                _unused = _free.Count;
                return (long)gone * bytes;
            }
        }
    }
}
