using System.Runtime.InteropServices;

namespace Gatehouse.Guardrails.Text;

/// <summary>A table that begins where a line of the cache does: a row of a line's size, of half or a quarter, lies in one.</summary>
internal static class CacheLines
{
    private const int Line = 64;

    /// <param name="from">Gets the index of the first element of the table.</param>
    /// <returns>An array that does not move, with room for so many elements from there on.</returns>
    public static T[] Table<T>(int length, out int from)
        where T : unmanaged
    {
        var size = Marshal.SizeOf<T>();
        var array = GC.AllocateArray<T>(length + (Line / size), pinned: true);
        from = (int)(-Marshal.UnsafeAddrOfPinnedArrayElement(array, 0) & (Line - 1)) / size;
        return array;
    }
}
