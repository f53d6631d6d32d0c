using System.Text;
using Gatehouse.Configuration;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Routing;

namespace Gatehouse.Tests.Configuration;

public sealed class PriceTests
{
    /// <summary>In the shape of LiteLLM's file, with what is odd about it.</summary>
    private const string File = """
        {
          "sample_spec": { "input_cost_per_token": "a number", "mode": "one of chat, embedding" },
          "gpt-4o": {
            "litellm_provider": "openai", "mode": "chat", "max_tokens": 16384,
            "input_cost_per_token": 2.5e-06, "output_cost_per_token": 1e-05, "cache_read_input_token_cost": 1.25E-06,
            "input_cost_per_token_batches": 1.25e-06, "input_cost_per_token_priority": 4.25e-06, "supports_vision": true
          },
          "azure/gpt-4o": { "litellm_provider": "azure", "mode": "chat", "input_cost_per_token": 3e-06, "output_cost_per_token": 1.2e-05 },
          "gemini/gemini-2.5-pro": {
            "litellm_provider": "gemini", "mode": "chat", "aliases": ["gemini/gemini-pro-latest"],
            "input_cost_per_token": 1.25e-06, "output_cost_per_token": 1e-05, "cache_read_input_token_cost": 1.25e-07,
            "input_cost_per_token_above_200k_tokens": 2.5e-06, "output_cost_per_token_above_200k_tokens": 1.5e-05,
            "input_cost_per_token_above_128k_tokens": 2e-06,
            "input_cost_per_token_above_200k_tokens_priority": 4e-06
          },
          "claude-x": {
            "litellm_provider": "anthropic", "mode": "chat", "input_cost_per_token": 3e-06, "output_cost_per_token": 0.000015,
            "cache_creation_input_token_cost": 3.75e-06, "cache_creation_input_token_cost_above_1hr": 6e-06, "cache_read_input_token_cost": 3e-07
          },
          "o-think": { "litellm_provider": "openai", "mode": "responses", "input_cost_per_token": 1.4999999999999999e-07, "output_cost_per_token": 6e-07, "output_cost_per_reasoning_token": 9e-07 },
          "together_ai/meta/llama": { "litellm_provider": "together_ai", "mode": "chat", "input_cost_per_token": 1e-07, "output_cost_per_token": 1e-07 },
          "free": { "litellm_provider": "openrouter", "mode": "chat", "input_cost_per_token": 0, "output_cost_per_token": 0 },
          "half": { "litellm_provider": "openai", "mode": "chat", "input_cost_per_token": 1e-06 },
          "nothing": { "litellm_provider": "openai", "mode": "chat", "input_cost_per_token": null, "output_cost_per_token": null },
          "text-embedding-3-small": { "litellm_provider": "openai", "mode": "embedding", "input_cost_per_token": 2e-08, "output_cost_per_token": 0.0 },
          "1024-x-1024/dall-e-2": { "litellm_provider": "openai", "mode": "image_generation", "input_cost_per_pixel": 1.9e-08, "output_cost_per_pixel": 0.0 }
        }
        """;

    [Fact]
    public void The_public_file_is_read_exactly_and_what_it_does_not_say_stays_unknown()
    {
        var prices = PriceFile.Read(Encoding.UTF8.GetBytes(File));

        Assert.Equal(
            ["anthropic/claude-x", "azure/gpt-4o", "gemini/gemini-2.5-pro", "gemini/gemini-pro-latest", "openai/gpt-4o", "openai/o-think",
                "openai/text-embedding-3-small", "openrouter/free", "together/meta/llama"],
            prices.Keys.Order(StringComparer.Ordinal));
        Assert.Equal(
            (0.0000025m, 0.00001m, 0.00000125m),
            (prices["openai/gpt-4o"].Input, prices["openai/gpt-4o"].Output, prices["openai/gpt-4o"].CacheRead!.Value));
        Assert.Equal(0.00000014999999999999999m, prices["openai/o-think"].Input);
        Assert.Equal(0.0000009m, prices["openai/o-think"].Reasoning);
        Assert.Equal(
            (0.00000375m, 0.000006m), (prices["anthropic/claude-x"].CacheWrite!.Value, prices["anthropic/claude-x"].CacheWriteLong!.Value));
        Assert.Equal(0m, prices["openrouter/free"].Input);
    }

