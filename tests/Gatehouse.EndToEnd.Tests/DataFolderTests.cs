using System.Net;
using System.Net.Sockets;

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

            Assert.Equal(6, result.ExitCode);
            Assert.Contains("GATEHOUSE_SECRET", result.Error, StringComparison.Ordinal);
            Assert.DoesNotContain("   at ", result.Error, StringComparison.Ordinal);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>Some of these ended with a stack, some said nothing of how to mend it.</summary>
    [Theory]
    [InlineData("a secret that is none", 6, "must hold 32 bytes in base64. Restore it from a backup")]
    [InlineData("a folder for a secret", 6, "Let the user that runs Gatehouse read it.")]
    [InlineData("a file for the journal", 6, "It must be a folder in which the user that runs Gatehouse may read and write")]
    [InlineData("a journal that may only be read", 6, "It must be a folder in which the user that runs Gatehouse may read and write")]
    [InlineData("a database that is none", 6, "is not a SQLite database. Restore it from a backup; or move it away")]
    [InlineData("a folder for a configuration", 4, "This is a folder and no configuration file. Name the file in it")]
    [InlineData("an address of another", 5, "no network interface of this machine has that address.")]
    [InlineData("an address that is taken", 5, "is taken by another program.")]
    public async Task What_a_start_cannot_use_is_one_line_with_its_remedy(string what, int exitCode, string said)
    {
        var folder = Directory.CreateTempSubdirectory("gatehouse-test-");
        var data = folder.CreateSubdirectory("data").FullName;
        var journal = Path.Combine(data, "journal");
        using var other = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        string[] flags = ["--address", "127.0.0.1:0"];
        switch (what)
        {
            case "a secret that is none":
                await File.WriteAllTextAsync(Path.Combine(data, "secret"), "garbage", TestContext.Current.CancellationToken);
                break;
            case "a folder for a secret":
                Directory.CreateDirectory(Path.Combine(data, "secret"));
                break;
            case "a file for the journal":
                await File.WriteAllTextAsync(journal, "", TestContext.Current.CancellationToken);
                break;
            case "a journal that may only be read":
                Directory.CreateDirectory(journal);
                await File.WriteAllTextAsync(Path.Combine(journal, "lock"), "", TestContext.Current.CancellationToken);
                await File.WriteAllTextAsync(Path.Combine(journal, "node"), $"{Guid.CreateVersion7()}", TestContext.Current.CancellationToken);
                File.SetUnixFileMode(journal, UnixFileMode.UserRead | UnixFileMode.UserExecute);
                break;
            case "a database that is none":
                await File.WriteAllTextAsync(Path.Combine(data, "gatehouse.db"), new string('x', 9000), TestContext.Current.CancellationToken);
                break;
            case "a folder for a configuration":
                flags = [.. flags, "--config", "data"];
                break;
            case "an address of another":
                flags = ["--address", "192.0.2.7:8080"];
                break;
            default:
                other.Bind(new IPEndPoint(IPAddress.Loopback, 0));
                other.Listen();
                flags = ["--address", other.LocalEndPoint!.ToString()!];
                break;
        }

        var result = await GatehouseProcess.RunUnprivilegedAsync(folder.FullName, ["up", .. flags]);

        if (Directory.Exists(journal))
        {
            File.SetUnixFileMode(journal, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }

        folder.Delete(recursive: true);
        Assert.Equal((exitCode, ""), (result.ExitCode, result.Output));
        Assert.Contains(said, Assert.Single(result.Error.TrimEnd().Split('\n')), StringComparison.Ordinal);
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
            Assert.Equal(6, without.ExitCode);
            Assert.Contains("mounted", without.Error, StringComparison.Ordinal);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
