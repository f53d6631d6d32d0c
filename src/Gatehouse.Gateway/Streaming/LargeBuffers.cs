using System.Buffers;

namespace Gatehouse.Gateway.Streaming;

/// <summary>
/// Where large arrays come from: a pool of their own, which is given back when nobody has wanted one for a while. The shared one keeps some
/// of each size for each thread and processor, for as long as there is no collection of the oldest generation, which calls do not cause.
/// </summary>
public static class LargeBuffers
{
    /// <summary>Up to here the shared pool does: these are many, and not worth giving back.</summary>
    private const int SmallBytes = 128 << 10;

    private const int MaxBytes = 64 << 20;
    private const int MaxOfEachSize = 16;

    private static ArrayPool<byte> s_pool = New();
    private static int s_rented;
    private static bool s_isUsed;

    /// <returns>At least so many bytes; to be given to <see cref="Return"/>.</returns>
    public static byte[] Rent(int bytes)
    {
        if (bytes <= SmallBytes)
        {
            return ArrayPool<byte>.Shared.Rent(bytes);
        }

        Interlocked.Increment(ref s_rented);
        return Volatile.Read(ref s_pool).Rent(bytes);
    }

    public static void Return(byte[] array) =>
        (array.Length <= SmallBytes ? ArrayPool<byte>.Shared : Volatile.Read(ref s_pool)).Return(array);

    /// <summary>To be called once in a while, by one caller: lets go of what was not wanted since the last time.</summary>
    /// <returns>Whether there is something to collect.</returns>
    public static bool Trim()
    {
        if (Interlocked.Exchange(ref s_rented, 0) > 0)
        {
            s_isUsed = true;
            return false;
        }

        if (!s_isUsed)
        {
            return false;
        }

        s_isUsed = false;
        Volatile.Write(ref s_pool, New()); // what is out comes back to the new one
        return true;
    }

    private static ArrayPool<byte> New() => ArrayPool<byte>.Create(MaxBytes, MaxOfEachSize);
}
