using System.Security.Cryptography;
using System.Text.Json;
using Gatehouse.Configuration;
using Gatehouse.Gateway.Providers;

namespace Gatehouse.Tests.Configuration;

public sealed class ProviderCompilerTests
{
    [Theory]
    [InlineData("base_url: 'https://x.openai.azure.com'", "https://x.openai.azure.com/openai/v1", "")]
    [InlineData("base_url: 'https://x.openai.azure.com/'", "https://x.openai.azure.com/openai/v1", "")]
    [InlineData("base_url: 'https://x.openai.azure.com', deployment: 'my gpt'", "https://x.openai.azure.com/openai/deployments/my%20gpt",
        "api-version=2024-10-21")]
    [InlineData("base_url: 'https://x.openai.azure.com', deployment: a, api_version: 2025-01-01-preview",
        "https://x.openai.azure.com/openai/deployments/a", "api-version=2025-01-01-preview")]
    [InlineData("base_url: 'https://x.openai.azure.com', api_version: 2024-10-21", "https://x.openai.azure.com/openai",
        "api-version=2024-10-21")]
    [InlineData("base_url: 'https://x.openai.azure.com', api_version: preview", "https://x.openai.azure.com/openai/v1",
        "api-version=preview")]
    [InlineData("base_url: 'https://gateway.example/azure/v1/', api_version: preview", "https://gateway.example/azure/v1",
        "api-version=preview")]
    public async Task Azure_is_addressed_by_resource_deployment_or_as_written(string settings, string address, string query)
    {
        using var configurations = new Configurations().WithSampleVariables();

        var loaded = await configurations.LoadGoodAsync($"providers: {{ a: {{ kind: azure, {settings} }} }}");

        var made = loaded.Compiled.Providers["a"].Settings;
        Assert.Equal((address, query, "api-key"), (made.BaseUrl.AbsoluteUri, made.Query, made.ApiKeyHeader));
        Assert.Equal("azure-of-the-tests", made.ApiKey);
        Assert.Equal(address.EndsWith("/openai", StringComparison.Ordinal), made.ModelInPath);
    }

    [Theory]
    [InlineData("aws: { region: eu-central-1, access_key_id: AK, secret_access_key: SK, session_token: ST }",
        "https://bedrock-runtime.eu-central-1.amazonaws.com/", "eu-central-1 AK SK ST")]
    [InlineData("aws: { region: cn-north-1, access_key_id: AK, secret_access_key: SK }",
        "https://bedrock-runtime.cn-north-1.amazonaws.com.cn/", "cn-north-1 AK SK ")]
    [InlineData("base_url: 'https://bedrock-runtime-fips.us-west-2.amazonaws.com', aws: { access_key_id: AK, secret_access_key: SK }",
        "https://bedrock-runtime-fips.us-west-2.amazonaws.com/", "us-west-2 AK SK ")]
    [InlineData("base_url: 'https://vpce-1-2.bedrock-runtime.us-east-2.vpce.amazonaws.com', aws: { access_key_id: AK, secret_access_key: SK }", "https://vpce-1-2.bedrock-runtime.us-east-2.vpce.amazonaws.com/", "us-east-2 AK SK ")]
    [InlineData("", "https://bedrock-runtime.ap-south-1.amazonaws.com/", "ap-south-1 AKENV SKENV STENV", "AWS_REGION=ap-south-1",
        "AWS_ACCESS_KEY_ID=AKENV", "AWS_SECRET_ACCESS_KEY=SKENV", "AWS_SESSION_TOKEN=STENV")]
    public async Task Bedrock_is_addressed_by_region_and_signed_as_configured_or_as_the_environment_says(
        string settings, string address, string signed, params string[] variables)
    {
        using var configurations = new Configurations();
        foreach (var variable in variables)
        {
            configurations.Variables[variable.Split('=')[0]] = variable.Split('=')[1];
        }

        var loaded = await configurations.LoadGoodAsync(
            $"providers: {{ a: {{ kind: bedrock{(settings.Length > 0 ? ", " : "")}{settings} }} }}");

        var made = loaded.Compiled.Providers["a"].Settings;
        Assert.Equal(address, made.BaseUrl.AbsoluteUri);
        Assert.Equal(signed, $"{made.Aws!.Region} {made.Aws.AccessKeyId} {made.Aws.SecretAccessKey} {made.Aws.SessionToken}");
        Assert.True(made.HasCredential);
        Assert.Null(made.ApiKey);
    }

