using System.Runtime.InteropServices;

namespace Gatehouse.Hosting;

/// <summary>
/// How much memory the process takes beyond what it holds. The garbage collector's share is set in <c>Gatehouse.csproj</c>.
/// </summary>
internal static partial class Footprint
{
    private const int ArenaMax = -8; // M_ARENA_MAX of glibc

    private const int Arenas = 2;

    private const int MappingThreshold = -3; // M_MMAP_THRESHOLD

    private const int SmallestMapping = 1 << 20;

    /// <summary>
    /// The C library keeps a heap for each of eight threads a processor, and what the compiler and SQLite have given back stays in each:
    /// 10 MB under load. It also learns to keep large blocks once they have been given back, unless it is told from which size on they are
    /// the system's: one that held an answer of 32 MB would stay. To be called before there are threads.
    /// </summary>
    public static void Limit()
    {
        if (!OperatingSystem.IsLinux())
        {
            return;
        }

        try
        {
            _ = SetAllocatorOption(ArenaMax, Arenas);
            _ = SetAllocatorOption(MappingThreshold, SmallestMapping);
        }
        catch (EntryPointNotFoundException)
        {
            // Another C library, which has one heap anyway.
        }
    }

    /// <summary>
    /// Gives back to the system what the C library keeps between what is in use: the compiler takes and leaves some 10 MB in the first
    /// minutes under load.
    /// </summary>
    public static void Trim()
    {
        if (!OperatingSystem.IsLinux())
        {
            return;
        }

        try
        {
            _ = TrimAllocator(0);
        }
        catch (EntryPointNotFoundException)
        {
            // Another C library, which does so by itself.
        }
    }

    [LibraryImport("libc", EntryPoint = "malloc_trim")]
    private static partial int TrimAllocator(nuint kept);

    [LibraryImport("libc", EntryPoint = "mallopt")]
    private static partial int SetAllocatorOption(int option, int value);
}
