namespace Gatehouse.EndToEnd.Tests;

/// <summary>What the process leaves on disk, and what it says when it cannot start.</summary>
[System.Runtime.Versioning.UnsupportedOSPlatform("windows")]
public sealed class DataFolderTests
{
    private const UnixFileMode OthersMay = UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.GroupExecute
        | UnixFileMode.OtherRead | UnixFileMode.OtherWrite | UnixFileMode.OtherExecute;

    [Fact]
    public async Task Nobody_else_may_read_what_it_writes_even_into_a_folder_that_was_open()
    {
        var folder = Directory.CreateTempSubdirectory("gatehouse-test-").FullName;
        try
        {
            var data = Directory.CreateDirectory(Path.Combine(folder, "data"), OthersMay | UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            await using (await GatehouseProcess.StartAsync(folder: folder))
            {
                var open = data.EnumerateFiles("*", SearchOption.AllDirectories).Where(f => (f.UnixFileMode & OthersMay) != 0).Select(f => f.Name);

                Assert.Empty(open);
                Assert.True(data.EnumerateFiles("gatehouse.db*").Any());
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public async Task A_secret_of_the_wrong_shape_is_one_clear_line()
    {
        var folder = Directory.CreateTempSubdirectory("gatehouse-test-").FullName;
        try
        {
            var result = await GatehouseProcess.RunAsync(
                folder, new Dictionary<string, string> { ["GATEHOUSE_SECRET"] = "abc" }, "up", "--address", "127.0.0.1:0");

            Assert.Equal(1, result.ExitCode);
            Assert.Contains("GATEHOUSE_SECRET", result.Error, StringComparison.Ordinal);
            Assert.DoesNotContain("   at ", result.Error, StringComparison.Ordinal);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
