using Gatehouse.Hosting;

namespace Gatehouse.Tests.Host;

/// <summary>Which mappings of the process are given back to the system: what somebody wrote to would be lost.</summary>
public sealed class FilePagesTests
{
    private const string Library = "7f000000-7f021000 r-xp 00001000 fe:01 42                 /usr/lib/libc.so.6";

    [Fact]
    public void A_file_that_is_only_read_is_given_back() =>
        Assert.Equal([((nuint)0x7f000000, (nuint)0x7f021000)], Untouched(Library, "0 kB", "0 kB"));

    /// <summary>Tables of a library that are written when it is loaded, and protected then.</summary>
    [Theory]
    [InlineData("8 kB", "0 kB")]
    [InlineData("0 kB", "8 kB")]
    [InlineData("4 kB", "4 kB")]
    public void One_that_was_written_to_is_kept_wherever_its_pages_are(string written, string swappedOut) =>
        Assert.Empty(Untouched(Library, written, swappedOut));

    [Theory]
    [InlineData("7f000000-7f021000 rw-p 00001000 fe:01 42                 /usr/lib/libc.so.6")]
    [InlineData("7f000000-7f021000 rw-s 00000000 fe:01 42                 /data/journal/000000000001.journal")]
    [InlineData("7f000000-7f021000 r--p 00000000 00:00 0 ")]
    [InlineData("7f000000-7f021000 r-xp 00000000 00:00 0                  [vdso]")]
    [InlineData("7f000000-7f021000 r-xs 00000000 00:01 1024               /memfd:doublemapper (deleted)")]
    [InlineData("7f000000-7f021000 ---p 00000000 fe:01 42                 /usr/lib/libc.so.6")]
    public void What_may_be_written_to_or_is_no_file_is_kept(string mapping) => Assert.Empty(Untouched(mapping, "0 kB", "0 kB"));

    [Fact]
    public void A_kernel_that_does_not_tell_of_swapping_gets_nothing_back() =>
        Assert.Empty(FilePages.Untouched([Library, "Rss:                 132 kB", "Anonymous:             0 kB"]));

    [Fact]
    public void This_process_has_some_and_goes_on_when_they_are_given_back()
    {
        if (!OperatingSystem.IsLinux())
        {
            return;
        }

        Assert.NotEmpty(FilePages.Untouched(File.ReadLines("/proc/self/smaps")));
        FilePages.Release();
        FilePages.Release();
    }

    private static IEnumerable<(nuint From, nuint To)> Untouched(string mapping, string written, string swappedOut) => FilePages.Untouched(
        [mapping, "Size:                132 kB", "Rss:                 132 kB", $"Anonymous:      {written}", $"Swap:      {swappedOut}",
        "VmFlags: rd ex mr mw me"]);
}
