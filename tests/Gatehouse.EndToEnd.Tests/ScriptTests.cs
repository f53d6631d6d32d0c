using System.Diagnostics;

namespace Gatehouse.EndToEnd.Tests;

/// <summary>run.sh and what it shares with test.sh, on machines that lack something: PATH holds only what a test puts there.</summary>
public sealed class ScriptTests : IDisposable
{
    private static readonly string[] Tools =
        ["bash", "cat", "dirname", "env", "find", "grep", "id", "rm", "touch", "uname", "mkdir", "tee"];

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("gatehouse-test-");
    private readonly string _bin;

    public ScriptTests()
    {
        _bin = Directory.CreateDirectory(Path.Combine(_folder.FullName, "bin")).FullName;
        foreach (var tool in Tools)
        {
            var found = new[] { "/usr/bin", "/bin" }.Select(d => Path.Combine(d, tool)).First(File.Exists);
            File.CreateSymbolicLink(Path.Combine(_bin, tool), found);
        }

        Directory.CreateDirectory(Path.Combine(_folder.FullName, "scripts"));
        foreach (var script in (string[])["run.sh", "scripts/packages.sh", "scripts/publish.sh"])
        {
            File.Copy(Path.Combine(GatehouseProcess.Checkout, script), Path.Combine(_folder.FullName, script));
        }

        Put("dpkg-query", "echo 'install ok installed'");
        Put("dotnet", "case $1 in --list-runtimes) echo 'Microsoft.NETCore.App 10.0.1 [/odd place/shared/Microsoft.NETCore.App]' ;; "
            + "*) echo '10.0.100 [here]' ;; esac");
        Put("node", "case $1 in -p) echo 20 ;; *) echo v20.0.0 ;; esac");
        Put("npm", "true");
    }

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public async Task Paths_on_the_command_line_are_those_of_the_caller()
    {
        var elsewhere = Directory.CreateDirectory(Path.Combine(_folder.FullName, "elsewhere")).FullName;
        var built = Directory.CreateDirectory(Path.Combine(_folder.FullName, "out")).FullName;
        Directory.CreateDirectory(Path.Combine(_folder.FullName, "src"));
        Directory.CreateDirectory(Path.Combine(_folder.FullName, "samples"));
        foreach (var file in (string[])["Directory.Build.props", "Directory.Packages.props"])
        {
            File.WriteAllText(Path.Combine(_folder.FullName, file), "");
        }

        Put("gatehouse", "printf '%s\\n' \"$PWD\" \"$@\" \"$GATEHOUSE_CONFIG\" \"$DOTNET_ROOT\"", built);

        var (exit, output, error) = await BashAsync(
            $"export GATEHOUSE_CONFIG=mine.yaml; cd '{elsewhere}' && ../run.sh --config my.yaml --data=kept --address 127.0.0.1:0 --data /absolute");

        Assert.True(exit == 0, error);
        Assert.Equal(
            [
                _folder.FullName, "up", "--config", $"{elsewhere}/my.yaml", $"--data={elsewhere}/kept", "--address", "127.0.0.1:0",
                "--data", "/absolute", $"{elsewhere}/mine.yaml", "/odd place",
            ],
            output.TrimEnd('\n').Split('\n'));
    }

    [Fact]
    public async Task Without_root_and_sudo_the_missing_packages_are_named()
    {
        Put("dpkg-query", "exit 1");
        Put("id", "echo 1000");

        var (exit, _, error) = await BashAsync(". scripts/packages.sh; need_packages libsqlite3-0 curl");

        Assert.Equal(3, exit);
        Assert.Contains(
            "Neither root nor sudo is at hand. Ask an administrator for:  apt-get install libsqlite3-0 curl", error,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_the_sdk_the_message_says_how_to_get_it()
    {
        Put("dotnet", "echo '8.0.100 [here]'");

        var (exit, _, error) = await BashAsync("./run.sh");

        Assert.Equal(3, exit);
        Assert.Contains("needs the .NET 10 SDK", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_node_that_stays_too_old_after_the_installation_is_named()
    {
        Put("node", "case $1 in -p) echo 12 ;; *) echo v12.22.9 ;; esac");

        var (exit, _, error) = await BashAsync(". scripts/packages.sh; need_node");

        Assert.Equal(3, exit);
        Assert.Contains("node 18 or newer with npm. This system's packages bring v12.22.9.", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", "GATEHOUSE_CHROMIUM=/path/to/chrome ./test.sh")]
    [InlineData("/no/such/browser", "names '/no/such/browser', which does not run")]
    public async Task A_chromium_that_is_only_a_stub_is_told_apart_from_a_browser(string named, string message)
    {
        File.WriteAllText(Path.Combine(_folder.FullName, "os-release"), "ID=ubuntu\n");
        Put("chromium-browser", "echo 'requires the chromium snap' >&2; exit 1");

        var (exit, _, error) = await BashAsync(
            $"export OS_RELEASE=os-release GATEHOUSE_CHROMIUM={named}; . scripts/packages.sh; need_chromium");

        Assert.Equal(3, exit);
        Assert.Contains(message, error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_chrome_that_runs_will_do()
    {
        Put("google-chrome", "echo 'Google Chrome 1'");

        var (exit, output, error) = await BashAsync(". scripts/packages.sh; need_chromium; echo \"$GATEHOUSE_CHROMIUM\"");

        Assert.True(exit == 0, error);
        Assert.Equal(Path.Combine(_bin, "google-chrome"), output.Trim());
    }

    /// <summary>The settings of an administrator's own clusters were once overwritten.</summary>
    [Fact]
    public async Task Installing_PostgreSQL_leaves_no_setting_behind()
    {
        Put("dpkg-query", "exit 1");
        Put("id", "echo 0");
        Put("mkdir", "echo mkdir \"$@\"");
        Put("tee", "cat >/dev/null");
        Put("rm", "echo rm \"$@\"");
        Put("apt-get", "case $1 in install) echo failed >&2; exit 1 ;; esac");

        var (exit, output, error) = await BashAsync(". scripts/packages.sh; need_packages postgresql");

        Assert.Equal(3, exit);
        Assert.Contains("rm -f /etc/postgresql-common/createcluster.d/gatehouse-tests.conf", output, StringComparison.Ordinal);
        Assert.DoesNotContain("createcluster.conf", output, StringComparison.Ordinal);
        Assert.Contains("apt-get could not install postgresql", error, StringComparison.Ordinal);
    }

    private void Put(string name, string script, string? folder = null)
    {
        var path = Path.Combine(folder ?? _bin, name);
        File.Delete(path); // a link to the real one
        File.WriteAllText(path, $"#!/bin/sh\n{script}\n");
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
    }

    private async Task<(int Exit, string Output, string Error)> BashAsync(string script)
    {
        using var process = Process.Start(new ProcessStartInfo("/bin/bash", ["-euo", "pipefail", "-c", script])
        {
            WorkingDirectory = _folder.FullName,
            Environment = { ["PATH"] = _bin, ["GATEHOUSE_CHROMIUM"] = "", ["GATEHOUSE_CONFIG"] = "", ["GATEHOUSE_DATA"] = "", ["DOTNET_ROOT"] = "" },
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        var ct = TestContext.Current.CancellationToken;
        var (output, error) = (process.StandardOutput.ReadToEndAsync(ct), process.StandardError.ReadToEndAsync(ct));
        await process.WaitForExitAsync(ct);
        return (process.ExitCode, await output, await error);
    }
}
