using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Npgsql;

namespace Gatehouse.EndToEnd.Tests;

/// <summary>
/// Plants a secret of each kind that an installation may hold, has everything go right and wrong that can, at the most talkative log level,
/// and searches whatever the processes wrote. The only place for one is the file in which the operator wrote it.
/// </summary>
public sealed class CanaryTests
{
    private const string Variable = "canary-variable-5f0c1d2e3a4b";
    private const string Header = "canary-header-7a6b5c4d3e2f";
    private const string FirstOfTwo = "canary-first-of-two-9e8d7c6b";
    private const string SecondOfTwo = "canary-second-of-two-1a2b3c4d";
    private const string Stored = "canary-stored-3c4d5e6f7a8b";
    private const string StoredLater = "canary-stored-later-2b3c4d5e";
    private const string InVault = "canary-in-vault-8b7a6c5d4e3f";
    private const string VaultToken = "canary-vault-token-6c5d4e3f2a1b";
    private const string DatabasePassword = "canary-database-4e3f2a1b0c9d";
    private const string PersonPassword = "canary-person-0c9d8e7f6a5b";
    private const string Misplaced = "canary-misplaced-8e7f6a5b4c3d";
    private const string Prompt = "canary-prompt-6a5b4c3d2e1f";

    /// <summary>Files that are there to hold a secret; only the user who runs Gatehouse may read them.</summary>
    private static readonly string[] SecretFiles = ["secret", "sample-key", "cli-token"];

