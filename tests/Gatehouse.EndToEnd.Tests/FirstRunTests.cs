using System.Diagnostics;
using System.Net;
using System.Text.Json;

namespace Gatehouse.EndToEnd.Tests;

/// <summary>What a stranger sees: start, paste, read, stop, start again.</summary>
public sealed class FirstRunTests
{
    [Fact]
    public async Task The_printed_curl_works_as_pasted_and_the_printed_link_opens()
    {
        await using var gatehouse = await GatehouseProcess.StartAsync();
        var command = gatehouse.Output[gatehouse.Output.IndexOf("  curl ", StringComparison.Ordinal)..gatehouse.Output.IndexOf("READY ", StringComparison.Ordinal)];
        var link = gatehouse.Output.Split('\n').Single(l => l.Contains("/welcome/", StringComparison.Ordinal)).Trim();

        var answer = await ShellAsync(command);
        using var http = new HttpClient();
        var welcome = await http.GetAsync(link, TestContext.Current.CancellationToken);

        var body = JsonElement.Parse(answer);
        Assert.Contains("simulator", body.GetProperty("choices")[0].GetProperty("message").GetProperty("content").GetString(), StringComparison.OrdinalIgnoreCase);
        Assert.Equal(HttpStatusCode.OK, welcome.StatusCode);
        Assert.EndsWith($"READY {gatehouse.Url.ToString().TrimEnd('/')}\n", gatehouse.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_second_start_keeps_systems_keys_and_calls()
    {
        await using var first = await GatehouseProcess.StartAsync();
        var key = first.SampleKey;
        Assert.Equal(0, (await first.CliAsync("system", "add", "kept", "--purpose", "To be found again", "--owner", "someone")).ExitCode);
        Assert.Equal(0, (await first.CliAsync("call", "Hello")).ExitCode);
        Assert.Equal(0, await first.StopAsync());

        await using var second = await GatehouseProcess.StartAsync(folder: first.Folder);

        Assert.Equal(key, second.SampleKey);
        Assert.Contains("kept", (await second.CliAsync("system", "list")).Output, StringComparison.Ordinal);
        Assert.Single(JsonElement.Parse((await second.CliAsync("calls", "--json")).Output).GetProperty("calls").EnumerateArray());
    }

    [Fact]
    public async Task A_taken_address_is_named_with_its_exit_code()
    {
        await using var first = await GatehouseProcess.StartAsync();
        var other = Directory.CreateTempSubdirectory("gatehouse-test-");

        var result = await GatehouseProcess.RunAsync(other.FullName, null, "up", "--address", first.Url.Authority);

        Assert.Equal(5, result.ExitCode);
        Assert.Contains($"{first.Url.Authority} is taken", result.Error, StringComparison.Ordinal);
        other.Delete(recursive: true);
    }

    [Fact]
    public async Task A_data_directory_in_use_is_named_with_its_exit_code()
    {
        await using var first = await GatehouseProcess.StartAsync();

        var result = await GatehouseProcess.RunAsync(first.Folder, null, "up", "--address", "127.0.0.1:0");

        Assert.Equal(6, result.ExitCode);
        Assert.Contains("Another Gatehouse uses the data directory", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_wrong_configuration_stops_the_start_with_file_line_column_and_the_nearest_name()
    {
        var folder = Directory.CreateTempSubdirectory("gatehouse-test-");
        await File.WriteAllTextAsync(Path.Combine(folder.FullName, "gatehouse.yaml"), "server:\n  adress: 127.0.0.1:0\n", TestContext.Current.CancellationToken);

        var result = await GatehouseProcess.RunAsync(folder.FullName, null, "up");

        Assert.Equal(4, result.ExitCode);
        Assert.Contains("gatehouse.yaml:2:3", result.Error, StringComparison.Ordinal);
        Assert.Contains("Did you mean 'address'?", result.Error, StringComparison.Ordinal);
        folder.Delete(recursive: true);
    }

    private static async Task<string> ShellAsync(string command)
    {
        using var shell = Process.Start(new ProcessStartInfo("sh", ["-c", command]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var output = shell.StandardOutput.ReadToEndAsync();
        await shell.WaitForExitAsync();
        return await output;
    }
}
