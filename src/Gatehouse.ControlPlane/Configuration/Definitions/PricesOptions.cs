namespace Gatehouse.Configuration;

/// <summary>Section <c>prices</c>.</summary>
public sealed class PricesOptions
{
    [Setting("A name for this table of prices, written on each ledger entry beside a hash of its content.")]
    public string Name { get; set; } = "prices";

    [Setting("A file in the shape of LiteLLM's `model_prices_and_context_window.json`. Relative to this file.", DefaultText = "none")]
    public string? Import { get; set; }

    [Setting("Prices of your own, by `provider/model` or `model`. They win over every other source.", EntryName = "model")]
    public Dictionary<string, ModelPriceOptions> Models { get; set; } = [];
}

/// <summary>The price of one model, in US dollars per million tokens.</summary>
public sealed class ModelPriceOptions
{
    [Setting("Input tokens, USD per million.", Required = true, Min = "0", Max = "10000")]
    public decimal Input { get; set; }

    [Setting("Output tokens, USD per million.", Required = true, Min = "0", Max = "10000")]
    public decimal Output { get; set; }

    [Setting("Input tokens read from the provider's cache, USD per million.", Min = "0", Max = "10000", DefaultText = "`input`")]
    public decimal? CacheRead { get; set; }

    [Setting("Input tokens written to the provider's cache, USD per million.", Min = "0", Max = "10000", DefaultText = "`input`")]
    public decimal? CacheWrite { get; set; }

    [Setting("Input tokens written to the provider's cache for an hour, USD per million.", Min = "0", Max = "10000",
        DefaultText = "`cache_write`")]
    public decimal? CacheWriteLong { get; set; }

    [Setting("Reasoning tokens, USD per million.", Min = "0", Max = "10000", DefaultText = "`output`")]
    public decimal? Reasoning { get; set; }

    [Setting("Input tokens of sound, USD per million.", Min = "0", Max = "10000", DefaultText = "`input`")]
    public decimal? AudioInput { get; set; }

    [Setting("Input tokens of pictures, USD per million.", Min = "0", Max = "10000", DefaultText = "`input`")]
    public decimal? ImageInput { get; set; }

    [Setting("Output tokens of sound, USD per million.", Min = "0", Max = "10000", DefaultText = "`output`")]
    public decimal? AudioOutput { get; set; }

    [Setting("The longest input that the model takes, in tokens; bounds what budgets reserve for a call.", Min = "1", Max = "100000000",
        DefaultText = "none")]
    public int? MaxInputTokens { get; set; }

    [Setting("The longest output that the model gives, in tokens; what budgets reserve for a call without a limit of its own.", Min = "1",
        Max = "100000000", DefaultText = "none")]
    public int? MaxOutputTokens { get; set; }
}