    [Fact]
    public void A_tier_prices_the_whole_call_once_its_input_is_larger()
    {
        var price = PriceFile.Read(Encoding.UTF8.GetBytes(File))["gemini/gemini-2.5-pro"];

        Assert.Equal([200_000, 128_000], price.Tiers.Select(t => t.AboveInputTokens));
        Assert.Equal(Nanos.FromUsd(200_000 * 0.000002m), price.CostNanos(new TokenUsage(200_000, 0, 0, 0, 0, 0)));
        Assert.Equal(Nanos.FromUsd((200_001 * 0.0000025m) + (10 * 0.000015m)), price.CostNanos(new TokenUsage(200_001, 0, 0, 0, 10, 0)));
        Assert.Equal(0.000000125m, price.Tiers[0].Price.CacheRead);
    }

    [Theory]
    [InlineData("""{ "m": { "input_cost_per_token": 2.5, "output_cost_per_token": 1 } }""",
        "'input_cost_per_token' of 'm' must be from 0 to 0.01 USD a token")]
    [InlineData("""{ "m": { "input_cost_per_token": -1e-06, "output_cost_per_token": 1e-06 } }""",
        "'input_cost_per_token' of 'm' must be from 0 to 0.01 USD a token")]
    [InlineData("""{ "m": { "input_cost_per_token": "1e-06", "output_cost_per_token": 1e-06 } }""",
        "'input_cost_per_token' of 'm' is not a number")]
    [InlineData("""{ "m": { "input_cost_per_token": 1e999, "output_cost_per_token": 1e-06 } }""",
        "'input_cost_per_token' of 'm' is not a number")]
    [InlineData("[]", "the file is not a JSON object of models")]
    [InlineData("{}", "the file has no model with a price per token")]
    [InlineData("{\n\n{", "the file is not JSON (line 3)")]
    [InlineData("", "the file is not JSON (line 1)")]
    public void A_file_that_cannot_be_true_is_refused_whole(string text, string says)
    {
        var refused = Assert.Throws<FormatException>(() => PriceFile.Read(Encoding.UTF8.GetBytes(text)));

        Assert.Equal(says, refused.Message);
    }

    [Fact]
    public async Task The_import_wins_over_the_built_in_table_and_own_prices_over_both()
    {
        using var configurations = new Configurations();
        System.IO.File.WriteAllText(Path.Combine(configurations.Folder, "prices.json"), File);

        var loaded = await configurations.LoadGoodAsync("""
            prices:
              name: contract
              import: prices.json
              models:
                openai/gpt-4o: { input: 2.25, output: 9, cache_read: 1, reasoning: 8 }
                house: { input: 0, output: 0.5 }
            """);

        var prices = loaded.Compiled.Prices;
        Assert.StartsWith("contract-", prices.Revision, StringComparison.Ordinal);
        Assert.Equal(new(0.00000225m, 0.000009m, 0.000001m, Reasoning: 0.000008m), Find(prices, "any", "openai", "gpt-4o"), SamePrice);
        Assert.Equal(0.000003m, Find(prices, "any", "azure", "gpt-4o")!.Input);
        Assert.Equal(0.0000005m, Find(prices, "mine", "vllm", "house")!.Output);
        Assert.Equal(0.000001m, Find(prices, "simulator", "simulator", "simulator")!.Input);
        Assert.Null(Find(prices, "mine", "vllm", "gpt-4o"));
        Assert.Null(Find(prices, "any", "openai", "a-model-nobody-priced"));
    }

