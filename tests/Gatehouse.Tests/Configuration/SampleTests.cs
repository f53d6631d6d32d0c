namespace Gatehouse.Tests.Configuration;

public sealed class SampleTests
{
    [Fact]
    public async Task The_sample_loads_and_says_what_it_says()
    {
        using var configurations = new Configurations().WithSampleVariables();

        var loaded = await configurations.LoadGoodAsync(Configurations.SampleText);

        Assert.Equal(["openai", "anthropic", "azure-sweden", "house", "simulator"], loaded.Compiled.Providers.Keys);
        Assert.Equal(["assistant", "private", "gpt-*", "claude-*", "simulator"], loaded.Compiled.Routes.Routes.Select(r => r.Name));
        Assert.Equal("assistant", loaded.Compiled.DefaultModel);
        Assert.Equal("https://contoso.openai.azure.com/openai/v1", loaded.Compiled.Providers["azure-sweden"].Settings.BaseUrl.ToString());
        Assert.Equal(TimeSpan.FromSeconds(3), loaded.Compiled.Routes.Routes[0].ConnectTimeout);
        Assert.True(loaded.Compiled.Prices.TryFind("house", "vllm", "qwen3-32b", out var price));
        Assert.Equal(0.0000002m, price.Input);
    }
}
