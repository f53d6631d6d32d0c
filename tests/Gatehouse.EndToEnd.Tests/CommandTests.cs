using System.Text.Json;

namespace Gatehouse.EndToEnd.Tests;

/// <summary>The CLI against a running server, found by itself through the data directory.</summary>
public sealed class CommandTests(CommandTests.Server server) : IClassFixture<CommandTests.Server>
{
    public sealed class Server : IAsyncLifetime
    {
        internal GatehouseProcess Gatehouse { get; private set; } = null!;

        public async ValueTask InitializeAsync() => Gatehouse = await GatehouseProcess.StartAsync();

        public ValueTask DisposeAsync() => Gatehouse.DisposeAsync();
    }

    [Fact]
    public async Task A_call_streams_its_text_and_shows_model_tokens_cost_and_latency()
    {
        var result = await server.Gatehouse.CliAsync("call", "How are you?");

        Assert.Equal(0, result.ExitCode);
        Assert.Contains("How are you?", result.Output, StringComparison.Ordinal);
        Assert.Matches(@"Model +simulator \(route simulator, provider simulator\)", result.Output);
        Assert.Matches(@"Tokens +\d+ in, \d+ out", result.Output);
        Assert.Matches(@"Cost +\$0\.0", result.Output);
        Assert.Matches("Latency +first token .*, all .*, of which Gatehouse ", result.Output);
        Assert.DoesNotContain('\u001b', result.Output);
    }

    [Fact]
    public async Task A_call_as_a_system_uses_a_key_that_ends_with_it()
    {
        Assert.Equal(0, (await server.Gatehouse.CliAsync("system", "add", "borrower", "--purpose", "p", "--owner", "o")).ExitCode);

        var call = await server.Gatehouse.CliAsync("call", "Hello", "--system", "borrower", "--json");
        var keys = await server.Gatehouse.CliAsync("key", "list", "borrower", "--json");
        var calls = await server.Gatehouse.CliAsync("calls", "--system", "borrower", "--json");

        var requestId = JsonElement.Parse(call.Output).GetProperty("request_id").GetString();
        Assert.Equal(
            requestId, JsonElement.Parse(calls.Output).GetProperty("calls").EnumerateArray().Single().GetProperty(
                "request_id").GetString());
        Assert.NotEqual(
            JsonValueKind.Null,
            JsonElement.Parse(keys.Output).GetProperty("items").EnumerateArray().Single().GetProperty("revoked_at").ValueKind);
    }

    [Fact]
    public async Task A_key_is_printed_alone_and_works_until_it_is_revoked()
    {
        var created = JsonElement.Parse((await server.Gatehouse.CliAsync("key", "create", "hello", "--name", "short", "--json")).Output);
        var secret = created.GetProperty("secret").GetString()!;
        Assert.Equal(0, (await server.Gatehouse.CliAsync("call", "Hello", "--key", secret)).ExitCode);

        var revoked = await server.Gatehouse.CliAsync("key", "revoke", created.GetProperty("key").GetProperty("id").GetString()!);
        var refused = await server.Gatehouse.CliAsync("call", "Hello", "--key", secret);

        Assert.Equal(0, revoked.ExitCode);
        Assert.Equal(2, refused.ExitCode);
        Assert.Contains("revoked", refused.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1, "frobnicate")]
    [InlineData(1, "system", "add")]
    [InlineData(1, "calls", "--outcome", "9")]
    [InlineData(1, "key", "create", "hello", "--environment", "2")]
    [InlineData(1, "up", "--log-level", "9")]
    [InlineData(2, "system", "show", "nothing")]
    [InlineData(2, "call", "Hello", "--route", "no-such-model")]
    [InlineData(3, "system", "list", "--url", "http://127.0.0.1:9")]
    [InlineData(4, "config", "check", "missing.yaml")]
    [InlineData(0, "doctor")]
    [InlineData(0, "config", "show")]
    [InlineData(0, "version")]
    public async Task Exit_codes_are_as_documented(int expected, params string[] arguments)
    {
        var result = await server.Gatehouse.CliAsync(arguments);

        Assert.True(expected == result.ExitCode, $"exit code {result.ExitCode}\n{result.Output}\n{result.Error}");
        Assert.True(expected == 0 ? result.Error.Length == 0 : (result.Error + result.Output).Length > 0);
    }