    /// <summary>Prices that come with Gatehouse name the kind of the provider too, and were found first.</summary>
    [Fact]
    public async Task An_own_price_by_the_models_name_alone_wins_whatever_the_provider()
    {
        using var configurations = new Configurations();
        System.IO.File.WriteAllText(Path.Combine(configurations.Folder, "prices.json"), File);

        var loaded = await configurations.LoadGoodAsync("""
            prices:
              import: prices.json
              models:
                gpt-4o: { input: 2.25, output: 9 }
                azure/gpt-4o: { input: 4, output: 16 }
                gemini-2.5-pro: { input: 7, output: 8 }
                simulator: { input: 100, output: 1000 }
                gpt-oss-120b: { input: 50, output: 50 }
            """);

        var prices = loaded.Compiled.Prices;
        Assert.Equal(0.00000225m, Find(prices, "any", "openai", "gpt-4o")!.Input);
        Assert.Equal(0.000004m, Find(prices, "any", "azure", "gpt-4o")!.Input);
        Assert.Equal(0.000007m, Find(prices, "any", "gemini", "gemini-2.5-pro")!.Input);
        Assert.Equal(0.001m, Find(prices, "simulator", "simulator", "simulator")!.Output);
        Assert.True(Find(prices, "any", "groq", "openai/gpt-oss-120b")!.Input < 0.00005m, "a model of another name keeps its price");
    }

    [Fact]
    public async Task A_bad_import_is_an_error_at_its_line()
    {
        using var configurations = new Configurations();
        System.IO.File.WriteAllText(Path.Combine(configurations.Folder, "prices.json"), "{}");

        var bad = await configurations.LoadAsync("prices:\n  import: prices.json\n");
        var missing = await configurations.LoadAsync("prices:\n  import: elsewhere.json\n");

        Assert.Equal((2, 3, "'prices.import' cannot be used: the file has no model with a price per token."), Told(bad));
        Assert.Equal((2, 3, "The file of 'prices.import' does not exist."), Told(missing));

        static (int Line, int Column, string Message) Told(ConfigurationOutcome o) =>
            (o.Errors[0].Line, o.Errors[0].Column, o.Errors[0].Message);
    }

    [Fact]
    public void The_revision_names_the_content()
    {
        var options = new PricesOptions { Models = { ["m"] = new() { Input = 1, Output = 2 } } };

        var first = PriceTables.Build(options, null).Revision;

        Assert.Equal(first, PriceTables.Build(new() { Models = { ["m"] = new() { Input = 1.00m, Output = 2.0m } } }, null).Revision);
        Assert.NotEqual(first, PriceTables.Build(new() { Models = { ["m"] = new() { Input = 1, Output = 3 } } }, null).Revision);
        Assert.NotEqual(first, PriceTables.Build(new(), null).Revision);
    }

    [Fact]
    public void The_built_in_table_prices_a_model_for_each_provider_that_the_default_may_call_and_is_plausible()
    {
        var table = PriceTables.Build(new(), null);

        foreach (var preset in ProviderPresets.All.Where(
            p => p.Kind is "openai" or "anthropic" or "gemini" or "mistral" or "deepseek" or "groq" or "xai" or "simulator"))
        {
            Assert.True(table.TryFind("p", preset.Kind, preset.SmallModel!, out _), $"{preset.Kind}/{preset.SmallModel}");
        }

        // Cached input is never dearer than input, nor output cheaper where there is any, in any list that these come from.
        Assert.All(table.Prices.Values, p =>
            Assert.True(p.Input > 0 && (p.Output >= p.Input || p.Output == 0) && (p.CacheRead ?? 0) <= p.Input && p.Output < 0.001m));
        Assert.True(table.TryFind("p", "openai", "gpt-4o-2024-11-20", out _));
        Assert.True(table.TryFind("p", "anthropic", "claude-sonnet-4-5-20250929", out _));
    }

    private static readonly IEqualityComparer<Price> SamePrice = EqualityComparer<Price>.Create(
        (a, b) => a! with { Tiers = [] } == b! with { Tiers = a.Tiers }
            || (a.Input, a.Output, a.CacheRead, a.Reasoning) == (b.Input, b.Output, b.CacheRead, b.Reasoning));

    private static Price? Find(PriceTable table, string provider, string kind, string model) =>
        table.TryFind(provider, kind, model, out var price) ? price : null;
}
