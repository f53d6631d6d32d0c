using Gatehouse.Configuration;
using Microsoft.Extensions.Logging.Abstractions;

namespace Gatehouse.Tests.Configuration;

public sealed class CredentialListTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_list_of_references_becomes_credentials_and_is_shown_as_references()
    {
        using var configurations = new Configurations();
        configurations.Variables["A"] = "sk-canary-a";
        configurations.Variables["B"] = "sk-canary-b";

        var loaded = await configurations.LoadGoodAsync(
            "providers: { p: { kind: openai, api_keys: [ \"${A}\", \"${B}\", sk-canary-c ] } }");

        Assert.Equal(["sk-canary-a", "sk-canary-b", "sk-canary-c"], loaded.Compiled.Providers["p"].Settings.ApiKeys);
        Assert.Equal("sk-canary-a", loaded.Compiled.Providers["p"].Settings.ApiKey);
        Assert.Contains("- \"${A}\"", loaded.Text, StringComparison.Ordinal);
        Assert.Contains("- \"***\"", loaded.Text, StringComparison.Ordinal);
        Assert.DoesNotContain("canary", loaded.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_list_of_one_is_one_credential()
    {
        using var configurations = new Configurations();

        var loaded = await configurations.LoadGoodAsync("providers: { p: { kind: openai, api_keys: [ only ] } }");

        Assert.Equal("only", loaded.Compiled.Providers["p"].Settings.ApiKey);
        Assert.Null(loaded.Compiled.Providers["p"].Credentials);
    }

    [Theory]
    [InlineData("api_key: a, api_keys: [ b ]", "'providers.p' has both 'api_key' and 'api_keys'.")]
    [InlineData("api_keys: [ a, a ]", "'providers.p.api_keys[1]' is there already.")]
    [InlineData("api_keys: [ 'a b' ]", "'providers.p.api_keys[0]' is empty or has characters that a header cannot carry.")]
    [InlineData("api_keys: [ { a: b } ]", "'providers.p.api_keys[0]' must be one value; this is a mapping.")]
    public void A_list_that_makes_no_sense_is_refused(string keys, string message)
    {
        using var configurations = new Configurations();

        Assert.Contains(message, configurations.Check($"providers: {{ p: {{ kind: openai, {keys} }} }}").Select(e => e.Message));
    }

    [Fact]
    public async Task A_refused_credential_is_named_by_its_place_only()
    {
        using var configurations = new Configurations();
        File.WriteAllText(configurations.Path, "providers: { p: { kind: vllm, api_keys: [ sk-canary-a, sk-canary-b ] } }");
        var loader = configurations.Loader();
        using var state = new ConfigurationState(
            loader, (await loader.LoadAsync(null, Ct)).Loaded!, NullLogger<ConfigurationState>.Instance);
        state.Current.Compiled.Providers["p"].Credentials!.TryRotate(1, 401, null);

        var checks = await Doctor.Of(state, new DoctorEdges
        {
            Connect = (_, _) => Task.CompletedTask,
            PingDatabase = (_, _) => Task.FromResult(("SQLite", (DateTimeOffset?)null)),
        }, () => []).RunAsync(Ct);

        var check = Assert.Single(checks, c => c.Name == "provider p");
        Assert.Equal(
            (DoctorState.Warning, "p refuses api_keys[1]; its other credentials are used meanwhile."), (check.State, check.Message));
        Assert.DoesNotContain("canary", string.Join('\n', checks), StringComparison.Ordinal);
    }
}