    private readonly Dictionary<string, string> _written = [];

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("sqlite")]
    [InlineData("postgres")]
    public async Task No_secret_leaves_the_place_where_it_was_put(string kind)
    {
        await using var provider = await EchoStub.StartAsync();
        await using var vault = await EchoStub.StartAsync();
        vault.Answers["/v1/secret/data/ai"] = $$$"""{"data":{"data":{"key":"{{{InVault}}}"},"metadata":{"version":1} } }""";
        await using var collector = await EchoStub.StartAsync();
        collector.Status = 200;
        await using var database = kind == "postgres" ? await TestPostgres.CreateAsync() : null;
        var connection = new NpgsqlConnectionStringBuilder(database?.ConnectionString ?? "");
        connection.Password ??= DatabasePassword; // a server that asks for none takes any
        var environment = new Dictionary<string, string>
        {
            ["CANARY_KEY"] = Variable,
            ["VAULT_TOKEN"] = VaultToken,
            ["CANARY_DB"] = database is null ? "" : connection.ConnectionString,
        };
        var folder = Directory.CreateTempSubdirectory("gatehouse-test-").FullName;
        var yaml = Configuration(kind, provider.Url, vault.Url, collector.Url);
        await File.WriteAllTextAsync(Path.Combine(folder, "gatehouse.yaml"), yaml, Ct);

        // Before there is a server, the command writes to the database itself.
        Keep("set before", await GatehouseProcess.PipeAsync(Stored + "\n", folder, environment, "secret", "set", "kept"), 0);
        Keep("list before", await GatehouseProcess.RunAsync(folder, environment, "secret", "list"), 0);
        Keep("doctor before", await GatehouseProcess.RunAsync(folder, environment, "doctor"), null);
        Keep("check", await GatehouseProcess.RunAsync(folder, environment, "config", "check"), 0);

        var gatehouse = await GatehouseProcess.StartAsync(yaml, folder, environment, "--log-level", "trace");
        var secrets = new List<string> { gatehouse.SampleKey, gatehouse.CliToken };
        var welcome = gatehouse.Output.Split('\n').First(l => l.Contains("/welcome/", StringComparison.Ordinal)).Trim();
        secrets.Add(welcome[(welcome.LastIndexOf('/') + 1)..]);
        var shown = gatehouse.Output.IndexOf("READY ", StringComparison.Ordinal); // the welcome shows key and link, once, on purpose
        secrets.AddRange(await SignInAsync(gatehouse, secrets[^1]));

        await CallAsync(gatehouse, collector);
        Keep("set", await GatehouseProcess.PipeAsync(StoredLater, folder, null, "secret", "set", "kept"), 0);
        await CallAsync(gatehouse, collector);
        Assert.Contains(provider.Presented, p => p.Contains(Stored, StringComparison.Ordinal));
        Assert.Contains(provider.Presented, p => p.Contains(StoredLater, StringComparison.Ordinal));
        Assert.Contains(provider.Presented, p => p.Contains(InVault, StringComparison.Ordinal));
        await ReadEverythingAsync(gatehouse);
        await BreakConfigurationAsync(gatehouse, yaml);
        await ReadEverythingAsync(gatehouse, "broken: ");

        // What a killed process leaves behind, and what the next one makes of it.
        gatehouse.Kill();
        _written["log of the first"] = gatehouse.Output[gatehouse.Output.IndexOf('\n', shown)..];
        await gatehouse.DisposeAsync();
        gatehouse = await GatehouseProcess.StartAsync(yaml, folder, environment, "--log-level", "trace");
        var again = gatehouse.Output.IndexOf("READY ", StringComparison.Ordinal);
        await ReadEverythingAsync(gatehouse, "again: ");
        Assert.Equal(0, await gatehouse.StopAsync());
        _written["log of the second"] = gatehouse.Output[gatehouse.Output.IndexOf('\n', again)..];
        await gatehouse.DisposeAsync();

        await KeepDataAsync(folder, database);
        _written["exported"] = string.Concat(collector.Bodies);
        Assert.NotEmpty(collector.Bodies);
        Assert.Contains("Microsoft.AspNetCore", _written["log of the first"], StringComparison.Ordinal);
        AssertNowhere(
            [.. secrets, Variable, Header, FirstOfTwo, SecondOfTwo, Stored, StoredLater, InVault, VaultToken, connection.Password,
                PersonPassword, Misplaced, Prompt]);
        Directory.Delete(folder, recursive: true);
    }

    /// <summary>Ways to fail at the start, each with a secret in what is wrong.</summary>
    public static TheoryData<string, string, int> Failures => new()
    {
        { "storage: { postgres: \"Host=127.0.0.1;Port=1;Username=u;Password=canary-misplaced-8e7f6a5b4c3d;Timeout=2\" }", "", 6 },
        { "storage: { postgres: \"postgres://u:canary-misplaced-8e7f6a5b4c3d@127.0.0.1:1/db\" }", "", 6 },
        { "storage: { postgres: \"Host=127.0.0.1;Pasword=canary-misplaced-8e7f6a5b4c3d\" }", "", 6 },
        { "storage: { postgres: \"canary-misplaced-8e7f6a5b4c3d\" }", "", 6 },
        { "storage: { sqlite: /proc/nowhere/x.db }\nproviders: { a: { kind: vllm, api_key: canary-misplaced-8e7f6a5b4c3d } }", "", 6 },
        { "vault: { address: \"http://127.0.0.1:1\", token: canary-misplaced-8e7f6a5b4c3d }\nproviders: { a: { kind: vllm, api_key: \"${vault:a/b#c}\" } }", "", 4 },
        { "vault: { address: \"http://canary-misplaced-8e7f6a5b4c3d@127.0.0.1:1\" }", "", 4 },
        { "providers: { a: { kind: vllm, api_key: [canary-misplaced-8e7f6a5b4c3d] } }", "", 4 },
        { "providers: { a: { kind: vllm, api_keys: canary-misplaced-8e7f6a5b4c3d } }", "", 4 },
        { "providers: { a: { kind: canary-misplaced-8e7f6a5b4c3d } }", "", 4 },
        { "providers: { a: { kind: vllm, api_key: \"canary-misplaced-8e7f6a5b4c3d with a space\" } }", "", 4 },
        { "providers: { a: { kind: vllm, headers: { Authorization: \"Bearer canary-misplaced-8e7f6a5b4c3d\\n\" } } }", "", 4 },
        { "providers: { a: { kind: vllm, headers: { \"canary-misplaced-8e7f6a5b4c3d: x\": y } } }", "", 4 },
        { "providers: { a: { kind: vllm, base_url: \"https://u:canary-misplaced-8e7f6a5b4c3d@host/v1\" } }", "", 4 },
        { "providers:\n  a:\n    kind: vllm\n    api_key:canary-misplaced-8e7f6a5b4c3d\n", "", 4 },
        { "providers:\n  a:\n    kind: vllm\n    canary-misplaced-8e7f6a5b4c3d-canary-misplaced\n", "", 4 },
        { "providers: { a: { kind: vllm, api_key: \"${file:canary}\" } }", "", 4 },
        { "telemetry: { headers: \"canary-misplaced-8e7f6a5b4c3d\" }", "", 4 },
        { "server: { public_url: \"${KEY}\" }", "", 4 },
        { "server: { max_body: \"${KEY}\" }", "", 4 },
        { "", "GATEHOUSE_SECRET", 6 },
    };

    [Theory]
    [MemberData(nameof(Failures))]
    public async Task A_start_that_fails_says_why_without_the_secret(string yaml, string variable, int exitCode)
    {
        var folder = Directory.CreateTempSubdirectory("gatehouse-test-").FullName;
        var environment = new Dictionary<string, string> { ["KEY"] = Misplaced, [variable.Length > 0 ? variable : "UNUSED"] = Misplaced };
        await File.WriteAllTextAsync(Path.Combine(folder, "gatehouse.yaml"), yaml.Length > 0 ? yaml : "server: { max_body: 1MiB }", Ct);

        Keep("up", await GatehouseProcess.RunAsync(folder, environment, "up", "--address", "127.0.0.1:0", "--log-level", "trace"),
            exitCode);
        Keep("doctor", await GatehouseProcess.RunAsync(folder, environment, "doctor", "--config", "gatehouse.yaml", "--json"), null);
        await KeepDataAsync(folder, null);

        Assert.NotEmpty(_written["up"].Trim());
        AssertNowhere(["canary-misplaced"]);
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public async Task A_command_that_fails_does_not_repeat_its_token_or_what_it_read()
    {
        var folder = Directory.CreateTempSubdirectory("gatehouse-test-").FullName;
        await using var stub = await EchoStub.StartAsync();
        stub.Status = 401;
        var home = new Dictionary<string, string> { ["XDG_CONFIG_HOME"] = folder };
        Directory.CreateDirectory(Path.Combine(folder, "gatehouse"));
        await File.WriteAllTextAsync(
            Path.Combine(folder, "gatehouse", "profile.json"), $"{{\"url\": \"http://127.0.0.1:1\", \"token\": \"{Misplaced}\" x", Ct);

        Keep("profile", await GatehouseProcess.RunAsync(folder, home, "system", "list"), 1);
        Keep("closed", await GatehouseProcess.RunAsync(folder, null, "system", "list", "--url", "http://127.0.0.1:1", "--token", Misplaced),
            3);
        Keep("refused", await GatehouseProcess.RunAsync(folder, null, "system", "list", "--url", stub.Url.ToString(), "--token", Misplaced),
            null);
        Keep("set", await GatehouseProcess.PipeAsync(Misplaced, folder, null, "secret", "set", "UPPER"), 2);
        Keep("set too long",
            await GatehouseProcess.PipeAsync(string.Concat(Enumerable.Repeat(Misplaced, 3000)), folder, null, "secret", "set", "long"), 1);

        AssertNowhere(["canary-misplaced"]);
        Directory.Delete(folder, recursive: true);
    }

    private static string Configuration(string kind, Uri provider, Uri vault, Uri collector) => $$"""
        {{(kind == "postgres" ? "storage: { postgres: \"${CANARY_DB}\" }" : "")}}
        vault: { address: "{{vault}}", refresh: 1s }
        providers:
          variable: { kind: openai, base_url: "{{provider}}v1", api_key: "${CANARY_KEY}" }
          header: { kind: openai-compatible, base_url: "{{provider}}v1", headers: { X-Auth: "Token {{Header}}" } }
          two: { kind: openai, base_url: "{{provider}}v1", api_keys: [{{FirstOfTwo}}, {{SecondOfTwo}}] }
          kept: { kind: anthropic, base_url: "{{provider}}v1", api_key: "${secret:kept}" }
          vault: { kind: gemini, base_url: "{{provider}}v1", api_key: "${vault:secret/data/ai#key}" }
          closed: { kind: openai, base_url: "http://127.0.0.1:9/v1", api_key: "${CANARY_KEY}" }
          outside: { kind: openai, base_url: "http://127.0.0.1:9/v1", allow_private: false, api_key: "${CANARY_KEY}" }
        routes:
          variable-*: { targets: [{ provider: variable, model: "*" }] }
          header-*: { targets: [{ provider: header, model: "*" }] }
          two-*: { targets: [{ provider: two, model: "*" }] }
          kept-*: { targets: [{ provider: kept, model: "*" }] }
          vault-*: { targets: [{ provider: vault, model: "*" }] }
          closed: { targets: [{ provider: closed }] }
          outside: { targets: [{ provider: outside }] }
        telemetry: { otlp: "{{collector}}" }
        """;

    /// <returns>The cookie of the session, and an access token.</returns>
    private static async Task<string[]> SignInAsync(GatehouseProcess gatehouse, string link)
    {
        using var anybody = new HttpClient(new HttpClientHandler { UseCookies = false }) { BaseAddress = gatehouse.Url };
        using var page = await anybody.GetAsync(new Uri($"welcome/{link}", UriKind.Relative), Ct);
        using var accepted = await anybody.PostAsJsonAsync(
            "api/session/welcome", new { token = link, name = "First", email = "first@example.com", password = PersonPassword }, Ct);
        using var wrong = await anybody.PostAsJsonAsync("api/session", new { email = "first@example.com", password = Misplaced }, Ct);
        using var guessed = await anybody.PostAsJsonAsync(
            "api/session", new { email = Misplaced, password = Misplaced, more = Misplaced }, Ct);
        Assert.Equal((HttpStatusCode.OK, HttpStatusCode.OK), (page.StatusCode, accepted.StatusCode));
        Assert.False(wrong.IsSuccessStatusCode || guessed.IsSuccessStatusCode);
        var session = accepted.Headers.GetValues("Set-Cookie").First();
        using var api = gatehouse.CreateClient(gatehouse.CliToken);
        using var token = await api.PostAsJsonAsync("api/tokens", new { name = "short-lived" }, Ct);
        var secret = JsonElement.Parse(await token.Content.ReadAsStringAsync(Ct)).GetProperty("secret").GetString()!;
        using var own = gatehouse.CreateClient(secret);
        using var me = await own.GetAsync(new Uri("api/me", UriKind.Relative), Ct);
        Assert.Equal(HttpStatusCode.OK, me.StatusCode);
        return [session[(session.IndexOf('=', StringComparison.Ordinal) + 1)..session.IndexOf(';', StringComparison.Ordinal)], secret];
    }

    /// <summary>Every provider refuses and fails, in every way to fail, and repeats everything that it was sent.</summary>
    private async Task CallAsync(GatehouseProcess gatehouse, EchoStub collector)
    {
        using var http = gatehouse.CreateClient();
        var models = new List<string> { "closed", "outside", "no-such" };
        models.AddRange(from provider in (string[])["variable", "header", "two", "kept", "vault"]
                        from status in (int[])[200, 400, 401, 429, 500, 307]
                        select $"{provider}-{status}");
        foreach (var model in models)
        {
            foreach (var path in (string[])["v1/chat/completions", "v1/messages", "v1/responses"])
            {
                using var answer = await http.PostAsJsonAsync(
                    path, new { model, stream = path == "v1/messages", max_tokens = 9, input = Prompt,
                        messages = new[] { new { role = "user", content = Prompt } } }, Ct);
                Add($"answer of {model} at {path}", $"{answer.Headers}{await answer.Content.ReadAsStringAsync(Ct)}");
            }
        }

        // Google's format has the key in the address, which a talkative log would show.
        using var query = new HttpClient { BaseAddress = gatehouse.Url };
        using var asked = await query.PostAsJsonAsync(
            $"v1beta/models/variable-400:generateContent?key={gatehouse.SampleKey}",
            new { contents = new[] { new { role = "user", parts = new[] { new { text = Prompt } } } } }, Ct);
        Add("answer by address", await asked.Content.ReadAsStringAsync(Ct));
        using var wrong = await query.PostAsJsonAsync($"v1beta/models/variable-400:generateContent?key={Misplaced}", new { }, Ct);
        Add("answer by a wrong address", await wrong.Content.ReadAsStringAsync(Ct));
        using var unknown = gatehouse.CreateClient(Misplaced);
        using var refused = await unknown.GetAsync(new Uri("v1/models", UriKind.Relative), Ct);
        Add("answer to an unknown key", await refused.Content.ReadAsStringAsync(Ct));
        await collector.ReceivedAsync(Ct);
    }

    private async Task ReadEverythingAsync(GatehouseProcess gatehouse, string when = "")
    {
        using var api = gatehouse.CreateClient(gatehouse.CliToken);
        foreach (var path in (string[])["api/config", "api/providers", "api/routes", "api/doctor", "api/systems", "api/people",
            "api/tokens", "api/secrets", "api/audit",
            "api/switches", "api/budgets", "api/limits", "api/openapi.json", "metrics", "healthz", "readyz", "api/calls?limit=500",
            "api/no-such",
            "", "calls", "providers", "routes", "settings", "systems", "audit", "doctor", "people", "budgets"])
        {
            using var answer = await api.GetAsync(new Uri(path, UriKind.Relative), Ct);
            Add($"{when}{path}", $"{answer.Headers}{await answer.Content.ReadAsStringAsync(Ct)}");
        }

        foreach (var call in JsonElement.Parse(await api.GetStringAsync(new Uri("api/calls?limit=500", UriKind.Relative), Ct))
            .GetProperty("calls").EnumerateArray().Take(60))
        {
            Add($"{when}call",
                await api.GetStringAsync(new Uri($"api/calls/{call.GetProperty("request_id").GetString()}", UriKind.Relative), Ct));
        }

        // Those that say what is wrong each time; the others say the same.
        string[][] once = when.Length > 0 ? [] : [["secret", "list"], ["calls"], ["system", "show", "hello"], ["key", "list", "hello"]];
        foreach (var command in (string[][])[["doctor"], ["config", "show"], .. once])
        {
            Keep($"{when}{string.Join(' ', command)}", await gatehouse.CliAsync(command), null);
            Keep($"{when}{string.Join(' ', command)}, json", await gatehouse.CliAsync([.. command, "--json"]), null);
        }
    }

    /// <summary>A file that is wrong, with a secret in what is wrong, while the server runs; and bodies of the API that are.</summary>
    private async Task BreakConfigurationAsync(GatehouseProcess gatehouse, string yaml)
    {
        await File.WriteAllTextAsync(
            gatehouse.ConfigurationFile,
            yaml.Replace("kind: gemini", $"kind: {Misplaced}", StringComparison.Ordinal) + $"\nstorage: {Misplaced}\n", Ct);
        await gatehouse.WaitForLineAsync(l => l.Contains("was NOT taken", StringComparison.Ordinal));
        using var api = gatehouse.CreateClient(gatehouse.CliToken);
        foreach (var (method, path, body) in ((string, string, string)[])
        [
            ("POST", "api/config/check",
                JsonSerializer.Serialize(
                    new { text = $"providers: {{ a: {{ kind: vllm, api_key: [{Misplaced}] }} }}\n{Misplaced}-and-so-on-and-on-and-on: 1" })),
            ("PUT", "api/secrets/UPPER", $"{{\"value\":\"{Misplaced}\"}}"),
            ("PUT", "api/secrets/kept", $"{{\"value\":\"{Misplaced}\",\"more\":1}}"),
            ("PUT", "api/secrets/kept", $"{{\"value\":{{\"x\":\"{Misplaced}\"}}}}"),
            ("PUT", "api/secrets/kept", $"{{\"value\":\"{Misplaced}"),
        ])
        {
            using var answer = await api.SendAsync(
                new HttpRequestMessage(
                    new HttpMethod(method), path) { Content = new StringContent(body, Encoding.UTF8, "application/json") }, Ct);
            Add($"{method} {path}", await answer.Content.ReadAsStringAsync(Ct));
        }
    }

    private async Task KeepDataAsync(string folder, TestPostgres? database)
    {
        if (Directory.Exists(Path.Combine(folder, "data")))
        {
            foreach (var file in Directory.EnumerateFiles(Path.Combine(folder, "data"), "*", SearchOption.AllDirectories)
                .Where(f => !SecretFiles.Contains(Path.GetFileName(f))))
            {
                Add(Path.GetRelativePath(folder, file), Encoding.Latin1.GetString(await File.ReadAllBytesAsync(file, Ct)));
            }
        }

        if (database is null)
        {
            return;
        }

        await using var source = NpgsqlDataSource.Create(database.ConnectionString);
        foreach (var table in await ReadAsync("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"))
        {
            // As text, and bytes as the text that they might be.
            Add($"table {table}", string.Join('\n', await ReadAsync($"SELECT t::text FROM {table} t")));
            foreach (var column in await ReadAsync(
                $"SELECT column_name FROM information_schema.columns WHERE table_name = '{table}' AND data_type = 'bytea'"))
            {
                Add($"bytes {table}.{column}",
                    string.Join('\n', await ReadAsync($"SELECT encode({column}, 'escape') FROM {table} WHERE {column} IS NOT NULL")));
            }
        }

        async Task<List<string>> ReadAsync(string sql)
        {
            var rows = new List<string>();
            await using var command = source.CreateCommand(sql);
            await using var reader = await command.ExecuteReaderAsync(Ct);
            while (await reader.ReadAsync(Ct))
            {
                rows.Add(reader.GetString(0));
            }

            return rows;
        }
    }

    private void Keep(string place, CommandResult result, int? exitCode)
    {
        Assert.True(exitCode is null || exitCode == result.ExitCode, $"{place}: {result.ExitCode} {result.Output} {result.Error}");
        Add(place, result.Output + result.Error);
    }

    private void Add(string place, string text) => _written[place] = _written.GetValueOrDefault(place) + text + '\n';

    private void AssertNowhere(IEnumerable<string> secrets)
    {
        var leaks = from secret in secrets
                    from place in _written
                    let at = place.Value.IndexOf(secret, StringComparison.Ordinal)
                    where at >= 0
                    select $"{secret} is in '{place.Key}': …{place.Value[Math.Max(0, at - 120)..Math.Min(place.Value.Length, at + secret.Length + 40)]}…";
        Assert.True(!leaks.Any(), string.Join('\n', leaks.Take(20)));
    }
}