    [Theory]
    [InlineData("", "needs a region")]
    [InlineData("aws: { region: eu-central-1 }", "has no credential")]
    [InlineData("aws: { region: 'evil.example/', access_key_id: AK, secret_access_key: SK }", "is no name of a region")]
    [InlineData("aws: { region: eu-central-1, access_key_id: AK }", "needs both")]
    public async Task What_bedrock_lacks_is_said(string settings, string expected)
    {
        using var configurations = new Configurations();

        var errors = (await configurations.LoadAsync(
            $"providers: {{ a: {{ kind: bedrock{(settings.Length > 0 ? ", " : "")}{settings} }} }}")).Errors;

        Assert.Contains(errors, e => e.Message.Contains(expected, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("google: { location: europe-west4, service_account: '${file:sa.json}' }",
        "https://europe-west4-aiplatform.googleapis.com/v1/projects/of-the-account/locations/europe-west4/publishers/google")]
    [InlineData("google: { project: p, service_account: '${file:sa.json}' }",
        "https://aiplatform.googleapis.com/v1/projects/p/locations/global/publishers/google")]
    [InlineData("base_url: 'http://127.0.0.1:9', google: { project: p, location: eu, service_account: '${file:sa.json}' }",
        "http://127.0.0.1:9/v1/projects/p/locations/eu/publishers/google")]
    public async Task Vertex_is_addressed_by_project_and_location(string settings, string address)
    {
        using var configurations = new Configurations();
        using var key = RSA.Create(2048);
        await File.WriteAllTextAsync(Path.Combine(configurations.Folder, "sa.json"), JsonSerializer.Serialize(new Dictionary<string, string>
        {
            ["project_id"] = "of-the-account", ["client_email"] = "a@b", ["private_key_id"] = "k1",
            ["private_key"] = key.ExportPkcs8PrivateKeyPem(),
        }), TestContext.Current.CancellationToken);

        var loaded = await configurations.LoadGoodAsync($"providers: {{ a: {{ kind: vertex, {settings} }} }}");

        var made = loaded.Compiled.Providers["a"].Settings;
        Assert.Equal(address, made.BaseUrl.AbsoluteUri);
        Assert.Equal(
            ("a@b", "k1", "https://oauth2.googleapis.com/token"),
            (made.Google!.ClientEmail, made.Google.PrivateKeyId, made.Google.TokenUri.AbsoluteUri));
    }

    [Fact]
    public async Task A_service_account_that_cannot_sign_is_no_credential()
    {
        using var configurations = new Configurations();

        var errors =
            (await configurations.LoadAsync(
                """providers: { a: { kind: vertex, google: { project: p, service_account: '{"client_email":"a","private_key":"no key"}' } } }""")).Errors;

        Assert.Contains(errors, e => e.Message.Contains("has no credential", StringComparison.Ordinal));
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
            new(SimulatorFaultKind.Overloaded, 0.5, TimeSpan.FromMinutes(10), TimeSpan.FromSeconds(30), TimeSpan.FromSeconds(2)),
            Assert.Single(settings.Faults));
    }

    [Fact]
    public void Every_preset_has_an_address_or_asks_for_one_and_its_routes_are_its_own()
    {
        Assert.All(ProviderPresets.All, p => Assert.True(p.BaseUrl is null || new Uri(p.BaseUrl).AbsoluteUri == p.BaseUrl, p.Kind));
        Assert.All(ProviderPresets.All.Where(p => p.NeedsKey), p => Assert.NotEmpty(p.KeyVariables));
        Assert.Equal(ProviderPresets.Kinds.Count, ProviderPresets.Kinds.Distinct().Count());
    }
}
