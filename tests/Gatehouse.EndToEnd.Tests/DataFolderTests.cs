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
            var data = Directory.CreateDirectory(
                Path.Combine(folder, "data"), OthersMay | UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            await using (await GatehouseProcess.StartAsync(folder: folder))
            {
                var open = data.EnumerateFiles("*", SearchOption.AllDirectories).Where(f => (f.UnixFileMode & OthersMay) != 0)
                    .Select(f => f.Name);

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

    [Fact]
    public async Task The_secret_may_be_in_a_file_that_the_platform_mounts()
    {
        var folder = Directory.CreateTempSubdirectory("gatehouse-test-").FullName;
        try
        {
            var mounted = Path.Combine(folder, "mounted");
            await File.WriteAllTextAsync(mounted, Convert.ToBase64String(new byte[32]) + "\n", TestContext.Current.CancellationToken);
            var environment = new Dictionary<string, string> { ["GATEHOUSE_SECRET_FILE"] = mounted };
            await using (var gatehouse = await GatehouseProcess.StartAsync(folder: folder, environment: environment))
            {
                Assert.Equal(0, (await gatehouse.CliAsync("call", "Hello")).ExitCode);
            }

            File.Delete(mounted);
            var without = await GatehouseProcess.RunAsync(folder, environment, "up", "--address", "127.0.0.1:0");

            Assert.False(File.Exists(Path.Combine(folder, "data", "secret")));
            Assert.Equal(1, without.ExitCode);
            Assert.Contains("mounted", without.Error, StringComparison.Ordinal);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
