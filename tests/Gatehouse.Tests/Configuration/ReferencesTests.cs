namespace Gatehouse.Tests.Configuration;

public sealed class ReferencesTests
{
    private const string Canary = "canary-7f3a9c51e8b24d60-canary-7f3a9c51e8b24d60";

    [Fact]
    public async Task Variables_defaults_files_and_literal_dollars_are_resolved()
    {
        using var configurations = new Configurations();
        configurations.Variables["KEY"] = "from-variable";
        File.WriteAllText(Path.Combine(configurations.Folder, "secret.txt"), "from-file\n");

        var loaded = await configurations.LoadGoodAsync("""
            server: { max_body: "${SIZE:-2MiB}" }
            providers:
              a: { kind: vllm, api_key: "${KEY}" }
              b: { kind: vllm, api_key: "${file:secret.txt}" }
              c: { kind: vllm, api_key: "${MISSING:-fallback}" }
              d: { kind: vllm, headers: { X-Team: "$${literal}-${KEY}-${MISSING:-x}" } }
            """);

        var providers = loaded.Compiled.Providers;
        Assert.Equal(2 << 20, loaded.Compiled.MaxBodyBytes);
        Assert.Equal("from-variable", providers["a"].Settings.ApiKey);
        Assert.Equal("from-file", providers["b"].Settings.ApiKey);
        Assert.Equal("fallback", providers["c"].Settings.ApiKey);
        Assert.Equal("${literal}-from-variable-x", providers["d"].Settings.Headers["X-Team"]);
    }

    [Fact]
    public async Task A_shown_configuration_holds_references_and_stars_but_no_secret()
    {
        using var configurations = new Configurations();
        configurations.Variables["KEY"] = Canary;

        var loaded = await configurations.LoadGoodAsync($$"""
            storage: { postgres: "Host=db;Password={{Canary}}" }
            telemetry: { headers: { Authorization: "Bearer {{Canary}}" } }
            providers:
              a: { kind: vllm, api_key: "${KEY}" }
              b: { kind: vllm, api_key: "{{Canary}}" }
              c: { kind: vllm, api_key: "${MISSING:-{{Canary}}}" }
              d: { kind: vllm, headers: { X-Key: "prefix ${KEY}" } }
            """);

        Assert.DoesNotContain(Canary, loaded.Text, StringComparison.Ordinal);
        Assert.Contains("api_key: \"${KEY}\"", loaded.Text, StringComparison.Ordinal);
        Assert.Contains("api_key: \"***\"", loaded.Text, StringComparison.Ordinal);
        Assert.Contains("api_key: \"${MISSING:-***}\"", loaded.Text, StringComparison.Ordinal);
        Assert.Contains("X-Key: \"***${KEY}\"", loaded.Text, StringComparison.Ordinal);
        Assert.DoesNotContain(Canary, loaded.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain(Canary, loaded.Compiled.Providers["a"].Settings.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("server: { max_body: '${KEY}' }")]
    [InlineData("server: { public_url: '${KEY}' }")]
    [InlineData("server: { address: '${KEY}' }")]
    [InlineData("providers: { a: { kind: '${KEY}' } }")]
    [InlineData("providers: { a: { kind: openai, base_url: 'https://user:${KEY}@host' } }")]
    [InlineData("providers: { a: { kind: vllm, api_key: '${KEY} and a space' } }")]
    [InlineData("routes: { a: { targets: [ { provider: '${KEY}' } ] } }")]
    [InlineData("routes: { a: { attempts: '${KEY}', targets: [ { provider: simulator } ] } }")]
    [InlineData("prices: { import: '${KEY}' }")]
    [InlineData("server: { data: '${KEY:${KEY}}' }")]
    [InlineData("canary-7f3a9c51e8b24d60-canary-7f3a9c51e8b24d60: x")]
    [InlineData("canary-7f3a9c51e8b24d60-canary-7f3a9c51e8b24d60")]
    [InlineData("providers:\n  canary-7f3a9c51e8b24d60-canary-7f3a9c51e8b24d60\n  x: y")]
    public async Task An_error_never_holds_the_value_behind_a_reference(string text)
    {
        using var configurations = new Configurations();
        configurations.Variables["KEY"] = Canary;

        var outcome = await configurations.LoadAsync(text);

        Assert.NotEmpty(outcome.Errors);
        Assert.DoesNotContain(Canary, string.Join('\n', outcome.Errors), StringComparison.Ordinal);
    }

    [Fact]
    public void Checking_a_text_that_somebody_sent_opens_no_file()
    {
        using var configurations = new Configurations();
        File.WriteAllText(Path.Combine(configurations.Folder, "secret.txt"), "not a number");

        // The value would be wrong if it were read.
        Assert.Empty(configurations.Check("server: { max_body: '${file:secret.txt}' }"));
    }
}