    /// <summary>A server that could not answer now once was told from one that says no by nothing.</summary>
    [Theory]
    [InlineData(403, 2)]
    [InlineData(429, 2)]
    [InlineData(500, 1)]
    [InlineData(502, 3)]
    [InlineData(503, 3)]
    [InlineData(504, 3)]
    public async Task A_server_that_cannot_answer_now_is_told_from_one_that_refuses(int status, int expected)
    {
        await using var problem = await Webhook.StartAsync("""{"code": "some_code", "detail": "It says why."}""", status);
        await using var error = await Webhook.StartAsync("""{"error": {"code": "some_code", "message": "It says why."}}""", status);
        await using var proxy = await Webhook.StartAsync("<html></html>", status);

        var list = await AskAsync(problem.Url, "system", "list");
        var doctor = await AskAsync(problem.Url, "doctor");
        var call = await AskAsync(error.Url, "call", "Hello", "--key", "k", "--route", "r");
        var behind = await AskAsync(proxy.Url, "calls");

        Assert.Equal((expected, expected, expected, expected), (list.ExitCode, doctor.ExitCode, call.ExitCode, behind.ExitCode));
        Assert.All([list, doctor, call], result => Assert.Contains("It says why.", result.Error, StringComparison.Ordinal));

        Task<CommandResult> AskAsync(Uri url, params string[] command) =>
            server.Gatehouse.CliAsync([.. command, "--url", url.ToString(), "--token", "t"]);
    }

