using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Gatehouse.EndToEnd.Tests;

/// <summary>What a stranger sees: start, paste, read, stop, start again.</summary>
public sealed class FirstRunTests
{
    [Fact]
    public async Task The_printed_curl_works_as_pasted_and_the_printed_link_opens()
    {
        await using var gatehouse = await GatehouseProcess.StartAsync();
        var command = gatehouse.Output[gatehouse.Output.IndexOf("  curl ", StringComparison.Ordinal)..gatehouse.Output.IndexOf(
            "READY ", StringComparison.Ordinal)];
        var link = gatehouse.Output.Split('\n').Single(l => l.Contains("/welcome/", StringComparison.Ordinal)).Trim();

        var answer = await ShellAsync(command);
        using var http = new HttpClient();
        var welcome = await http.GetAsync(link, TestContext.Current.CancellationToken);

        var body = JsonElement.Parse(answer);
        Assert.Contains(
            "simulator", body.GetProperty("choices")[0].GetProperty("message").GetProperty("content").GetString(),
            StringComparison.OrdinalIgnoreCase);
        Assert.Equal(HttpStatusCode.OK, welcome.StatusCode);
        Assert.EndsWith($"READY {gatehouse.Url.ToString().TrimEnd('/')}\n", gatehouse.Output, StringComparison.Ordinal);
    }

    /// <summary>Another node's link once still showed its form when there was an account, and a used one an empty page.</summary>
    [Fact]
    public async Task A_link_that_is_over_leads_to_the_sign_in_that_says_why_and_a_wrong_one_lets_nobody_in()
    {
        var folder = Directory.CreateTempSubdirectory("gatehouse-test-").FullName;
        string other;
        await using (var first = await GatehouseProcess.StartAsync(folder: folder))
        {
            other = Path(LinkOf(first));
            await first.StopAsync();
        }

        await using var gatehouse = await GatehouseProcess.StartAsync(folder: folder);
        var used = Path(LinkOf(gatehouse));
        using var http = new HttpClient { BaseAddress = gatehouse.Url };
        Assert.Contains("Create the account", await ReadAsync(used, HttpStatusCode.OK), StringComparison.Ordinal);
        var open = await ReadAsync(other, HttpStatusCode.OK);
        Assert.Contains("Create the account", open, StringComparison.Ordinal);

        var wrong = await ReadAsync("welcome/wrong", HttpStatusCode.Gone);
        Assert.Contains("Nobody has an account yet", wrong, StringComparison.Ordinal);
        Assert.DoesNotContain("<form", wrong, StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.Gone, await AcceptAsync("welcome/wrong"));
        Assert.Equal(HttpStatusCode.OK, await AcceptAsync(used));

        using var form = new FormUrlEncodedContent(new Dictionary<string, string>
        {
            ["_handler"] = "welcome",
            ["__RequestVerificationToken"] = Regex.Match(open, "__RequestVerificationToken\" value=\"([^\"]+)").Groups[1].Value,
            ["Input.Name"] = "Second",
            ["Input.Email"] = "second@example.org",
            ["Input.Password"] = "correct horse battery",
        });
        using var late = await http.PostAsync(other, form, TestContext.Current.CancellationToken);
        await AssertSignInAsync(late); // whoever had the form open
        foreach (var link in (string[])[used, other, "welcome/wrong"])
        {
            using var answer = await http.GetAsync(link, TestContext.Current.CancellationToken);
            await AssertSignInAsync(answer);
            Assert.Equal(HttpStatusCode.Gone, await AcceptAsync(link));
        }

        Assert.DoesNotContain("That link", await ReadAsync("sign-in", HttpStatusCode.OK), StringComparison.Ordinal);
        Directory.Delete(folder, recursive: true);

        string LinkOf(GatehouseProcess process) =>
            process.Output.Split('\n').Single(l => l.Contains("/welcome/", StringComparison.Ordinal)).Trim();

        string Path(string link) => new Uri(link).AbsolutePath[1..];

        async Task AssertSignInAsync(HttpResponseMessage answer)
        {
            var page = await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
            Assert.Equal(
                (HttpStatusCode.OK, "/sign-in?link=over"), (answer.StatusCode, answer.RequestMessage?.RequestUri?.PathAndQuery));
            Assert.Contains("autocomplete=\"current-password\"", page, StringComparison.Ordinal);
            Assert.Contains("That link does not work any more", page, StringComparison.Ordinal);
        }

        async Task<string> ReadAsync(string path, HttpStatusCode expected)
        {
            using var answer = await http.GetAsync(new Uri(path, UriKind.Relative), TestContext.Current.CancellationToken);
            Assert.Equal(expected, answer.StatusCode);
            return await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        }

        async Task<HttpStatusCode> AcceptAsync(string link)
        {
            using var anybody = new HttpClient { BaseAddress = gatehouse.Url };
            using var answer = await anybody.PostAsJsonAsync(
                "api/session/welcome",
                new { token = link.Split('/')[^1], name = "First", email = "first@example.org", password = "correct horse battery" },
                TestContext.Current.CancellationToken);
            return answer.StatusCode;
        }
    }

