using Gatehouse.Contracts;

namespace Gatehouse.Observability.Calls;

/// <summary>Explains a call's cost line by line; the lines always add up to the cost of the ledger, to the last billionth.</summary>
internal static class CallCosts
{
    /// <summary>The line that carries what rounding the sum to whole nanos added or took.</summary>
    public const string Rounding = "rounding";

    public static IReadOnlyList<CostLine> Lines(TokenUsage? usage, Price? price, long? costNanos)
    {
        if (usage is not { } tokens)
        {
            return [];
        }

        var tier = costNanos is null ? null : price?.For(tokens);
        var lines = new List<CostLine>();
        Add("uncached_input", tokens.UncachedInput, tier?.Input, always: true);
        Add("cache_read", tokens.CacheRead, tier is null ? null : tier.CacheRead ?? tier.Input);
        Add("cache_write", tokens.CacheWrite, tier is null ? null : tier.CacheWrite ?? tier.Input);
        Add("cache_write_long", tokens.CacheWriteLong, tier is null ? null : tier.CacheWriteLong ?? tier.CacheWrite ?? tier.Input);
        Add("output", tokens.Output, tier?.Output, always: true);
        Add("reasoning", tokens.Reasoning, tier is null ? null : tier.Reasoning ?? tier.Output);
        if (tier is not null && costNanos is { } nanos && Nanos.ToUsd(nanos) - lines.Sum(line => line.Usd) is { } rest and not 0m)
        {
            lines.Add(new CostLine(Rounding, 0, null, rest));
        }

        return lines;

        void Add(string bucket, long count, decimal? usdPerToken, bool always = false)
        {
            if (count > 0 || always)
            {
                lines.Add(new CostLine(bucket, count, usdPerToken, count * usdPerToken));
            }
        }
    }
}