    /// <summary>A page of help once followed, over which the error scrolled away.</summary>
    [Theory]
    [InlineData("gatehouse up", "--adress", "up", "--adress", "127.0.0.1:0")]
    [InlineData("gatehouse key create", "'create'", "key", "create")]
    [InlineData("gatehouse system", "frobnicate", "system", "frobnicate")]
    public async Task A_mistake_on_the_command_line_is_said_and_where_to_read_more(string command, string named, params string[] arguments)
    {
        var result = await server.Gatehouse.CliAsync(arguments);
        var json = await server.Gatehouse.CliAsync([.. arguments, "--json"]);

        Assert.Equal((1, 1), (result.ExitCode, json.ExitCode));
        Assert.Contains(named, result.Error, StringComparison.Ordinal);
        Assert.EndsWith($"Run '{command} --help' to see what it takes.\n", result.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("Usage:", result.Output, StringComparison.Ordinal);
        Assert.InRange((result.Output + result.Error).Split('\n', StringSplitOptions.RemoveEmptyEntries).Length, 2, 5);
        Assert.Equal("wrong_command_line", JsonElement.Parse(json.Error).GetProperty("error").GetProperty("code").GetString());
        Assert.Empty(json.Output);
    }

    [Fact]
    public async Task A_group_of_commands_shows_its_commands()
    {
        var result = await server.Gatehouse.CliAsync("key");

        Assert.Equal(1, result.ExitCode);
        Assert.Contains("revoke", result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_the_guard_commands_cannot_read_they_name_and_say_what_they_can()
    {
        var folder = Directory.CreateDirectory(Path.Combine(server.Gatehouse.Folder, "labelled")).FullName;

        var check = await server.Gatehouse.CliAsync("guard", "check", folder);
        var empty = await server.Gatehouse.CliAsync("guard", "eval", folder);
        var set = await server.Gatehouse.CliAsync("guard", "eval", folder, "--set", "nope");
        await File.WriteAllTextAsync(Path.Combine(folder, "pii.jsonl"), "{\"text\": \"a\"}\n{text}\n", TestContext.Current.CancellationToken);
        var row = await server.Gatehouse.CliAsync("guard", "eval", folder);

        Assert.All([check, empty, set, row], result => Assert.Equal(1, result.ExitCode));
        Assert.Contains("is a folder: name its files", check.Error, StringComparison.Ordinal);
        Assert.Contains("has no file of any set: they are pii.jsonl", empty.Error, StringComparison.Ordinal);
        Assert.Contains("There is no set 'nope': use pii, identifiers", set.Error, StringComparison.Ordinal);
        Assert.Contains("pii.jsonl', line 2 is no labelled text", row.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("system", "list")]
    [InlineData("system", "show", "hello")]
    [InlineData("key", "list", "hello")]
    [InlineData("calls")]
    [InlineData("doctor")]
    [InlineData("config", "show")]
    [InlineData("version")]
    public async Task Json_is_json_alone(params string[] arguments)
    {
        var result = await server.Gatehouse.CliAsync([.. arguments, "--json"]);

        Assert.Equal(0, result.ExitCode);
        Assert.Equal(JsonValueKind.Object, JsonElement.Parse(result.Output).ValueKind);
        Assert.Empty(result.Error);
    }

    [Theory]
    [InlineData]
    [InlineData("--server")]
    public async Task Files_are_checked_here_and_at_the_server_alike(params string[] where)
    {
        var file = Path.Combine(server.Gatehouse.Folder, "note.txt");
        await File.WriteAllTextAsync(file, "Hello,\nmail ann@example.org", TestContext.Current.CancellationToken);

        var text = await server.Gatehouse.CliAsync(["guard", "check", file, .. where]);
        var json = await server.Gatehouse.CliAsync(["guard", "check", file, "--json", .. where]);
        var sarif = await server.Gatehouse.CliAsync(["guard", "check", file, "--sarif", .. where]);
        var nothing = await server.Gatehouse.CliAsync(["guard", "check", file, "--detector", "secrets", .. where]);

        Assert.Equal((8, 8, 8, 0), (text.ExitCode, json.ExitCode, sarif.ExitCode, nothing.ExitCode));
        Assert.Equal($"{file}:2:6: EMAIL_ADDRESS 1.00 pii.email\n", text.Output);
        var finding = JsonElement.Parse(json.Output).GetProperty("items")[0].GetProperty("verdict").GetProperty("findings")[0];
        Assert.Equal((12, 27), (finding.GetProperty("start").GetInt32(), finding.GetProperty("end").GetInt32()));
        Assert.Equal(
            "pii.email",
            JsonElement.Parse(sarif.Output).GetProperty("runs")[0].GetProperty("results")[0].GetProperty("ruleId").GetString());
    }

    [Fact]
    public async Task Errors_are_json_on_standard_error_too()
    {
        var result = await server.Gatehouse.CliAsync("system", "show", "nothing", "--json");

        Assert.Equal("not_found", JsonElement.Parse(result.Error).GetProperty("error").GetProperty("code").GetString());
        Assert.Empty(result.Output);
    }

    [Fact]
    public async Task Doctor_works_without_a_server()
    {
        var folder = Directory.CreateTempSubdirectory("gatehouse-test-");

        var result = await GatehouseProcess.RunAsync(
            folder.FullName, new Dictionary<string, string> { ["GATEHOUSE_URL"] = "" }, "doctor", "--config", "missing.yaml");
        var healthy = await GatehouseProcess.RunAsync(folder.FullName, null, "doctor", "--data", folder.FullName);

        Assert.Equal(7, result.ExitCode);
        Assert.Contains("does not exist", result.Output, StringComparison.Ordinal);
        Assert.Contains("database", healthy.Output, StringComparison.Ordinal);
        Assert.False(File.Exists(Path.Combine(folder.FullName, "gatehouse.db")));
        folder.Delete(recursive: true);
    }
}