    [Fact]
    public async Task The_calls_that_warm_the_server_up_are_in_no_book_and_no_log()
    {
        await using var gatehouse = await GatehouseProcess.StartAsync();
        using var http = new HttpClient();

        var calls = JsonElement.Parse((await gatehouse.CliAsync("calls", "--json")).Output).GetProperty("calls");
        var metrics = await http.GetStringAsync(new Uri(gatehouse.Url, "metrics"), TestContext.Current.CancellationToken);

        Assert.Empty(calls.EnumerateArray());
        Assert.DoesNotContain("warm-up", metrics, StringComparison.Ordinal);
        Assert.DoesNotContain("gatehouse_calls_total{", metrics, StringComparison.Ordinal);
        Assert.EndsWith($"READY {gatehouse.Url.ToString().TrimEnd('/')}\n", gatehouse.Output, StringComparison.Ordinal);
    }

    /// <summary>The files came a moment later, and scripts that wait for the server did not find them.</summary>
    [Fact]
    public async Task Who_reads_that_the_server_is_ready_finds_the_sample_key_and_it_works()
    {
        var folder = Directory.CreateTempSubdirectory("gatehouse-test-").FullName;
        var address = Ports.Free();
        var starting = GatehouseProcess.StartAsync(null, folder, null, "--address", $"127.0.0.1:{address}");
        using var http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{address}/") };
        await Wait.UntilAsync(async () =>
        {
            try
            {
                using var ready = await http.GetAsync(new Uri("readyz", UriKind.Relative), TestContext.Current.CancellationToken);
                return ready.IsSuccessStatusCode;
            }
            catch (HttpRequestException)
            {
                return false;
            }
        });

        http.DefaultRequestHeaders.Authorization = new("Bearer", File.ReadAllText(Path.Combine(folder, "data", "sample-key")).Trim());
        Assert.True(File.Exists(Path.Combine(folder, "data", "cli-token")));
        using var models = await http.GetAsync(new Uri("v1/models", UriKind.Relative), TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.OK, models.StatusCode);
        await (await starting).DisposeAsync();
        Directory.Delete(folder, recursive: true);
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
    public async Task An_address_may_be_written_as_the_url_that_a_browser_takes()
    {
        await using var gatehouse = await GatehouseProcess.StartAsync(flags: ["--address", "http://127.0.0.1:0/"]);

        Assert.Equal("127.0.0.1", gatehouse.Url.Host);
        Assert.Equal(0, (await gatehouse.CliAsync("call", "Hello")).ExitCode);
    }

    [Theory]
    [InlineData("--address", "127.0.0.1")]
    [InlineData("--address", "https://127.0.0.1:8443")]
    [InlineData("--address", "http://127.0.0.1:80800")]
    [InlineData("--drain", "-1")]
    [InlineData("--drain", "soon")]
    public async Task A_wrong_flag_is_named_and_no_file_is_blamed(string flag, string value)
    {
        var folder = Directory.CreateTempSubdirectory("gatehouse-test-");

        var result = await GatehouseProcess.RunAsync(folder.FullName, null, "up", flag, value);

        Assert.Equal(1, result.ExitCode);
        Assert.Contains(flag, result.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("gatehouse.yaml", result.Error, StringComparison.Ordinal);
        Assert.Empty(folder.GetFileSystemInfos());
        folder.Delete(recursive: true);
    }

    [Fact]
    public async Task Without_the_sample_the_command_line_of_this_machine_still_has_its_token()
    {
        await using var gatehouse = await GatehouseProcess.StartAsync(flags: ["--no-sample"]);

        var systems = await gatehouse.CliAsync("system", "list", "--json");

        Assert.Equal(0, systems.ExitCode);
        Assert.Empty(JsonElement.Parse(systems.Output).GetProperty("items").EnumerateArray());
        Assert.False(File.Exists(Path.Combine(gatehouse.Folder, "data", "sample-key")));
        Assert.DoesNotContain("curl", gatehouse.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("OPENAI_API_KEY", "gpt-4.1-mini")]
    [InlineData("ANTHROPIC_API_KEY", "claude-haiku-4-5")]
    public async Task With_a_providers_key_in_the_environment_the_printed_curl_asks_its_model(string variable, string model)
    {
        await using var gatehouse = await GatehouseProcess.StartAsync(
            environment: new Dictionary<string, string> { [variable] = "never-sent" });

        Assert.Contains($"\"model\": \"{model}\"", gatehouse.Output, StringComparison.Ordinal);
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
        await File.WriteAllTextAsync(
            Path.Combine(folder.FullName, "gatehouse.yaml"), "server:\n  adress: 127.0.0.1:0\n", TestContext.Current.CancellationToken);

        var result = await GatehouseProcess.RunAsync(folder.FullName, null, "up");

        Assert.Equal(4, result.ExitCode);
        Assert.Contains("gatehouse.yaml:2:3", result.Error, StringComparison.Ordinal);
        Assert.Contains("Did you mean 'address'?", result.Error, StringComparison.Ordinal);
        folder.Delete(recursive: true);
    }

    private static async Task<string> ShellAsync(string command)
    {
        using var shell = Process.Start(
            new ProcessStartInfo("sh", ["-c", command]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var output = shell.StandardOutput.ReadToEndAsync();
        await shell.WaitForExitAsync();
        return await output;
    }
}
