using Gatehouse.Contracts;

namespace Gatehouse.Observability.Calls;

/// <summary>Explains a call's cost line by line; the lines always add up to the cost of the ledger, to the last billionth.</summary>
internal static class CallCosts
{
    /// <summary>The line that carries what rounding the sum to whole nanos added or took.</summary>
    public const string Rounding = "rounding";

    /// <summary>The line of attempts before the last that was billed; each attempt says its own tokens and cost.</summary>
    public const string EarlierAttempts = "earlier_attempts";

    /// <summary>The line of a whole cost that one price does not explain, once the attempts are no longer kept.</summary>
    public const string AllAttempts = "all_attempts";

    public static IReadOnlyList<CostLine> Lines(TokenUsage? usage, Price? price, long? costNanos, IReadOnlyList<CallAttempt> attempts)
    {
        if (usage is not { } tokens || costNanos is not { } nanos)
        {
            return Lines(usage, price, costNanos);
        }

        var billed = attempts.Where(a => a is { Usage: not null, CostUsd: not null }).ToList();
        if (billed.Count > 1)
        {
            var last = billed[^1];
            var earlier = billed.Take(billed.Count - 1).ToList();
            return
            [
                .. Lines(last.Usage, price, Nanos.FromUsd(last.CostUsd!.Value)),
                new CostLine(EarlierAttempts, earlier.Sum(a => a.Usage!.Value.Total), null, earlier.Sum(a => a.CostUsd)),
            ];
        }

        return billed.Count == 1 || price?.CostNanos(tokens) == nanos
            ? Lines(usage, price, costNanos)
            : [.. Lines(usage, price, null), new CostLine(AllAttempts, 0, null, Nanos.ToUsd(nanos))];
    }

    private static List<CostLine> Lines(TokenUsage? usage, Price? price, long? costNanos)
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
        Add("audio_input", tokens.AudioInput, tier is null ? null : tier.AudioInput ?? tier.Input);
        Add("image_input", tokens.ImageInput, tier is null ? null : tier.ImageInput ?? tier.Input);
        Add("audio_output", tokens.AudioOutput, tier is null ? null : tier.AudioOutput ?? tier.Output);
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
