using System.Globalization;
using System.Runtime.InteropServices;

namespace Gatehouse.Hosting;

/// <summary>
/// Gives pages of assemblies and libraries back to the system: most of them are needed by the start alone, or until the compiler has
/// made something better of what they hold. They stay in the system's cache, and one that is needed again is back in a microsecond.
/// <list type="number">
/// <item>Only of mappings that nobody can write to and nobody has written to: what was written would be lost.</item>
/// <item>Only of mappings that were there at the look before: a library that is just being loaded may still be written to.</item>
/// </list>
/// </summary>
internal static partial class FilePages
{
    private const string Mappings = "/proc/self/smaps";
    private const string Written = "Anonymous:";
    private const string SwappedOut = "Swap:"; // after the other one; a page that was written to and swapped out is only here
    private const int NotNeeded = 4; // MADV_DONTNEED of Linux

    private static HashSet<(nuint From, nuint To)> s_seen = [];

    /// <summary>For one caller at a time. The first time it only looks.</summary>
    public static void Release()
    {
        try
        {
            if (File.Exists(Mappings))
            {
                ReleaseSeen();
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // A system that hides it: the pages stay.
        }
    }

    /// <param name="line">For example <c>7f0c1d000000-7f0c1d021000 r-xp 00001000 fe:01 42  /usr/lib/libc.so.6</c>.</param>
    /// <returns><see langword="null"/> for memory that is no file's, or may be written to.</returns>
    internal static (nuint From, nuint To)? ReadOnlyFile(ReadOnlySpan<char> line)
    {
        var dash = line.IndexOf('-');
        var space = line.IndexOf(' ');
        var path = line.IndexOf(" /");
        return dash > 0 && path > space && line[(space + 1)..] is ['r', '-', ..] && !line[(path + 1)..].StartsWith("/memfd:")
            && nuint.TryParse(line[..dash], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var from)
            && nuint.TryParse(line[(dash + 1)..space], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var to)
            ? (from, to)
            : null;
    }

    /// <summary>Mappings of files that nobody may write to, and of which no page was written to: not here, and not swapped out.</summary>
    /// <param name="smaps">The lines of <c>/proc/PID/smaps</c>.</param>
    internal static IEnumerable<(nuint From, nuint To)> Untouched(IEnumerable<string> smaps)
    {
        (nuint From, nuint To)? mapping = null;
        var isUntouched = false;
        foreach (var line in smaps)
        {
            if (line is [>= '0' and <= '9' or >= 'a' and <= 'f', ..])
            {
                (mapping, isUntouched) = (ReadOnlyFile(line), false);
            }
            else if (line.StartsWith(Written, StringComparison.Ordinal))
            {
                isUntouched = line.AsSpan(Written.Length).Trim() is "0 kB";
            }
            else if (mapping is { } range && isUntouched && line.StartsWith(SwappedOut, StringComparison.Ordinal)
                && line.AsSpan(SwappedOut.Length).Trim() is "0 kB")
            {
                yield return range;
            }
        }
    }

    private static void ReleaseSeen()
    {
        var seen = new HashSet<(nuint From, nuint To)>();
        foreach (var range in Untouched(File.ReadLines(Mappings)))
        {
            if (seen.Add(range) && s_seen.Contains(range))
            {
                _ = Advise(range.From, range.To - range.From, NotNeeded); // it is refused for what is locked, for example
            }
        }

        s_seen = seen;
    }

    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int Advise(nuint from, nuint length, int advice);
}
