using Gatehouse.Configuration;
using Gatehouse.Gateway.Providers;

namespace Gatehouse.Tests.Configuration;

public sealed class ProviderCompilerTests
{
    [Theory]
    [InlineData("base_url: 'https://x.openai.azure.com'", "https://x.openai.azure.com/openai/v1", "")]
    [InlineData("base_url: 'https://x.openai.azure.com/'", "https://x.openai.azure.com/openai/v1", "")]
    [InlineData("base_url: 'https://x.openai.azure.com', deployment: 'my gpt'", "https://x.openai.azure.com/openai/deployments/my%20gpt", "api-version=2024-10-21")]
    [InlineData("base_url: 'https://x.openai.azure.com', deployment: a, api_version: 2025-01-01-preview", "https://x.openai.azure.com/openai/deployments/a", "api-version=2025-01-01-preview")]
    [InlineData("base_url: 'https://gateway.example/azure/v1/', api_version: preview", "https://gateway.example/azure/v1", "api-version=preview")]
    public async Task Azure_is_addressed_by_resource_deployment_or_as_written(string settings, string address, string query)
    {
        using var configurations = new Configurations().WithSampleVariables();

        var loaded = await configurations.LoadGoodAsync($"providers: {{ a: {{ kind: azure, {settings} }} }}");

        var made = loaded.Compiled.Providers["a"].Settings;
        Assert.Equal((address, query, "api-key"), (made.BaseUrl.AbsoluteUri, made.Query, made.ApiKeyHeader));
        Assert.Equal("azure-of-the-tests", made.ApiKey);
    }

    [Fact]
    public async Task A_provider_may_depart_from_its_kind_in_every_part()
    {
        using var configurations = new Configurations().WithSampleVariables();

        var loaded = await configurations.LoadGoodAsync("""
            providers:
              own:
                kind: openai
                base_url: http://127.0.0.1:9/v2/
                api_key: mine
                api_key_header: x-api-key
                headers: { X-Team: search }
                stream_usage: false
                max_tokens_field: max_tokens
            """);

        var made = loaded.Compiled.Providers["own"].Settings;
        Assert.Equal(("http://127.0.0.1:9/v2", "mine", "x-api-key"), (made.BaseUrl.AbsoluteUri, made.ApiKey, made.ApiKeyHeader));
        Assert.Equal((false, "max_tokens", "search"), (made.StreamUsage, made.MaxTokensField, made.Headers["X-Team"]));
    }

    [Fact]
    public async Task The_simulator_is_there_whatever_the_file_says_and_as_it_is_configured()
    {
        using var configurations = new Configurations();

        var absent = await configurations.LoadGoodAsync("providers: { a: { kind: vllm } }");
        var configured = await configurations.LoadGoodAsync("""
            providers:
              simulator:
                kind: simulator
                simulator: { seed: 3, latency: 20ms, faults: [ { kind: overloaded, share: 0.5, every: 10m, for: 30s, retry_after: 2s } ] }
            """);

        Assert.True(absent.Compiled.Routes.TryFind("simulator", out _));
        var settings = configured.Compiled.Providers["simulator"].Settings.Simulator!;
        Assert.Equal((3, TimeSpan.FromMilliseconds(20)), (settings.Seed, settings.Latency));
        Assert.Equal(
            new(SimulatorFaultKind.Overloaded, 0.5, TimeSpan.FromMinutes(10), TimeSpan.FromSeconds(30), TimeSpan.FromSeconds(2)), Assert.Single(settings.Faults));
    }

    [Fact]
    public void Every_preset_has_an_address_or_asks_for_one_and_its_routes_are_its_own()
    {
        Assert.All(ProviderPresets.All, p => Assert.True(p.BaseUrl is null || new Uri(p.BaseUrl).AbsoluteUri == p.BaseUrl, p.Kind));
        Assert.All(ProviderPresets.All.Where(p => p.NeedsKey), p => Assert.NotEmpty(p.KeyVariables));
        Assert.Equal(ProviderPresets.Kinds.Count, ProviderPresets.Kinds.Distinct().Count());
    }
}
