using Gatehouse.Configuration;
using Gatehouse.Gateway.Providers;
using Gatehouse.Tests.Governance.Leases;
using Gatehouse.Tests.Host;
using Microsoft.Extensions.Logging.Abstractions;

namespace Gatehouse.Tests.Configuration;

/// <summary>Values that a vault keeps: read at the start, read again when due, used on while it is away.</summary>
public sealed class VaultTests : IDisposable
{
    private const string Canary = "canary-value-of-the-vault-5f0c1d2e";

    private readonly Configurations _configurations = new();
    private readonly StepClock _clock = new(TimeProvider.System.GetUtcNow());

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public void Dispose() => _configurations.Dispose();

    [Fact]
    public async Task Fields_of_both_versions_of_the_store_and_of_other_engines_are_read()
    {
        await using var vault = await FakeVault.StartAsync();
        vault.Keep("secret/data/openai", "api_key", Canary);
        vault.Answers["kv/azure"] = """{"lease_id":"","lease_duration":2764800,"data":{"key":"one","n":12,"deep":{"a":1}}}""";
        vault.Answers["aws/creds/ai"] =
            """{"lease_id":"aws/creds/ai/x","lease_duration":900,"data":{"access_key":"AKIA","secret_key":"two"}}""";

        var loaded = await GoodAsync(vault, """
            a: { kind: vllm, api_key: "${vault:secret/data/openai#api_key}" }
            b: { kind: vllm, api_key: "${vault:kv/azure#key}", headers: { X-N: "n${vault:/v1/kv/azure#n}", X-D: "${vault:kv/azure#deep}" } }
            c: { kind: bedrock, aws: { region: eu-west-1, access_key_id: "${vault:aws/creds/ai#access_key}", secret_access_key: "${vault:aws/creds/ai#secret_key}" } }
            """);

        var providers = loaded.Compiled.Providers;
        Assert.Equal((Canary, "one", "n12", "{\"a\":1}"), (
            providers["a"].Settings.ApiKey, providers["b"].Settings.ApiKey, providers["b"].Settings.Headers["X-N"],
            providers["b"].Settings.Headers["X-D"]));
        Assert.Equal(("AKIA", "two"), (providers["c"].Settings.Aws!.AccessKeyId, providers["c"].Settings.Aws!.SecretAccessKey));
        Assert.Equal(["GET aws/creds/ai", "GET kv/azure", "GET secret/data/openai"], vault.Requests.Order());
        Assert.DoesNotContain(Canary, loaded.Text, StringComparison.Ordinal);
        Assert.Contains("${vault:secret/data/openai#api_key}", loaded.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_policy_file_may_refer_to_the_vault_too()
    {
        await using var vault = await FakeVault.StartAsync();
        vault.Keep("secret/data/guard", "number", "E-4711");
        await File.WriteAllTextAsync(
            Path.Combine(_configurations.Folder, "p.yaml"), "name: support\nallow: [ \"${vault:secret/data/guard#number}\" ]\n", Ct);
        await WriteAsync(Settings(vault) + "\npolicies: { files: [ p.yaml ] }", "a: { kind: vllm }");

        var loaded = Good(await Loader().LoadAsync(null, Ct));

        Assert.Equal(["E-4711"], loaded.Compiled.Policies.Find("support")!.Definition.Allow);
    }

    [Theory]
    [InlineData("token: hvs.canary-token-of-the-vault")]
    [InlineData("token_file: vault-token")]
    [InlineData("approle: { role_id: r1, secret_id: s1 }")]
    [InlineData("kubernetes: { role: gatehouse, mount: k8s/eu, token_file: PODTOKEN }")]
    [InlineData("")]
    public async Task Every_way_to_sign_in_works(string how)
    {
        await using var vault = await FakeVault.StartAsync();
        vault.Keep("secret/data/openai", "api_key", Canary);
        vault.Answers["""auth/approle/login {"role_id":"r1","secret_id":"s1"}"""] = FakeVault.Token;
        vault.Answers["""auth/k8s/eu/login {"role":"gatehouse","jwt":"pod"}"""] = FakeVault.Token;
        await File.WriteAllTextAsync(Path.Combine(_configurations.Folder, "vault-token"), FakeVault.Token + "\n", Ct);
        var pod = Path.Combine(_configurations.Folder, "pod");
        await File.WriteAllTextAsync(pod, "pod", Ct);
        _configurations.Variables["VAULT_TOKEN"] = how.Length == 0 ? FakeVault.Token : "another";
        _configurations.Variables["VAULT_NAMESPACE"] = "eu";
        await WriteAsync($"vault: {{ address: \"{vault.Url}\", {how.Replace("PODTOKEN", pod, StringComparison.Ordinal)} }}", Provider);

        var loaded = Good(await Loader().LoadAsync(null, Ct));

        Assert.Equal(Canary, loaded.Compiled.Providers["a"].Settings.ApiKey);
        Assert.Equal("GET secret/data/openai eu", vault.Requests.Last());
    }

    [Fact]
    public async Task A_sign_in_is_used_again_until_it_is_old_or_refused()
    {
        await using var vault = await FakeVault.StartAsync();
        vault.Keep("secret/data/openai", "api_key", Canary);
        vault.Answers["""auth/approle/login {"role_id":"r1","secret_id":"s1"}"""] = FakeVault.Token;
        await WriteAsync($"vault: {{ address: \"{vault.Url}\", refresh: 10s, approle: {{ role_id: r1, secret_id: s1 }} }}", Provider);
        var loader = Loader();

        Good(await loader.LoadAsync(null, Ct));
        _clock.Advance(TimeSpan.FromSeconds(11));
        Good(await loader.LoadAsync(null, Ct));
        Assert.Single(vault.Requests, r => r.StartsWith("POST", StringComparison.Ordinal));

        vault.Tokens.Clear();
        vault.Tokens["hvs.next"] = true;
        vault.Answers["""auth/approle/login {"role_id":"r1","secret_id":"s1"}"""] = "hvs.next";
        _clock.Advance(TimeSpan.FromSeconds(11));
        Good(await loader.LoadAsync(null, Ct));
        Assert.Equal(2, vault.Requests.Count(r => r.StartsWith("POST", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task A_value_that_changed_is_used_when_it_is_due_and_the_vault_is_not_asked_before()
    {
        await using var vault = await FakeVault.StartAsync();
        vault.Keep("secret/data/openai", "api_key", "one");
        await WriteAsync(Settings(vault, "refresh: 30s"), Provider);
        using var state = await StateAsync();
        var before = state.Current;

        vault.Keep("secret/data/openai", "api_key", "two");
        await state.ReloadAsync(Ct);
        Assert.False(state.Loader.IsVaultDue);
        Assert.Single(vault.Requests);
        _clock.Advance(TimeSpan.FromSeconds(31));
        Assert.True(state.Loader.IsVaultDue);
        await state.ReloadAsync(Ct);

        Assert.Equal(
            ("one", "two"), (before.Compiled.Providers["a"].Settings.ApiKey, state.Current.Compiled.Providers["a"].Settings.ApiKey));
        Assert.Equal(before.Revision + ".2", state.Current.Revision);
        Assert.Same(before.Compiled.Providers["other"], state.Current.Compiled.Providers["other"]);
    }

    [Fact]
    public async Task A_leased_value_is_read_again_when_two_thirds_of_its_lease_are_over()
    {
        await using var vault = await FakeVault.StartAsync();
        vault.Answers["secret/data/openai"] = """{"lease_id":"x/1","lease_duration":900,"data":{"api_key":"one"}}""";
        await WriteAsync(Settings(vault, "refresh: 30s"), Provider);
        using var state = await StateAsync();

        _clock.Advance(TimeSpan.FromSeconds(599));
        Assert.False(state.Loader.IsVaultDue);
        _clock.Advance(TimeSpan.FromSeconds(2));
        Assert.True(state.Loader.IsVaultDue);
    }

    [Fact]
    public async Task A_clock_that_is_set_back_makes_no_lease_longer()
    {
        await using var vault = await FakeVault.StartAsync();
        vault.Answers["secret/data/openai"] = """{"lease_id":"x/1","lease_duration":900,"data":{"api_key":"one"}}""";
        vault.Answers["auth/token/lookup-self"] = """{"data":{"ttl":600,"renewable":true}}""";
        await WriteAsync(Settings(vault), Provider);
        using var state = await StateAsync();

        _clock.Step(-TimeSpan.FromHours(1));
        _clock.Advance(TimeSpan.FromSeconds(301));
        Assert.True(state.Loader.IsVaultDue); // the token
        await state.ReloadAsync(Ct);
        _clock.Advance(TimeSpan.FromSeconds(300));
        Assert.True(state.Loader.IsVaultDue);
    }

    /// <summary>While a machine sleeps no time goes by for it, but for the vault.</summary>
    [Fact]
    public async Task What_ran_out_while_the_machine_slept_is_read_again_at_once()
    {
        await using var vault = await FakeVault.StartAsync();
        vault.Answers["secret/data/openai"] = """{"lease_id":"x/1","lease_duration":900,"data":{"api_key":"one"}}""";
        await WriteAsync(Settings(vault), Provider);
        using var state = await StateAsync();

        Assert.False(state.Loader.IsVaultDue);
        _clock.Step(TimeSpan.FromMinutes(50));
        Assert.True(state.Loader.IsVaultDue);
    }

    [Fact]
    public async Task A_token_that_was_given_is_renewed_when_half_of_its_life_is_over()
    {
        await using var vault = await FakeVault.StartAsync();
        vault.Keep("secret/data/openai", "api_key", "one");
        vault.Answers["auth/token/lookup-self"] = """{"data":{"ttl":600,"renewable":true}}""";
        vault.Answers["auth/token/renew-self"] = """{"auth":{"lease_duration":200,"renewable":true}}""";
        await WriteAsync(Settings(vault, "refresh: 1h"), Provider);
        using var state = await StateAsync();

        _clock.Advance(TimeSpan.FromSeconds(299));
        Assert.False(state.Loader.IsVaultDue);
        _clock.Advance(TimeSpan.FromSeconds(2));
        Assert.True(state.Loader.IsVaultDue);
        await state.ReloadAsync(Ct);
        Assert.Equal(["GET auth/token/lookup-self", "POST auth/token/renew-self"], vault.TokenRequests);
        Assert.False(state.Loader.IsVaultDue);
        vault.Status = 503;
        _clock.Advance(TimeSpan.FromSeconds(101));
        await state.ReloadAsync(Ct);
        vault.Status = 0;
        _clock.Advance(TimeSpan.FromSeconds(6));
        Assert.True(state.Loader.IsVaultDue); // it is tried again
        await state.ReloadAsync(Ct);

        Assert.Equal(4, vault.TokenRequests.Count);
        Assert.Single(vault.Requests); // what it reads is not due for an hour
        Assert.Empty(state.LastErrors);
    }

    [Theory]
    [InlineData("""{"data":{"ttl":0,"renewable":false}}""")]
    [InlineData("""{"data":{"ttl":600,"renewable":false}}""")]
    [InlineData("no JSON")]
    [InlineData(null)]
    public async Task A_token_that_cannot_be_renewed_is_left_alone(string? about)
    {
        await using var vault = await FakeVault.StartAsync();
        vault.Keep("secret/data/openai", "api_key", "one");
        if (about is not null)
        {
            vault.Answers["auth/token/lookup-self"] = about;
        }

        await WriteAsync(Settings(vault, "refresh: 30s"), Provider);
        using var state = await StateAsync();
        _clock.Advance(TimeSpan.FromSeconds(31));
        await state.ReloadAsync(Ct);

        Assert.Equal(["GET auth/token/lookup-self"], vault.TokenRequests);
        Assert.Equal("one", state.Current.Compiled.Providers["a"].Settings.ApiKey);
    }

    [Fact]
    public async Task What_was_leased_through_a_sign_in_is_read_again_before_that_ends()
    {
        await using var vault = await FakeVault.StartAsync();
        vault.Answers["secret/data/openai"] = """{"lease_id":"x/1","lease_duration":900,"data":{"api_key":"one"}}""";
        vault.Answers["""auth/approle/login {"role_id":"r1","secret_id":"s1"}"""] = FakeVault.Token; // for a minute
        await WriteAsync($"vault: {{ address: \"{vault.Url}\", approle: {{ role_id: r1, secret_id: s1 }} }}", Provider);
        using var state = await StateAsync();

        _clock.Advance(TimeSpan.FromSeconds(41));

        Assert.True(state.Loader.IsVaultDue);
    }

    [Theory]
    [InlineData(503)]
    [InlineData(429)]
    [InlineData(307)]
    [InlineData(-1)]
    public async Task While_the_vault_is_away_the_last_good_values_go_on_with_a_warning_and_it_is_asked_again(int status)
    {
        await using var vault = await FakeVault.StartAsync();
        vault.Keep("secret/data/openai", "api_key", "one");
        await WriteAsync(Settings(vault, "refresh: 30s"), Provider);
        using var state = await StateAsync();

        vault.Status = status;
        _clock.Advance(TimeSpan.FromSeconds(31));
        await state.ReloadAsync(Ct);
        Assert.Empty(state.LastErrors);
        Assert.Contains("cannot be read", Assert.Single(state.Warnings), StringComparison.Ordinal);
        Assert.Equal("one", state.Current.Compiled.Providers["a"].Settings.ApiKey);

        // A change of the file is taken meanwhile.
        await WriteAsync(Settings(vault, "refresh: 30s"), Provider + "\nb: { kind: vllm }");
        await state.ReloadAsync(Ct);
        Assert.Contains("b", state.Current.Compiled.Providers.Keys);

        vault.Status = 0;
        vault.Keep("secret/data/openai", "api_key", "two");
        _clock.Advance(TimeSpan.FromSeconds(6));
        Assert.True(state.Loader.IsVaultDue);
        await state.ReloadAsync(Ct);
        Assert.Empty(state.Warnings);
        Assert.Equal("two", state.Current.Compiled.Providers["a"].Settings.ApiKey);
    }

    [Theory]
    [InlineData(503, "503", "Check its address and state")]
    [InlineData(-1, "does not answer", "Check its address and state")]
    [InlineData(403, "does not let Gatehouse read 'secret/data/openai'", "Give the token's policy 'read'")]
    [InlineData(404, "has nothing at 'secret/data/openai'", "Store it there")]
    [InlineData(200, "is no vault", "Check 'vault.address'")]
    public async Task A_start_without_the_value_is_refused_with_the_place_and_the_reason_and_no_token(
        int status, string problem, string mend)
    {
        await using var vault = await FakeVault.StartAsync();
        vault.Status = status;
        await WriteAsync(Settings(vault), Provider);

        var error = Assert.Single((await Loader().LoadAsync(null, Ct)).Errors);

        Assert.Equal((_configurations.Path, 4), (error.File, error.Line));
        Assert.Contains(problem, error.Message, StringComparison.Ordinal);
        Assert.StartsWith(mend, error.Suggestion, StringComparison.Ordinal);
        Assert.DoesNotContain("canary", error.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("${vault:secret/openai#api_key}", "in a key/value store of version 2 it is 'secret/data/openai'")]
    [InlineData("${vault:secret/data/openai#other}", "mend the name behind '#'")]
    [InlineData("${vault:secret/data/openai}", "Write ${vault:path#field}")]
    [InlineData("${vault:../sys/raw#x}", "Write ${vault:path#field}")]
    [InlineData("${vault:a?b#x}", "Write ${vault:path#field}")]
    [InlineData("${secret:Not_A_Name}", "A name has lower-case letters")]
    public async Task A_reference_that_is_wrong_says_how_it_would_be_right(string reference, string mend)
    {
        await using var vault = await FakeVault.StartAsync();
        vault.Keep("secret/data/openai", "api_key", Canary);
        await WriteAsync(Settings(vault), $"a: {{ kind: vllm, api_key: \"{reference}\" }}");

        Assert.Contains(mend, Assert.Single((await Loader().LoadAsync(null, Ct)).Errors).Suggestion!, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("vault: { token: \"${vault:secret/data/x#y}\" }", "The vault cannot hold what it is reached by.")]
    [InlineData("vault: { token: \"${secret:vault}\" }", "is not open yet")]
    [InlineData("storage: { postgres: \"${secret:db}\" }", "is not open yet")]
    [InlineData("server: { data: \"${secret:data}\" }", "is not open yet")]
    public async Task What_is_needed_to_reach_a_value_cannot_be_kept_behind_it(string text, string problem)
    {
        await File.WriteAllTextAsync(_configurations.Path, text, Ct);

        Assert.Contains(problem, Assert.Single((await Loader().LoadStartAsync(Ct)).Errors).Message, StringComparison.Ordinal);
        Assert.Contains(problem, Assert.Single((await Loader().LoadAsync(null, Ct)).Errors).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_address_of_the_database_may_come_from_the_vault()
    {
        await using var vault = await FakeVault.StartAsync();
        vault.Keep("secret/data/gatehouse", "dsn", "Host=db;Password=" + Canary);
        await WriteAsync(
            Settings(vault) + "\nstorage: { postgres: \"${vault:secret/data/gatehouse#dsn}\" }",
            "a: { kind: vllm, api_key: \"${secret:later}\" }");

        var first = await Loader().LoadStartAsync(Ct);

        Assert.Equal("Host=db;Password=" + Canary, first.Start!.Postgres);
        Assert.DoesNotContain(Canary, first.ToString(), StringComparison.Ordinal);
        Assert.Equal(["later"], first.Start.StoredSecrets);
    }

    [Fact]
    public async Task Checking_a_text_that_somebody_sent_asks_no_vault()
    {
        await using var vault = await FakeVault.StartAsync();
        _configurations.Variables["VAULT_TOKEN"] = FakeVault.Token;

        var errors = _configurations.Check(
            $"vault: {{ address: \"{vault.Url}\" }}\nproviders: {{ a: {{ kind: openai, api_key: \"${{vault:secret/data/openai#api_key}}\" }} }}");

        Assert.Empty(errors);
        Assert.Empty(vault.Requests);
    }

    private const string Provider = "a: { kind: vllm, api_key: \"${vault:secret/data/openai#api_key}\" }\nother: { kind: vllm }";

    private static string Settings(FakeVault vault, string more = "") =>
        $"vault: {{ address: \"{vault.Url}\", token: {FakeVault.Token}, {more} }}";

    private static LoadedConfiguration Good(ConfigurationOutcome outcome)
    {
        Assert.Empty(outcome.Errors);
        return outcome.Loaded!;
    }

    private async Task<LoadedConfiguration> GoodAsync(FakeVault vault, string providers)
    {
        await WriteAsync(Settings(vault), providers);
        return Good(await Loader().LoadAsync(null, Ct));
    }

    private async Task<ConfigurationState> StateAsync()
    {
        var loader = Loader();
        return new ConfigurationState(loader, Good(await loader.LoadAsync(null, Ct)), NullLogger<ConfigurationState>.Instance);
    }

    /// <summary>The first provider stands on line 4.</summary>
    private Task WriteAsync(string settings, string providers) => File.WriteAllTextAsync(
        _configurations.Path, $"{settings}\n\nproviders:\n{string.Join('\n', providers.Split('\n').Select(p => "  " + p))}\n", Ct);

    private ConfigurationLoader Loader() => new(new(_configurations.Path, Required: true), new()
    {
        CreateProvider = settings => new ProviderFactory(TimeProvider.System).Create(settings),
        FindOllamaModels = _ => Task.FromResult<IReadOnlyList<string>?>(null),
        Variable = _configurations.Variables.GetValueOrDefault,
        Clock = _clock,
    });
}
